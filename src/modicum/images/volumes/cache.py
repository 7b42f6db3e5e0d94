"""The volumes that were read last: a data set is looked at slice by slice, and its files are decoded once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy.typing as npt

from modicum.images.volumes.reading import read_volume, read_volume_mask, volume_grid
from modicum.images.volumes.volume import Grid, Volume

_MOST = 3
_lock = threading.Lock()
_volumes: OrderedDict[tuple[Path, int], Volume] = OrderedDict()
_masks: OrderedDict[tuple[Path, int], npt.NDArray[Any]] = OrderedDict()


def cached_volume(path: Path) -> Volume:
    """As `read_volume`; one of the last three is not read again. Threads wait for each other."""
    found: Volume = _remembered(_volumes, path, read_volume)
    return found


def cached_mask(path: Path) -> npt.NDArray[Any]:
    """As `read_volume_mask`, likewise."""
    found: npt.NDArray[Any] = _remembered(_masks, path, read_volume_mask)
    return found


def cached_grid(path: Path) -> Grid:
    """As `volume_grid`; the header of a file, or of all files of a series, is read once."""
    return _grid(path, path.stat().st_mtime_ns if path.exists() else 0)


@lru_cache(maxsize=10_000)
def _grid(path: Path, changed: int) -> Grid:
    return volume_grid(path)


def _remembered(store: Any, path: Path, read: Any) -> Any:
    with _lock:
        key = (path, path.stat().st_mtime_ns if path.exists() else 0)
        if key not in store:
            found = read(path)
            while len(store) >= _MOST:
                store.popitem(last=False)
            store[key] = found
        store.move_to_end(key)
        return store[key]
