"""Random patches in training, a grid of overlapping tiles after it; at full resolution or shrunk to one size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from modicum.errors import ModicumError
from modicum.geometry import Affine, Border, Shape, compose, crop, resize, sample
from modicum.views.fusion import Answer, averaged
from modicum.views.places import Place
from modicum.views.view import VIEWS, Glimpse, Move, TrainingPicture, View, shape_of

_Share = Annotated[float, Field(ge=0, le=1)]
_KEPT_POINTS = 4096  # pixels remembered for each class, enough to aim patches at


@dataclass(frozen=True)
class Patches(View):
    """Windows of a picture, none of them resized, or of the picture shrunk to a longer side of `longest` pixels.

    A share `foreground` of the training patches is centred near a pixel of a class drawn at random among those present,
    so that rare and small objects are met; the others lie anywhere in the picture.
    """

    size: Shape
    foreground: float
    tile: int
    overlap: int
    longest: int | None = None
    border: Border = "reflect"

    def prepare(self, picture: TrainingPicture) -> TrainingPicture:
        picture = _resized(picture, self._scaled(picture.shape))
        rng = np.random.default_rng(0)
        objects = []
        for number in np.unique(picture.label[picture.label > 0]):
            points = np.argwhere(picture.label == number).astype(np.int32)
            objects.append(rng.permutation(points)[:_KEPT_POINTS])
        return replace(picture, objects=tuple(objects))

    def training_glimpse(self, picture: TrainingPicture, move: Move, rng: np.random.Generator) -> Glimpse:
        room = np.maximum(np.array(picture.shape) - self.size, 0)
        corner = rng.uniform(0, room + 1e-9)
        if picture.objects and rng.random() < self.foreground:
            points = picture.objects[rng.integers(len(picture.objects))]
            offset = rng.uniform(0.25, 0.75, 2) * self.size
            corner = np.clip(points[rng.integers(len(points))] - offset, 0, room)
        window = crop(picture.shape, (int(corner[0]), int(corner[1])), self.size)
        return Glimpse(compose([window, move(self.size)]))

    def glimpses(self, shape: Shape, places: Sequence[Place]) -> Sequence[Glimpse]:
        scaled = self._scaled(shape)
        windows = self._windows(scaled)
        return [Glimpse(w if scaled == shape else compose([resize(shape, scaled), w])) for w in windows]

    def fuse(self, answers: Iterable[tuple[Glimpse, Answer]], shape: Shape, classes: int) -> npt.NDArray[np.float16]:
        scaled = self._scaled(shape)
        windows = self._windows(scaled)
        fused = averaged(((w, a) for w, (_, a) in zip(windows, answers, strict=True)), scaled, classes)
        if scaled == shape:
            return fused
        back = resize(scaled, shape)
        return np.stack([sample(k.astype(np.float32), back) for k in fused]).astype(np.float16)

    def _scaled(self, shape: Shape) -> Shape:
        """The size in which a picture of this shape is shown; none is made larger."""
        scale = min(1.0, (self.longest or max(shape)) / max(shape))
        return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))

    def _windows(self, shape: Shape) -> list[Affine]:
        edges = [self._tiling(length) for length in shape]
        size = (edges[0][0], edges[1][0])
        return [crop(shape, (y, x), size) for y in edges[0][1] for x in edges[1][1]]

    def _tiling(self, length: int) -> tuple[int, list[int]]:
        """Edge of the tiles along one side, and where each begins: as few as may be, evenly spread."""
        count = 1 if length <= self.tile else -(-(length - self.overlap) // (self.tile - self.overlap))
        edge = -(-(length + (count - 1) * self.overlap) // count)
        edge = -(-edge // 32) * 32  # most networks halve the picture up to five times; deeper ones pad
        starts = np.linspace(0, max(length - edge, 0), count)
        return edge, [round(start) for start in starts]


def _resized(picture: TrainingPicture, shape: Shape) -> TrainingPicture:
    """The picture as it will be shown after training, its class numbers by the nearest pixel."""
    if picture.shape == shape:
        return picture
    by = resize(picture.shape, shape)
    valid = None if picture.valid is None else sample(picture.valid, by, nearest=True)
    return replace(picture, image=sample(picture.image, by), label=sample(picture.label, by, nearest=True), valid=valid)


@VIEWS.register("patches")
def patches(
    *,
    size: int | tuple[int, int] = 192,
    foreground: _Share = 0.5,
    tile: int = 640,
    overlap: int = 64,
    longest: Annotated[int, Field(ge=32)] | None = None,
) -> Patches:
    """Random patches of `size` pixels; after training, tiles of at most `tile` that share `overlap`.

    At full resolution, or with pictures shrunk to a longer side of `longest` pixels.

    Raises:
        ModicumError: a size that is not positive, or tiles that overlap by more than half.
    """
    if not 0 <= 2 * overlap <= tile or tile < 1:
        raise ModicumError(
            f"tiles of {tile} pixels cannot overlap by {overlap}.",
            remedy=f"An overlap is at most half a tile: --set view.overlap={max(0, tile // 4)}, or larger tiles.",
        )
    return Patches(shape_of(size), foreground, tile, overlap, longest)
