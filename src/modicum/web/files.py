"""Files as they lie on disk: which there are, what changes when they are written, and small ones written at once."""

from __future__ import annotations

import os
from pathlib import Path

from modicum.errors import ModicumError

Stamp = tuple[int, int, int]


def stamp(path: Path | str) -> Stamp:
    """When a file was written, its size, and when anything of it changed (its name, too); zeros where there is none."""
    try:
        seen = os.stat(path)  # noqa: PTH116 - asked of tens of thousands of files, each time the page is opened
    except OSError:
        return 0, 0, 0
    return seen.st_mtime_ns, seen.st_size, seen.st_ctime_ns


def stamps(root: Path) -> dict[str, Stamp]:
    """Of all files in a folder and below that are not hidden."""
    found = {}
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if not f.startswith(".")]
        found.update({path: stamp(path) for path in (f"{folder}/{n}" for n in names if not n.startswith("."))})
    return found


def write_text(path: Path, text: str) -> None:
    """A small file, whole or not at all."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_text(text, "utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise ModicumError(f"cannot be written ({error.strerror}).", file=path) from None
