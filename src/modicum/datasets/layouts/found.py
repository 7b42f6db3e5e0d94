"""What a layout found, and how files are listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modicum.datasets.case import Case, Part
from modicum.errors import Finding
from modicum.images.formats import is_picture, is_volume, picture_suffix

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
    """The file's name without the suffix by which it is read (`im0001.ppm.gz` -> `im0001`)."""
    name = Path(path).name
    suffix = picture_suffix(path)
    return name[: -len(suffix)] if suffix else name


def pictures_in(folder: Path, *, deep: bool = False) -> list[Path]:
    """Picture files of a folder, sorted; with `deep`, of its subfolders too. Hidden ones are passed over."""
    if not folder.is_dir():
        return []
    found: Iterable[Path] = folder.rglob("*") if deep else folder.iterdir()
    return sorted(p for p in found if is_picture(p) and p.is_file() and not _hidden(p.relative_to(folder)))


def first_volume(folder: Path) -> Path | None:
    """A volume file in the folder or below it, if there is one."""
    return next((p for p in sorted(folder.rglob("*")) if is_volume(p) and not _hidden(p.relative_to(folder))), None)


def subfolders(folder: Path) -> dict[str, Path]:
    """Subfolders by their name in lower case, `_` and `-` read as spaces; hidden ones are passed over."""
    found = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "__")))
    return {plain(p.name): p for p in found}


def plain(name: str) -> str:
    """A folder's name as people mean it."""
    return name.lower().replace("_", " ").replace("-", " ").strip()


def _hidden(relative: Path) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in relative.parts)
