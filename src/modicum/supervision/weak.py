"""Labels turned into less than they say: boxes, points, scribbles or centre lines, for methods that must do with those."""

from __future__ import annotations

from dataclasses import replace
from zlib import crc32

import cv2
import numpy as np

from modicum.supervision.boxes import inside_of
from modicum.supervision.strokes import from_centre_lines, scribbled
from modicum.supervision.table import Supervision
from modicum.views import TrainingPicture

_POINT = 1 / 32  # radius of the disc that stands for a point, as a share of the longer side


def weakened(picture: TrainingPicture, taught: Supervision, seed: int) -> TrainingPicture:
    """The picture with a label that says no more than `taught.labels`.

    Boxes: each object's filled bounding box, or what GrabCut finds in it; points: a small disc at its centre of mass;
    scribbles: strokes, by seed and name of the picture; centre lines: what lies near to them, and far. Pixels of which
    nothing is known then do not count. An object is an 8-connected component of one class; a smaller one is drawn over a
    larger one.
    """
    counted = None if picture.valid is None else picture.valid > 0
    match taught.labels:
        case "labelled":
            return picture
        case "scribbles":
            generator = np.random.default_rng((seed, crc32(picture.case_id.encode())))
            label, valid = scribbled(picture.label, counted, generator)
            return replace(picture, label=label, valid=valid.astype(np.uint8))
        case "centre_lines":
            label, valid = from_centre_lines(picture.label, taught.near, taught.far)
            valid = valid if counted is None else valid & counted
            return replace(picture, label=label, valid=valid.astype(np.uint8))
    label = np.zeros_like(picture.label)
    radius = max(1, round(_POINT * max(picture.shape)))
    for _, number, (left, top, width, height), centre in sorted(_objects(picture), key=lambda o: -o[0]):
        box = slice(top, top + height), slice(left, left + width)
        if taught.labels == "points":
            cv2.circle(label, (round(centre[0]), round(centre[1])), radius, number, -1)
        elif taught.grabcut:
            label[box][inside_of(box, picture.image)] = number
        else:
            label[box] = number
    return replace(picture, label=label)


def _objects(picture: TrainingPicture) -> list[tuple[int, int, tuple[int, int, int, int], tuple[float, float]]]:
    """(area, class number, (left, top, width, height), centre (x, y)) of every object."""
    found = []
    for number in (int(n) for n in np.unique(picture.label) if n):
        mask = (picture.label == number).astype(np.uint8)
        _, _, stats, centres = cv2.connectedComponentsWithStats(mask, connectivity=8)
        for (left, top, width, height, area), (x, y) in zip(stats[1:].tolist(), centres[1:].tolist(), strict=True):
            found.append((area, number, (left, top, width, height), (x, y)))
    return found
