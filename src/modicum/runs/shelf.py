"""Pictures that are too many for the memory: the system keeps of them what there is room for, and reads the rest again."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import numpy.typing as npt

from modicum.console import say
from modicum.views import TrainingPicture

_BLOCK = 2**28  # bytes that are kept in memory before they are set down


def shelved(pictures: Iterable[TrainingPicture], folder: Path) -> list[TrainingPicture]:
    """The same pictures; all but the last 256 MB of their pixels lie in nameless files of a folder, which end with the process.

    Where the folder has no room for them they stay in memory.
    """
    done: list[TrainingPicture] = []
    pending: list[TrainingPicture] = []
    size = 0
    for picture in pictures:
        pending.append(picture)
        size += sum(a.nbytes for a in _arrays(picture))
        if size >= _BLOCK:
            try:
                done += _set_down(pending, folder)
            except OSError as error:
                say(f"{folder} has no room for decoded pictures ({error.strerror or error}): they stay in memory")
                done += pending
            pending, size = [], 0
    return done + pending


def _arrays(picture: TrainingPicture) -> list[npt.NDArray[np.uint8]]:
    return [picture.image, picture.label, *([] if picture.valid is None else [picture.valid])]


def _set_down(pictures: Sequence[TrainingPicture], folder: Path) -> list[TrainingPicture]:
    with TemporaryFile(dir=folder) as file:
        for picture in pictures:
            for array in _arrays(picture):
                file.write(np.ascontiguousarray(array).data)
        file.flush()
        kept = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    place = 0

    def mapped(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        nonlocal place
        found = np.frombuffer(kept, array.dtype, array.size, place).reshape(array.shape)
        place += array.nbytes
        return found

    return [
        replace(p, image=mapped(p.image), label=mapped(p.label), valid=None if p.valid is None else mapped(p.valid))
        for p in pictures
    ]
