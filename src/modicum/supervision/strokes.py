"""Strokes: scribbles drawn into full labels, and what centre lines say of the pixels about them."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

_WIDTH = 1 / 100  # of a stroke, as a share of the picture's longer side
_CORE = 0.3  # of an object's greatest distance from its border: what lies nearer to the border has no stroke
_PART = 0.5  # of the middle line of the rest that the stroke follows


def scribbled(label: Numbers, counted: Mask | None, generator: np.random.Generator) -> tuple[Numbers, Mask]:
    """Class numbers (H, W) of strokes and where they are, as if somebody had drawn one in each object and in the background.

    A stroke follows a part of the middle line (skeleton) of its object, without the side lines that small bays of the border
    have, and does not leave it; an object is an 8-connected component of one class, the background is one object.

    Args:
        label: full class numbers.
        counted: (H, W) pixels of which the label says anything; None: all.
    """
    numbers, marked = np.zeros_like(label), np.zeros(label.shape, np.bool_)
    for number in np.unique(label).tolist():
        region = label == number if counted is None else (label == number) & counted
        objects = cv2.connectedComponents(region.astype(np.uint8), connectivity=8)[1] if number else region.astype(np.int32)
        drawn = _drawn(objects, generator) & region
        numbers[drawn], marked = number, marked | drawn
    return numbers, marked


def _drawn(objects: npt.NDArray[np.int32], generator: np.random.Generator) -> Mask:
    """Strokes in numbered objects (H, W), 0 is none; they may reach over their border."""
    from skimage.morphology import skeletonize

    depth = cv2.distanceTransform((objects > 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    deepest = np.zeros(int(objects.max(initial=0)) + 1, np.float32)
    np.maximum.at(deepest, objects.ravel(), depth.ravel())
    lines = np.argwhere(skeletonize((objects > 0) & (depth > _CORE * deepest[objects])))
    strokes = np.zeros(objects.shape, np.uint8)
    for of in _grouped(objects[tuple(lines.T)], lines):
        distance = np.hypot(*(of - of[generator.integers(len(of))]).T)
        y, x = of[np.argsort(distance, kind="stable")[: max(1, round(_PART * len(of)))]].T
        strokes[y, x] = 1
    width = max(1, round(_WIDTH * max(objects.shape)))
    return np.asarray(cv2.dilate(strokes, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))) > 0)


def _grouped(numbers: npt.NDArray[np.int32], points: npt.NDArray[np.intp]) -> list[npt.NDArray[np.intp]]:
    """Points (n, 2) by the number of their object."""
    order = np.argsort(numbers, kind="stable")
    return [group for group in np.split(points[order], np.flatnonzero(np.diff(numbers[order])) + 1) if len(group)]


def from_centre_lines(label: Numbers, near: float, far: float) -> tuple[Numbers, Mask]:
    """Class numbers (H, W) and which of them are known, from the middle lines of the classes of a label.

    Within `near` of a line is its class, beyond `far` of any is background, and of what lies between nothing is known;
    distances are shares of the picture's longer side. A line has no width to lose: drawn ones stay as they are.
    """
    from skimage.morphology import skeletonize

    lines = np.zeros_like(label)
    for number in range(1, int(label.max(initial=0)) + 1):
        lines[skeletonize(label == number)] = number
    if not lines.any():
        return lines, np.ones(label.shape, np.bool_)
    off = (lines == 0).astype(np.uint8)
    distance, which = cv2.distanceTransformWithLabels(off, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL)
    longest = max(label.shape)
    by_pixel = np.zeros(int(which.max()) + 1, np.uint8)
    by_pixel[which[lines > 0]] = lines[lines > 0]
    close = distance <= max(near * longest, 0.5)
    return np.where(close, by_pixel[which], np.uint8(0)), close | (distance > far * longest)
