"""Sampling a picture, a label or an answer through a coordinate map: once, whatever the map is made of."""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from modicum.geometry.maps import Affine, CoordinateMap, Shape
from modicum.geometry.polar import Polar

Pixels = npt.NDArray[Any]
Border = Literal["reflect", "zero", "turn"]
_BORDERS = {"reflect": cv2.BORDER_REFLECT_101, "zero": cv2.BORDER_CONSTANT, "turn": cv2.BORDER_REPLICATE}
_POINTS = 1 << 18  # of a map that is not affine, worked out at once


def sample(picture: Pixels, by: CoordinateMap, *, border: Border = "reflect", nearest: bool = False) -> Pixels:
    """The picture (H, W) or (H, W, C) seen through a map, bilinear; (h, w) or (h, w, C), same dtype.

    For labels use `nearest=True`: no class is invented. Outside the source lies its mirror image, zero, or, for a picture
    whose rows are angles, what comes after a whole turn. Where a map shrinks by two or more, the picture is area-averaged
    first.

    Raises:
        ValueError: the picture is not of the map's source shape.
    """
    if picture.shape[:2] != by.source:
        raise ValueError(f"the map reads a picture of {by.source}, this one is {picture.shape[:2]}")
    if picture.ndim == 3 and picture.shape[2] > 4:  # OpenCV takes four channels at once
        parts = [sample(picture[..., i : i + 4], by, border=border, nearest=nearest) for i in range(0, picture.shape[2], 4)]
        return np.concatenate([p.reshape(*by.target, -1) for p in parts], axis=2)
    if isinstance(by, Affine):
        flags = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
        if not nearest:
            picture, by = _without_aliasing(picture, by)
        matrix = by.matrix[[1, 0], :][:, [1, 0, 2]]  # (y, x) to OpenCV's (x, y)
        found = cv2.warpAffine(
            picture, matrix, by.target[::-1], flags=flags | cv2.WARP_INVERSE_MAP, borderMode=_BORDERS[border]
        )
    else:
        found = _remapped(picture, by, border, nearest)
    return found.reshape(*by.target, *picture.shape[2:])


