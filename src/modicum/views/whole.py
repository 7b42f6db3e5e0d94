"""The whole picture, resized."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modicum.geometry import Border, Shape, compose, resize
from modicum.views.places import Place
from modicum.views.view import VIEWS, Glimpse, Move, TrainingPicture, View, shape_of, shrunk


@dataclass(frozen=True)
class Whole(View):
    """The whole picture at one size; the answer is brought back to the picture's own size by bilinear interpolation.

    Beyond the edge lies nothing: the mirror image of half a large object would be an object that no real picture shows
    (measured in benchmarks/RESULTS.md).
    """

    size: Shape
    border: Border = "zero"

    def prepare(self, picture: TrainingPicture) -> TrainingPicture:
        return shrunk(picture, self.size)

    def training_glimpse(self, picture: TrainingPicture, move: Move, rng: np.random.Generator) -> Glimpse:
        return Glimpse(compose([resize(picture.shape, self.size), move(self.size)]))

    def glimpses(self, shape: Shape, places: Sequence[Place]) -> Sequence[Glimpse]:
        return [Glimpse(resize(shape, self.size))]


@VIEWS.register("whole")
def whole(*, size: int | tuple[int, int] = 128) -> Whole:
    """The whole picture, resized to one size (pixels; height and width, or one number for both)."""
    return Whole(shape_of(size))
