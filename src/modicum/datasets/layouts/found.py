"""What a layout found, and how files are listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modicum.datasets.case import Case, Part
from modicum.errors import Finding
from modicum.images.formats import UNREAD_SUFFIXES, is_dicom, is_picture, is_volume, picture_suffix

if TYPE_CHECKING:
    from modicum.images.volumes.dicom import Series

PARTS: dict[str, Part] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


@dataclass
class Found:
    """The cases of a layout, with what was guessed and what was wrong."""

    layout: str
    cases: list[Case]
    notes: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    classes: Mapping[str, Any] | None = None  # name -> value or colour


def stem(path: Path | str) -> str:
    """The file's name without the suffix by which it is read (`im0001.ppm.gz` -> `im0001`); of DICOM that of its folder.

    Several series of one folder keep their files' names.
    """
    if is_dicom(path) and len(_first_of_each(Path(path).parent)) == 1:
        return Path(path).parent.name
    name = Path(path).name
    suffix = "" if (end := picture_suffix(path))[1:].isdigit() else end  # what follows the last dot of a UID is none
    return name[: -len(suffix)] if suffix else name


def pictures_in(folder: Path, *, deep: bool = False) -> list[Path]:
    """Picture and volume files of a folder, sorted; with `deep`, of its subfolders too. Hidden ones are passed over.

    Of a DICOM series the first file stands for all.
    """
    if not folder.is_dir():
        return []
    found: Iterable[Path] = folder.rglob("*") if deep else folder.iterdir()
    files = sorted(p for p in found if p.is_file() and not _hidden(p.relative_to(folder)))
    series = {p.parent for p in files if is_dicom(p)}
    kept = [p for p in files if (is_picture(p) or is_volume(p)) and not is_dicom(p)]
    return sorted([*kept, *(one for place in series for one in _first_of_each(place))])


def unread_in(folder: Path) -> list[Path]:
    """Pictures below a folder in formats that are not read, sorted."""
    found = (p for p in folder.rglob("*") if p.suffix.lower() in UNREAD_SUFFIXES and not _hidden(p.relative_to(folder)))
    return sorted(p for p in found if p.is_file())


def dicom_folders(folder: Path) -> list[Path]:
    """The folder and those below it that hold DICOM files, sorted."""
    return sorted({p.parent for p in folder.rglob("*") if p.is_file() and not _hidden(p.relative_to(folder)) and is_dicom(p)})


def _first_of_each(folder: Path) -> list[Path]:
    return [series.files[0] for series in series_in(folder)]


def series_in(folder: Path) -> list[Series]:
    """All DICOM series of pictures in a folder."""
    from modicum.images.volumes import dicom

    return dicom.series_in(folder)


def subfolders(folder: Path) -> dict[str, Path]:
    """Subfolders by their name in lower case, `_` and `-` read as spaces; hidden ones are passed over."""
    found = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "__")))
    return {plain(p.name): p for p in found}


def plain(name: str) -> str:
    """A folder's name as people mean it."""
    return name.lower().replace("_", " ").replace("-", " ").strip()


def _hidden(relative: Path) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in relative.parts)
