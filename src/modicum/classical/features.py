"""What is known of a pixel from its neighbourhood: Gaussian scale space, edges, Hessian, texture, Gabor waves."""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from modicum.classical.table import Pixels

Floats = npt.NDArray[np.float32]

_SCALES = (1.0, 2.0, 4.0, 8.0, 16.0)  # pixels
_SHAPES, _TEXTURES = (1.0, 2.0, 4.0), (2.0, 4.0, 8.0)  # scales of edges and Hessian, and of the local spread
_WAVES, _ANGLES = (4.0, 8.0), 8  # wavelengths in pixels, directions
_REACH = 64  # pixels beyond which nothing is seen
_AT_ONCE = 2**18  # pixels whose features are held in memory


def features(pixels: Pixels) -> Floats:
    """(F, H, W) of pixels (H, W, C); F = 18 C + 4."""
    values = pixels.astype(np.float32) / 255
    found = [one for c in range(pixels.shape[2]) for one in _of_channel(np.ascontiguousarray(values[..., c]))]
    return np.stack([*found, *_waves(values.mean(axis=2))])


def in_strips(pixels: Pixels) -> Iterator[tuple[int, Floats]]:
    """Number of the first pixel (counted row by row) and features as columns (F, n), strip by strip from the top."""
    height, width = pixels.shape[:2]
    rows = max(1, _AT_ONCE // width)
    for top in range(0, height, rows):
        above, bottom = min(top, _REACH), min(top + rows, height)
        seen = features(pixels[top - above : bottom + _REACH])[:, above : above + bottom - top]
        yield top * width, seen.reshape(len(seen), -1)


def _of_channel(values: Floats) -> Iterator[Floats]:
    """Intensity, and what it is and does at several scales."""
    yield values
    smooth = {sigma: _blurred(values, sigma) for sigma in _SCALES}
    yield from smooth.values()
    for sigma in _SHAPES:
        dy, dx = np.gradient(smooth[sigma])
        yield sigma * np.hypot(dy, dx)
        (dyy, dyx), dxx = np.gradient(dy), np.gradient(dx, axis=1)
        middle, apart = (dyy + dxx) / 2, np.hypot((dyy - dxx) / 2, dyx)
        yield sigma**2 * (middle + apart)
        yield sigma**2 * (middle - apart)
    for sigma in _TEXTURES:
        yield np.sqrt(np.maximum(_blurred(values**2, sigma) - _blurred(values, sigma) ** 2, 0))


def _waves(values: Floats) -> Iterator[Floats]:
    """The strongest and the mean answer of Gabor filters in all directions, for each wavelength."""
    for wave in _WAVES:
        size = 2 * math.ceil(1.5 * wave) + 1
        kernels = [
            cv2.getGaborKernel((size, size), wave / 2, math.pi * n / _ANGLES, wave, 1.0, 0, cv2.CV_32F) for n in range(_ANGLES)
        ]
        answers = [cv2.filter2D(values, cv2.CV_32F, k - k.mean(), borderType=cv2.BORDER_REFLECT) for k in kernels]
        yield np.maximum.reduce(answers)
        yield np.asarray(np.mean(answers, axis=0))


def _blurred(values: Floats, sigma: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REFLECT))
