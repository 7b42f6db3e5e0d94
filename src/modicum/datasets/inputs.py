"""Pictures without labels that are named by files, folders and globs: what is predicted, or learned from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from glob import glob
from pathlib import Path

from modicum.datasets.layouts.found import pictures_in, plain, series_in, stem, unread_in
from modicum.datasets.layouts.generic import FIELDS_OF_VIEW, LABELS, PICTURE_FOLDERS
from modicum.datasets.layouts.pairing import SECOND_OBSERVER, looks_like_label, pair
from modicum.errors import ModicumError
from modicum.images.formats import is_dicom

_CALLED_SO = (*LABELS, *FIELDS_OF_VIEW, "2nd manual")


@dataclass
class PassedOver:
    """Files of folders that were named, and are not used."""

    labels: list[Path] = field(default_factory=list)  # and fields of view, of pictures beside them
    deeper: list[Path] = field(default_factory=list)  # pictures in subfolders of a folder of pictures
    unread: list[Path] = field(default_factory=list)  # pictures in formats that are not read

    def told(self, what: str) -> list[str]:
        """A sentence for each kind, which begins with `what`, such as "Not segmented"."""
        return [
            f"{what}: {len(files)} {kind}, such as {files[0]}{remedy}."
            for files, kind, remedy in (
                (self.labels, "files that are labels or fields of view by name", ""),
                (self.deeper, "pictures in folders below one that holds pictures itself", "; name those folders as well"),
                (self.unread, "files of a format that is not read", "; save them as PNG or TIFF"),
            )
            if files
        ]


def expand(inputs: Iterable[str], passed_over: PassedOver | None = None) -> list[Path]:
    """Every picture that files, folders and globs name, in order, each once; of a folder without any those below it.

    Files of one DICOM series are one volume, for which its first file stands.

    Args:
        passed_over: takes what lies in the folders and is not given.

    Raises:
        ModicumError: something named does not exist, or no picture is found.
    """
    found: dict[Path, None] = {}
    left = PassedOver() if passed_over is None else passed_over
    for one in inputs:
        path = Path(one)
        if path.is_dir():
            below = pictures_in(path, deep=True)
            files = pictures_in(path) or below
            labels = _labels_among(below, path)
            found |= dict.fromkeys(f for f in files if f not in labels)
            left.labels += sorted(labels.intersection(files))
            left.deeper += sorted({*below} - {*files} - labels)
            left.unread += unread_in(path)
        elif path.exists():
            found[path] = None
        elif matches := sorted(glob(one, recursive=True)):
            found |= dict.fromkeys(Path(m) for m in matches if Path(m).is_file())
        else:
            raise ModicumError("there is no such file or folder.", file=path)
    if not found:
        raise ModicumError(f"no picture was found in: {', '.join(inputs)}.", remedy="Give picture files or their folder.")
    return list(dict.fromkeys(_firsts_of_series(list(found))))


def _firsts_of_series(files: Sequence[Path]) -> list[Path]:
    """The same with the first file of a DICOM series in place of any, where several files of one folder are named."""
    of_folder = Counter(f.parent for f in files if is_dicom(f))
    places = [place for place, count in of_folder.items() if count > 1]
    first = {f: one.files[0] for place in places for one in series_in(place) for f in one.files}
    return [first.get(f, f) for f in files]


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
