"""EXIF and TIFF orientation: how the stored rows and columns must be turned to stand upright."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

TAG = 0x0112


def upright(pixels: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Pixels (H, W, ...) turned by an EXIF orientation 1 to 8; unknown values leave them as they are."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def upright_size(height: int, width: int, orientation: int) -> tuple[int, int]:
    """(height, width) after `upright`."""
    return (width, height) if orientation in (5, 6, 7, 8) else (height, width)