def _remapped(picture: Pixels, by: CoordinateMap, border: Border, nearest: bool) -> Pixels:
    """`sample` through a map that is not affine, in bands of rows, so that the points take little memory."""
    factor = 1 if nearest else _shrinking(by)
    picture = _shrink(_filled_up(picture, factor), factor)
    if border == "turn":  # first and last row are neighbours
        picture = np.concatenate([picture[-1:], picture, picture[:1]])
    flags = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    found = np.empty((*by.target, *picture.shape[2:]), picture.dtype)
    band = max(1, _POINTS // by.target[1])
    for top in range(0, by.target[0], band):
        rows = slice(top, min(top + band, by.target[0]))
        at = by.grid(rows) if isinstance(by, Polar) else by.backward(pixel_grid(by.target, rows)).astype(np.float32)
        if nearest:
            np.round(at, out=at)
        elif factor > 1:
            at = (at + np.float32(0.5)) / np.float32(factor) - np.float32(0.5)
        if border == "turn":
            at[..., 0] += 1
        seen = cv2.remap(picture, at[..., 1], at[..., 0], flags, borderMode=_BORDERS[border])
        found[rows] = seen.reshape(found[rows].shape)
    return found


def _shrinking(by: CoordinateMap) -> int:
    """The whole factor by which a map shrinks at the median, in the direction in which it shrinks least; seen on a lattice."""
    lattice = pixel_grid((9, 9)) * (np.array(by.target) - 1) / 8
    here = by.backward(lattice)
    steps = [np.median(np.linalg.norm(by.backward(lattice + step) - here, axis=-1)) for step in ([0.0, 1.0], [1.0, 0.0])]
    return max(1, int(min(steps) + 1e-6))


def _without_aliasing(picture: Pixels, by: Affine) -> tuple[Pixels, Affine]:
    """Where an affine map shrinks by two or more: the picture area-averaged first, and the map that reads that one."""
    factor = int(np.linalg.svd(by.matrix[:2, :2], compute_uv=False).min() + 1e-6)
    if factor < 2:
        return picture, by
    shrunk = _shrink(_filled_up(picture, factor), factor)
    matrix = by.matrix.copy()
    matrix[:2] /= factor
    matrix[:2, 2] += 0.5 / factor - 0.5
    return shrunk, Affine(matrix, (shrunk.shape[0], shrunk.shape[1]), by.target)


def _filled_up(picture: Pixels, factor: int) -> Pixels:
    """The picture with its last row and column repeated until both sides are multiples: what a map reads there is no border."""
    bottom, right = -picture.shape[0] % factor, -picture.shape[1] % factor
    if not bottom and not right:
        return picture
    return cv2.copyMakeBorder(picture, 0, bottom, 0, right, cv2.BORDER_REPLICATE).reshape(
        picture.shape[0] + bottom, picture.shape[1] + right, *picture.shape[2:]
    )


def pixel_grid(shape: Shape, rows: slice = slice(None)) -> npt.NDArray[np.float64]:
    """Coordinates of all pixel centres, (h, w, 2), or of some rows."""
    y, x = np.arange(shape[0], dtype=np.float64)[rows], np.arange(shape[1], dtype=np.float64)
    return np.stack(np.broadcast_arrays(y[:, None], x), axis=-1)


def shrink_picture(picture: Pixels, smallest: Shape) -> Pixels:
    """Area-average by the largest whole factor that keeps at least `smallest`.

    Done once for a picture, it removes the detail that bilinear sampling at the smaller size would turn into aliasing,
    as a mipmap does (Williams 1983).
    """
    return _shrink(picture, shrink_factor((picture.shape[0], picture.shape[1]), smallest))


def shrink_label(label: Pixels, smallest: Shape) -> Pixels:
    """`shrink_picture` for class numbers (H, W) or (H, W, D): the class that covers the largest area of each new pixel.

    Between classes that cover the same area it goes by turns, so that neither size nor place of an object changes.
    """
    factor = shrink_factor((label.shape[0], label.shape[1]), smallest)
    if factor == 1:
        return label
    classes = np.unique(label)
    area = np.stack([_shrink((label == c).astype(np.float32), factor) for c in classes])
    return np.asarray(classes[_largest(area)], label.dtype)


def shrink_marks(label: Pixels, valid: Pixels, smallest: Shape) -> tuple[Pixels, Pixels]:
    """`shrink_label` where only some pixels count (`valid`, 0 or 1): a thin stroke stays, as wide as one new pixel.

    Of each new pixel that holds one that counts, the class is that which covers most of what counts in it.
    """
    factor = shrink_factor((label.shape[0], label.shape[1]), smallest)
    if factor == 1:
        return label, valid
    classes = np.unique(label)
    area = np.stack([_shrink(((label == c) & (valid > 0)).astype(np.float32), factor) for c in classes])
    return np.asarray(classes[_largest(area)], label.dtype), np.asarray(np.max(area, axis=0) > 0, valid.dtype)


def _largest(area: npt.NDArray[np.float32]) -> npt.NDArray[np.intp]:
    """Which of the classes (K, h, w, ...) has the largest area; of equal ones the first and the last, by turns.

    By turns like the fields of a chessboard: always the first would make whatever lies on background smaller, one and the
    same pixel of each block would move it, and a chessboard leaves lines whole.
    """
    first = np.argmax(area, axis=0)
    last = len(area) - 1 - np.argmax(area[::-1], axis=0)
    odd = sum(np.ogrid[tuple(slice(n) for n in first.shape)]) % 2 == 1
    return np.asarray(np.where(odd, last, first), np.intp)


def _shrink(picture: Pixels, factor: int) -> Pixels:
    if factor == 1:
        return picture
    if picture.ndim == 3 and picture.shape[2] > 4:
        return np.concatenate([_shrink(picture[..., i : i + 4], factor) for i in range(0, picture.shape[2], 4)], axis=2)
    height, width = picture.shape[0] // factor, picture.shape[1] // factor
    whole = picture[: height * factor, : width * factor]  # a rest of less than one new pixel is left out
    return cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA).reshape(height, width, *picture.shape[2:])


def shrink_factor(shape: Shape, smallest: Shape) -> int:
    """The whole factor of `shrink_picture`, 1 or more."""
    return max(1, min(shape[0] // smallest[0], shape[1] // smallest[1]))
