"""Pictures without labels that are named by files, folders and globs: what is predicted, or learned from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from glob import glob
from pathlib import Path

from modicum.datasets.layouts.found import pictures_in, plain, stem
from modicum.datasets.layouts.generic import FIELDS_OF_VIEW, LABELS, PICTURE_FOLDERS
from modicum.datasets.layouts.pairing import SECOND_OBSERVER, looks_like_label, pair
from modicum.errors import ModicumError

_CALLED_SO = (*LABELS, *FIELDS_OF_VIEW, "2nd manual")


def expand(inputs: Iterable[str], passed_over: list[Path] | None = None) -> list[Path]:
    """Every picture that files, folders and globs name, in order, each once; of a folder without any those below it.

    Args:
        passed_over: takes the files of folders that are labels or fields of view of pictures beside them.

    Raises:
        ModicumError: something named does not exist, or no picture is found.
    """
    found: dict[Path, None] = {}
    for one in inputs:
        path = Path(one)
        if path.is_dir():
            files = pictures_in(path) or pictures_in(path, deep=True)
            labels = _labels_among(files, path)
            found |= dict.fromkeys(f for f in files if f not in labels)
            if passed_over is not None:
                passed_over += sorted(labels)
        elif path.exists():
            found[path] = None
        elif matches := sorted(glob(one, recursive=True)):
            found |= dict.fromkeys(Path(m) for m in matches if Path(m).is_file())
        else:
            raise ModicumError("there is no such file or folder.", file=path)
    if not found:
        raise ModicumError(f"no picture was found in: {', '.join(inputs)}.", remedy="Give picture files or their folder.")
    return list(found)


def _labels_among(files: Sequence[Path], folder: Path) -> set[Path]:
    """Files in folders called as those of labels and fields of view, where there are others; and labels beside pictures."""
    inner = {
        p for place in {f.parent for f in files} for p in (place, *place.parents) if p.is_relative_to(folder) and p != folder
    }
    theirs = {p for p in inner if _holds_labels(p)}
    named = {f for f in files if not theirs.isdisjoint(f.parents)}
    others = [f for f in files if f not in named]
    if not others:
        return set()
    beside = [f for f in others if looks_like_label(f)]
    pictures = [f for f in others if f not in set(beside)]
    owned = {p for c in pair(pictures, beside, roots=(folder, folder, None), layout="").cases for p in c.labels}
    second = {p for p in beside if owned and SECOND_OBSERVER.search(stem(p))}
    return named | owned | second


def _holds_labels(folder: Path) -> bool:
    """Whether a folder is called as those of labels or fields of view are, and pictures lie beside it."""
    name = plain(folder.name)
    if not (name in _CALLED_SO or name.startswith(("labels", "masks "))):
        return False
    beside = (plain(p.name) for p in folder.parent.iterdir() if p.is_dir())
    return any(n in PICTURE_FOLDERS or n.startswith("images") for n in beside) or bool(pictures_in(folder.parent))
