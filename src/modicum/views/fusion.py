"""The way back: the answers to all views of one picture become one probability map of its size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from modicum.geometry import Affine, CoordinateMap, Shape, inverse, sample

Answer = npt.NDArray[np.float32]  # (K, h, w)


def fuse(answers: Iterable[tuple[CoordinateMap, Answer]], shape: Shape, classes: int) -> npt.NDArray[np.float16]:
    """Probability map (K, H, W) of the picture from answers (K, h, w) and the maps that showed the picture.

    Where answers overlap they are averaged with Gaussian weights (Isensee et al. 2021): the middle of a tile knows most.
    Tiles are worked off in bands, so that beyond the result only one row of tiles is held in memory.

    Args:
        answers: in the order of `View.inference_maps`.
    """
    fused = np.zeros((classes, *shape), np.float16)
    for rows, values in _bands(answers, shape, classes):
        fused[:, rows] = values
    return fused


def _bands(
    answers: Iterable[tuple[CoordinateMap, Answer]], shape: Shape, classes: int
) -> Iterator[tuple[slice, npt.NDArray[np.float32]]]:
    """Finished rows of the picture, from the top."""
    top, total, weight = 0, np.zeros((classes, 0, shape[1]), np.float32), np.zeros((0, shape[1]), np.float32)
    for by, answer in answers:
        corner = _corner(by)
        if corner is None:  # a map that is not a mere window: as large as the picture
            window = gaussian_window(by.target)
            back = sample(np.moveaxis(answer * window, 0, -1), inverse(by), border="zero").reshape(*shape, classes)
            corner, answer, window = (0, 0), np.moveaxis(back, -1, 0), sample(window, inverse(by), border="zero")
        else:
            window = gaussian_window(by.target)
            answer = answer * window
        y, x = corner
        if y > top:
            yield slice(top, y), _normalised(total[:, : y - top], weight[: y - top])
            total, weight, top = total[:, y - top :], weight[y - top :], y
        bottom = min(y + answer.shape[1], shape[0])
        missing = bottom - (top + weight.shape[0])
        if missing > 0:
            total = np.pad(total, [(0, 0), (0, missing), (0, 0)])
            weight = np.pad(weight, [(0, missing), (0, 0)])
        right = min(x + answer.shape[2], shape[1])
        total[:, y - top : bottom - top, x:right] += answer[:, : bottom - y, : right - x]
        weight[y - top : bottom - top, x:right] += window[: bottom - y, : right - x]
    yield slice(top, top + weight.shape[0]), _normalised(total, weight)


def gaussian_window(shape: Shape) -> npt.NDArray[np.float32]:
    """Weights (h, w), 1 in the middle, standard deviation an eighth of each side, never below 1e-3."""
    y, x = (np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / (n / 8)) ** 2) for n in shape)
    return np.maximum(np.outer(y, x), 1e-3).astype(np.float32)


def _normalised(total: npt.NDArray[np.float32], weight: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(total / np.maximum(weight, 1e-9), np.float32)


def _corner(by: CoordinateMap) -> tuple[int, int] | None:
    """First pixel of a map that is a plain window inside the picture, else None."""
    if not isinstance(by, Affine) or not np.array_equal(by.matrix[:2, :2], np.eye(2)):
        return None
    y, x = by.matrix[:2, 2]
    return (int(y), int(x)) if y == int(y) >= 0 and x == int(x) >= 0 else None
