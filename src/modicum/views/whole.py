"""The whole picture, resized."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from modicum.geometry import Border, CoordinateMap, Shape, resize, shrink_label, shrink_picture
from modicum.views.view import VIEWS, TrainingPicture, shape_of


@dataclass(frozen=True)
class Whole:
    """The whole picture at one size; the answer is brought back to the picture's own size by bilinear interpolation.

    Beyond the edge lies nothing: the mirror image of half a large object would be an object that no real picture shows
    (measured in benchmarks/RESULTS.md).
    """

    size: Shape
    border: Border = "zero"

    def prepare(self, picture: TrainingPicture) -> TrainingPicture:
        return replace(
            picture,
            image=shrink_picture(picture.image, self.size),
            label=shrink_label(picture.label, self.size),
            valid=None if picture.valid is None else shrink_label(picture.valid, self.size),
        )

    def training_map(self, picture: TrainingPicture, rng: np.random.Generator) -> CoordinateMap:
        return resize(picture.shape, self.size)

    def inference_maps(self, shape: Shape) -> Sequence[CoordinateMap]:
        return [resize(shape, self.size)]


@VIEWS.register("whole")
def whole(*, size: int | tuple[int, int] = 128) -> Whole:
    """The whole picture, resized to one size (pixels; height and width, or one number for both)."""
    return Whole(shape_of(size))
