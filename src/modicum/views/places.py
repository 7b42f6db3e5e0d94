"""Where the objects of a picture are: what a view that looks at objects must know of each, taken from a mask.

In training the mask is the true one, afterwards a localiser's: phi = f(mask) of thesis-data-efficient-segmentation 4.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from modicum.geometry import Shape

Mask = npt.NDArray[np.bool_]
Point = tuple[float, float]  # (y, x), pixels
Box = tuple[float, float, float, float]  # top, left, bottom, right: the outer edges of its pixels, bottom and right exclusive
Levels = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Place:
    """One object, or all of them together."""

    centre: Point  # of mass
    box: Box
    levels: Levels | None = None  # darkest and brightest intensity (C,), 0 to 1


def together(mask: Mask) -> tuple[Place, ...]:
    """All foreground as one place; none where there is no foreground."""
    y, x = np.nonzero(mask)
    if not len(y):
        return ()
    return (Place((float(y.mean()), float(x.mean())), (int(y.min()), int(x.min()), int(y.max()) + 1, int(x.max()) + 1)),)


def each(mask: Mask, smallest: int = 1) -> tuple[Place, ...]:
    """A place for each 8-connected component that is at least so many pixels high and wide, largest first."""
    _, _, stats, centres = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    order = 1 + np.argsort(-stats[1:, cv2.CC_STAT_AREA], kind="stable")
    found = []
    for number in order:
        left, top, width, height, _ = (int(v) for v in stats[number])
        if min(width, height) >= smallest:
            x, y = centres[number]
            found.append(Place((float(y), float(x)), (top, left, top + height, left + width)))
    return tuple(found)


def everything(shape: Shape) -> Place:
    """The whole picture as a place: where nothing was found."""
    return Place(((shape[0] - 1) / 2, (shape[1] - 1) / 2), (0, 0, *shape))


def jittered(box: Box, reach: float, rng: np.random.Generator) -> Box:
    """Each coordinate, height and width of a box moved by up to `reach` pixels; at least a pixel is left.

    thesis-data-efficient-segmentation 5.1: the network must bear with boxes that are not quite right.
    """
    top, left, bottom, right = box
    y, x, height, width = (v + rng.uniform(-reach, reach) for v in (top, left, bottom - top, right - left))
    return y, x, y + max(height, 1.0), x + max(width, 1.0)


def padded(box: Box, padding: float) -> Box:
    """A box with so many pixels more on each side."""
    top, left, bottom, right = box
    return top - padding, left - padding, bottom + padding, right + padding


def squared(box: Box) -> Box:
    """The square about the middle of a box, as large as its longer side."""
    top, left, bottom, right = box
    half = max(bottom - top, right - left) / 2
    y, x = (top + bottom) / 2, (left + right) / 2
    return y - half, x - half, y + half, x + half


def inside(box: Box, shape: Shape) -> Box:
    """A box shifted into a picture, its size kept; where it is larger than the picture it is centred on it."""
    moved = []
    for low, high, length in ((box[0], box[2], shape[0]), (box[1], box[3], shape[1])):
        size = high - low
        start = (length - size) / 2 if size >= length else min(max(low, 0.0), length - size)
        moved.append((start, start + size))
    (top, bottom), (left, right) = moved
    return top, left, bottom, right


def gathered(boxes: Sequence[Box], most: int) -> list[Box]:
    """At most so many square windows that together hold all square boxes, so that time does not grow with their number.

    With few boxes they are the boxes. Else the windows are made larger step by step, each holding as many boxes as it can
    (greedily from the top left), until they are few enough.
    """
    found = list(dict.fromkeys(boxes))
    side = float(np.median([b[2] - b[0] for b in found])) if found else 0.0
    while len(found) > most:
        side *= 1.25
        found = _covered(boxes, side)
    return found


def _covered(boxes: Sequence[Box], side: float) -> list[Box]:
    """Windows of at least this side that hold all boxes whole."""
    left_over = np.array(sorted(boxes), float)
    windows: list[Box] = []
    while len(left_over):
        first = left_over[0]
        size = max(side, first[2] - first[0])
        left = _best_left(left_over, first, size)
        held = _held(left_over, (first[0], left, first[0] + size, left + size))
        low, high = left_over[held][:, :2].min(axis=0), left_over[held][:, 2:].max(axis=0)
        windows.append(squared((*low, *high)) if held.sum() == 1 else _about(low, high, size))
        left_over = left_over[~held]
    return windows


def _best_left(boxes: npt.NDArray[np.float64], first: npt.NDArray[np.float64], size: float) -> float:
    """Where a window of this size that begins at the first box's top and holds it should begin, to hold most boxes."""
    starts = boxes[(boxes[:, 1] <= first[1]) & (boxes[:, 1] > first[3] - size), 1]
    counts = [int(_held(boxes, (first[0], s, first[0] + size, s + size)).sum()) for s in starts]
    return float(starts[int(np.argmax(counts))]) if len(starts) else float(first[1])


def _held(boxes: npt.NDArray[np.float64], window: Box) -> npt.NDArray[np.bool_]:
    slack = 1e-6
    return np.asarray(
        (boxes[:, 0] >= window[0] - slack)
        & (boxes[:, 1] >= window[1] - slack)
        & (boxes[:, 2] <= window[2] + slack)
        & (boxes[:, 3] <= window[3] + slack)
    )


def _about(low: npt.NDArray[np.float64], high: npt.NDArray[np.float64], size: float) -> Box:
    """The window of this size about what it holds."""
    (y, x), half = (low + high) / 2, size / 2
    return float(y - half), float(x - half), float(y + half), float(x + half)
