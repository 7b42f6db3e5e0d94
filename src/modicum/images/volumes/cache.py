"""The volumes that were read last: a data set is looked at slice by slice, and its files are decoded once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy.typing as npt

from modicum.errors import ModicumError
from modicum.images.formats import is_dicom
from modicum.images.volumes.reading import read_volume, read_volume_mask, volume_grid
from modicum.images.volumes.volume import Grid, Volume

_MOST = 3
_lock = threading.Lock()
_volumes: OrderedDict[tuple[Path, int, Path | None], Volume] = OrderedDict()
_placed: OrderedDict[tuple[Path, int, Path | None], npt.NDArray[Any]] = OrderedDict()
_masks: OrderedDict[tuple[Path, int, Path | None], npt.NDArray[Any]] = OrderedDict()


def cached_volume(path: Path) -> Volume:
    """As `read_volume`; one of the last three is not read again. Threads wait for each other."""
    found: Volume = _remembered(_volumes, path, read_volume)
    return found


def cached_mask(path: Path, of: Path | None = None) -> npt.NDArray[Any]:
    """As `read_volume_mask`, likewise; a DICOM segmentation, which may have fewer slices, on the grid of its volume `of`."""
    if of is None or not is_dicom(path):
        found: npt.NDArray[Any] = _remembered(_masks, path, read_volume_mask)
        return found
    volume = cached_volume(of)
    placed: npt.NDArray[Any] = _remembered(_placed, path, lambda p: _on_grid(p, volume), of)
    return placed


def _on_grid(path: Path, volume: Volume) -> npt.NDArray[Any]:
    try:
        return read_volume(path).on_grid_of(volume)
    except ModicumError as error:
        raise ModicumError(error.problem, file=error.file or path, remedy=error.remedy) from None


def cached_grid(path: Path) -> Grid:
    """As `volume_grid`; the header of a file, or of all files of a series, is read once."""
    return _grid(path, path.stat().st_mtime_ns if path.exists() else 0)


@lru_cache(maxsize=10_000)
def _grid(path: Path, changed: int) -> Grid:
    return volume_grid(path)


def _remembered(store: Any, path: Path, read: Any, of: Path | None = None) -> Any:
    with _lock:
        key = (path, path.stat().st_mtime_ns if path.exists() else 0, of)
        if key not in store:
            found = read(path)
            while len(store) >= _MOST:
                store.popitem(last=False)
            store[key] = found
        store.move_to_end(key)
        return store[key]
