"""Reading: pixels out of a file, or an error that says which file and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from modicum.errors import ModicumError
from modicum.images.failures import explained
from modicum.images.formats import FORMATS, PICTURE_SUFFIXES, Format, is_volume, picture_suffix

T = TypeVar("T")


def read_picture(path: Path | str) -> npt.NDArray[Any]:
    """The picture (H, W, C), C = 1 (grey) or 3 (RGB), as uint8, uint16 or float32, upright (EXIF orientation applied).

    Alpha is dropped, a palette becomes RGB, 1-bit becomes 0/255; RGB with three equal channels stays RGB.

    Raises:
        ModicumError: missing, empty, truncated, no picture, several pages, or a format that is not read.
    """
    return _read(Path(path), lambda f: f.picture)


def read_mask(path: Path | str) -> npt.NDArray[Any]:
    """Raw values of a mask: (H, W), or (H, W, 3) where it is coloured. Upright; alpha dropped; 1-bit is 0/255.

    A palette picture gives its indices, but grey values where its palette is grey (GIF masks). RGB with three equal
    channels is given as (H, W). Of a volume's labels the slices, one below the other.

    Raises:
        ModicumError: as `read_picture`.
    """
    if is_volume(path):
        from modicum.images.volumes import cached_mask

        volume = cached_mask(Path(path))
        return volume.reshape(-1, volume.shape[-1])
    values: npt.NDArray[Any] = _read(Path(path), lambda f: f.mask)
    if values.ndim == 3 and (values.shape[2] == 1 or _grey(values)):
        return np.ascontiguousarray(values[..., 0])
    return values


def mask_palette(path: Path | str) -> npt.NDArray[np.uint8] | None:
    """The colours (N, 3) that stand for the values of `read_mask`, or None where they are no indices of a palette.

    Raises:
        ModicumError: as `read_picture`.
    """
    return None if is_volume(path) else _read(Path(path), lambda f: f.palette)


def picture_size(path: Path | str) -> tuple[int, int]:
    """(height, width) upright, from the header alone.

    Raises:
        ModicumError: as `read_picture`, but a truncated file may pass.
    """
    return _read(Path(path), lambda f: f.size)


def _grey(values: npt.NDArray[Any]) -> bool:
    return bool(np.array_equal(values[..., 0], values[..., 1]) and np.array_equal(values[..., 0], values[..., 2]))


def _read(path: Path, question: Callable[[Format], Callable[[Path], T]]) -> T:
    known = FORMATS.get(picture_suffix(path))
    if known is None:
        if is_volume(path):
            raise ModicumError(
                "this is a volume, and no picture.", file=path, remedy="`modicum predict` reads volumes; here give a picture."
            )
        raise ModicumError(
            f"'{picture_suffix(path) or path.name}' is no picture format that is read.",
            file=path,
            remedy=f"Save it as PNG. Known: {' '.join(PICTURE_SUFFIXES)}.",
        )
    with explained(path, "a picture"):
        return question(known)(path)
