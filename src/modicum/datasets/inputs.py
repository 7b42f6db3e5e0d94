"""Pictures without labels that are named by files, folders and globs: what is predicted, or learned from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from glob import glob
from pathlib import Path

from modicum.datasets.layouts.found import pictures_in, plain
from modicum.datasets.layouts.generic import FIELDS_OF_VIEW, LABELS
from modicum.datasets.layouts.pairing import looks_like_label, pair
from modicum.errors import ModicumError


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
    named = {f for f in files if any(plain(part) in (*LABELS, *FIELDS_OF_VIEW) for part in f.relative_to(folder).parts[:-1])}
    others = [f for f in files if f not in named]
    if not others:
        return set()
    beside = [f for f in others if looks_like_label(f)]
    pictures = [f for f in others if f not in set(beside)]
    owned = {p for c in pair(pictures, beside, roots=(folder, folder, None), layout="").cases for p in c.labels}
    return named | owned
