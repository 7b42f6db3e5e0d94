"""Labels turned into less than they say: boxes or points, for methods that must do with those."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from modicum.supervision.table import Labels
from modicum.views import TrainingPicture

_POINT = 1 / 32  # radius of the disc that stands for a point, as a share of the longer side


def weakened(picture: TrainingPicture, kind: Labels) -> TrainingPicture:
    """The picture with each object's mask replaced by its filled bounding box, or by a small disc at its centre of mass.

    An object is an 8-connected component of one class; a smaller one is drawn over a larger one.
    """
    if kind == "labelled":
        return picture
    label = np.zeros_like(picture.label)
    radius = max(1, round(_POINT * max(picture.shape)))
    for _, number, box, centre in sorted(_objects(picture), key=lambda o: -o[0]):
        left, top, width, height = box
        if kind == "boxes":
            label[top : top + height, left : left + width] = number
        else:
            cv2.circle(label, (round(centre[0]), round(centre[1])), radius, number, -1)
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
