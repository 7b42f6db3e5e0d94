"""From a box and scribbles to an object: a random walker that knows beforehand what is likely (Grady 2005).

What is likely is what GrabCut finds in the box and, where there is a network, the mean of that and of what the network says,
which counts the more, up to twice, the better what it finds fits the box.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse import csgraph
from scipy.sparse.linalg import cg

from modicum.supervision.boxes import inside_of

Pixels = npt.NDArray[np.uint8]
Map = npt.NDArray[np.float32]
Box = tuple[int, int, int, int]

UNKNOWN, OUTSIDE, INSIDE = 0, 1, 2  # what a seed says of its pixel
_MOST = 256  # pixels, the longer edge of what is walked on: less than a second on one core
_REACH = 1 / 8  # of the longer edge: how far a seed is heard where all is of one colour
_CONTRAST = 3.0  # how much a difference of colour holds the walker up, by the mean difference of neighbours
_TRUST = 0.8  # how far GrabCut is believed: .1 and .9, not 0 and 1


def refine(picture: Pixels, seeds: Pixels, box: Box, probability: Map | None = None) -> npt.NDArray[np.bool_]:
    """The object that a box and scribbles mean.

    Args:
        picture: (H, W, 3), 8 bits.
        seeds: (H, W): UNKNOWN, OUTSIDE or INSIDE.
        box: top, left, bottom, right in pixels, the last two exclusive; nothing outside it belongs to the object.
        probability: (H, W), 0..1, of the object, as a network sees it.

    Returns:
        (H, W), True on the object.
    """
    within = np.zeros(picture.shape[:2], np.bool_)
    within[box[0] : box[2], box[1] : box[3]] = True
    found = (_likely(picture, seeds, box, probability) > 0.5) | (seeds == INSIDE)
    return np.asarray(found & within & (seeds != OUTSIDE), np.bool_)


def lesson(picture: Pixels, seeds: Pixels, box: Box, probability: Map | None = None) -> tuple[npt.NDArray[np.bool_], Map]:
    """What a network may learn of this picture (`inference.tuned`): the object (H, W), and how much each pixel counts.

    About the box the pixels that the walker is sure of, and the scribbles, which are a sixth of the whole; nothing elsewhere.
    """
    found, region = _likely(picture, seeds, box, probability), _around(box, picture.shape[:2])
    weight = np.zeros(found.shape, np.float32)
    weight[region] = np.abs(2 * found[region] - 1)
    marked = seeds != UNKNOWN
    weight[marked] = max(1.0, 0.2 * float(weight.sum()) / max(1, int(marked.sum())))
    return ((found > 0.5) | (seeds == INSIDE)) & (seeds != OUTSIDE), weight


def _likely(picture: Pixels, seeds: Pixels, box: Box, probability: Map | None = None) -> Map:
    """How probable it is, 0..1, that a pixel (H, W) belongs to the object; 0 far from the box. As `refine` otherwise."""
    region = _around(box, picture.shape[:2])
    rows, columns = slice(box[0], box[2]), slice(box[1], box[3])
    inside = np.zeros(picture.shape[:2], np.float32)
    inside[rows, columns] = inside_of((rows, columns), picture)
    first = (0.5 + _TRUST * (inside - 0.5)).astype(np.float32)
    if probability is not None:
        weight = 2 * _fit(probability[region] > 0.5, region, box)
        first = np.asarray((first + weight * probability) / (1 + weight), np.float32)
    marks = np.full(picture.shape[:2], OUTSIDE, np.uint8)
    marks[rows, columns] = seeds[rows, columns]
    found = np.zeros(picture.shape[:2], np.float32)
    found[region] = _walked(picture[region], marks[region], first[region])
    return found


def _fit(found: npt.NDArray[np.bool_], region: tuple[slice, slice], box: Box) -> float:
    """How like, 0..1, the bounding box of what was found in a region is to another box: intersection over union."""
    if not found.any():
        return 0.0
    left, top, width, height = cv2.boundingRect(found.astype(np.uint8))
    top, left = top + region[0].start, left + region[1].start
    down, across = min(top + height, box[2]) - max(top, box[0]), min(left + width, box[3]) - max(left, box[1])
    both = int(max(0, down) * max(0, across))
    return both / float(height * width + (box[2] - box[0]) * (box[3] - box[1]) - both)


def _around(box: Box, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """A box with a margin of a quarter of its sides."""
    top, left, bottom, right = box
    down, across = max(8, (bottom - top) // 4), max(8, (right - left) // 4)
    return slice(max(0, top - down), min(shape[0], bottom + down)), slice(max(0, left - across), min(shape[1], right + across))


def _walked(picture: Pixels, marks: Pixels, first: Map) -> Map:
    """(h, w), 0..1: smooth where the colours are, near to `first`, and 0 or 1 on the marks; looked at in small.

    It is the x of (L + g) x = g first, where L is the Laplacian of the grid of pixels, whose edges weigh less the more the
    colours differ, and g says how much `first` counts (Grady 2005, eq. 10).
    """
    size = marks.shape[1], marks.shape[0]
    scale = min(1.0, _MOST / max(size))
    small = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    seeds = _shrunk(marks, small).ravel()
    prior = np.asarray(cv2.resize(first, small, interpolation=cv2.INTER_AREA), np.float64).ravel()
    pull = (_REACH * max(small)) ** -2.0
    laplacian = _laplacian(np.asarray(cv2.resize(picture, small, interpolation=cv2.INTER_AREA), np.uint8))
    free, x = seeds == UNKNOWN, np.where(seeds == INSIDE, 1.0, 0.0)
    if free.any():
        system = (laplacian + pull * sparse.identity(len(seeds), format="csr"))[free]
        own = system[:, free]
        held = pull * prior[free] - system[:, ~free] @ x[~free]
        x[free], _ = cg(own, held, x0=prior[free], rtol=1e-3, maxiter=300, M=sparse.diags(1 / own.diagonal()))
    return np.asarray(cv2.resize(x.reshape(small[::-1]).astype(np.float32), size, interpolation=cv2.INTER_LINEAR), np.float32)


def _laplacian(picture: Pixels) -> Any:
    """Sparse (h w, h w), of each pixel (h, w, 3) and its four neighbours."""
    flat = cv2.GaussianBlur(picture, (0, 0), 1.0).reshape(-1, picture.shape[2]).astype(np.float64)
    numbers = np.arange(len(flat)).reshape(picture.shape[0], picture.shape[1])
    one = np.concatenate([numbers[:, :-1].ravel(), numbers[:-1].ravel()])
    other = np.concatenate([numbers[:, 1:].ravel(), numbers[1:].ravel()])
    apart = ((flat[one] - flat[other]) ** 2).sum(axis=1)
    weight = np.exp(-_CONTRAST * apart / max(float(apart.sum()) / max(1, len(apart)), 1e-6)) + 1e-4
    edges = sparse.coo_matrix((weight, (one, other)), shape=(len(flat), len(flat)))
    return csgraph.laplacian((edges + edges.T).tocsr())


def _shrunk(marks: Pixels, size: tuple[int, int]) -> Pixels:
    """Seeds in a smaller picture; a thin scribble stays."""
    small = np.full(size[::-1], UNKNOWN, np.uint8)
    for mark in (OUTSIDE, INSIDE):
        share = cv2.resize((marks == mark).astype(np.float32), size, interpolation=cv2.INTER_AREA)
        small[share > 0.05] = mark
    return small
