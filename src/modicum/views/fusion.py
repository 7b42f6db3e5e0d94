"""The way back: the answers to all views of one picture become one probability map of its size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
import numpy.typing as npt

from modicum.geometry import Affine, Border, CoordinateMap, Polar, Shape, compose, crop, inverse, sample

Answer = npt.NDArray[np.float32]  # (K, h, w)


def averaged(answers: Iterable[tuple[CoordinateMap, Answer]], shape: Shape, classes: int) -> npt.NDArray[np.float16]:
    """Probability map (K, H, W) of the picture from answers (K, h, w) and the maps that showed the picture.

    Where answers overlap they are averaged with Gaussian weights (Isensee et al. 2021): the middle of a tile knows most.
    Tiles are worked off in bands, so that beyond the result only one row of tiles is held in memory.

    Args:
        answers: windows from the top row down.
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
            window = way_back(gaussian_window(by.target)[None], by)[0]
            corner, answer = (0, 0), _sampled(answer, inverse(by), "reflect") * window  # weighed first, its borders would move
        else:
            window = gaussian_window(by.target)
            answer = answer * window
        y, x = corner
        if y > top:
            total, weight = _grown(total, weight, y - top)
            yield slice(top, y), _normalised(total[:, : y - top], weight[: y - top])
            total, weight, top = total[:, y - top :], weight[y - top :], y
        bottom = min(y + answer.shape[1], shape[0])
        total, weight = _grown(total, weight, bottom - top)
        right = min(x + answer.shape[2], shape[1])
        total[:, y - top : bottom - top, x:right] += answer[:, : bottom - y, : right - x]
        weight[y - top : bottom - top, x:right] += window[: bottom - y, : right - x]
    yield slice(top, top + weight.shape[0]), _normalised(total, weight)


def _grown(
    total: npt.NDArray[np.float32], weight: npt.NDArray[np.float32], rows: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Sums and weights with at least so many rows."""
    missing = max(0, rows - weight.shape[0])
    return np.pad(total, [(0, 0), (0, missing), (0, 0)]), np.pad(weight, [(0, missing), (0, 0)])


def highest(answers: Iterable[tuple[CoordinateMap, Answer]], shape: Shape, classes: int) -> npt.NDArray[np.float16]:
    """Probability map (K, H, W): where answers overlap the highest one (OR of the masks), nothing where there is none.

    thesis-data-efficient-segmentation eq. 5.4. Only the part of the picture that a crop covers is touched, so that the time
    for many small crops does not grow with the picture.
    """
    fused = np.zeros((classes, *shape), np.float16)
    for by, answer in answers:
        corners = by.backward(np.array([[-0.5, -0.5], [by.target[0] - 0.5, by.target[1] - 0.5]]))
        top, left = np.maximum(np.ceil(corners.min(axis=0)), 0).astype(int)
        bottom, right = np.minimum(np.floor(corners.max(axis=0)) + 1, shape).astype(int)
        if top >= bottom or left >= right:
            continue
        window = compose([inverse(by), crop(shape, (top, left), (bottom - top, right - left))])
        part = fused[:, top:bottom, left:right]
        np.maximum(part, _sampled(answer, window, "reflect"), out=part, casting="same_kind")  # no fading at its edge
    return fused


def votes(answers: Iterable[tuple[Polar, Answer]], shape: Shape, classes: int) -> npt.NDArray[np.float16]:
    """Agreement (K, H, W), 0 to 1, of the answers about several centres: thesis-data-efficient-segmentation eq. 4.11.

    Of each answer the component that holds its own centre counts twice and all others once: a polar view knows most of the
    object it is centred on. The sum is divided by its largest value; what no answer marks is 0. Several
    classes compete by probability and not by votes: of each the highest answer counts.
    """
    total = np.zeros((classes, *shape), np.float32)
    for by, answer in answers:
        back = way_back(answer, by)
        if classes > 1:
            total = np.maximum(total, back)
        else:
            total += np.where(back >= 0.5, back * (1 + _holding(back[0] >= 0.5, by.centre)), 0)
    return (total / max(1.0, float(total.max()))).astype(np.float16)


def _holding(mask: npt.NDArray[np.bool_], point: tuple[float, float]) -> npt.NDArray[np.bool_]:
    """The component of a mask (H, W) that holds a point (y, x); nothing where the point lies outside."""
    _, numbers = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    y, x = (int(np.clip(round(c), 0, n - 1)) for c, n in zip(point, mask.shape, strict=True))
    return np.asarray((numbers == numbers[y, x]) & mask)


def way_back(answer: Answer, by: CoordinateMap) -> Answer:
    """An answer (K, h, w) in the geometry of the picture (K, H, W), zero where it says nothing."""
    return _sampled(answer, inverse(by), "turn" if isinstance(by, Polar) else "zero")


def _sampled(answer: Answer, by: CoordinateMap, border: Border = "zero") -> Answer:
    seen = sample(np.ascontiguousarray(np.moveaxis(answer, 0, -1)), by, border=border)
    return np.moveaxis(seen.reshape(*by.target, len(answer)), -1, 0)


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
