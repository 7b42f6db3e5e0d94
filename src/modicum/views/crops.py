"""Crops about each object, enlarged to one size: segment, then segment again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from modicum.geometry import Border, Shape
from modicum.views.fusion import Answer, highest
from modicum.views.places import Box, Mask, Place, each, everything, gathered, inside, jittered, padded, squared
from modicum.views.view import VIEWS, Glimpse, Move, TrainingPicture, View, framed, shape_of

_Pixels = Annotated[float, Field(ge=0)]
_UNIT = 256  # lengths are given in pixels of a picture whose longer side has so many, as those of the document


@dataclass(frozen=True)
class Crops(View):
    """Segment-then-segment (thesis-data-efficient-segmentation 5.1): a square about each object, from the picture as it is.

    In training one object of the picture is drawn at random, with its box jittered; the whole picture where it has none.
    """

    size: Shape
    padding: float
    jitter: float
    smallest: int
    most: int | None
    border: Border = "reflect"
    localised: ClassVar[bool] = True

    @property
    def several(self) -> bool:
        return True

    @property
    def extents(self) -> bool:
        return True

    def prepare(self, picture: TrainingPicture) -> TrainingPicture:
        """With the windows about the objects as its places, worked out once."""
        places = self.places(picture.label > 0, picture.image)
        windows = self.windows([p.box for p in places], picture.shape)
        return replace(picture, places=tuple(Place(((w[0] + w[2]) / 2, (w[1] + w[3]) / 2), w) for w in windows))

    def places(self, mask: Mask, picture: npt.NDArray[np.uint8]) -> tuple[Place, ...]:
        return each(mask, self.smallest)

    def training_glimpse(self, picture: TrainingPicture, move: Move, rng: np.random.Generator) -> Glimpse:
        if not picture.places:
            return framed(everything(picture.shape).box, picture.shape, self.size, move)
        chosen = picture.places[rng.integers(len(picture.places))].box
        reach = self.jitter * max(picture.shape) / _UNIT
        return framed(inside(squared(jittered(chosen, reach, rng)), picture.shape), picture.shape, self.size, move)

    def glimpses(self, shape: Shape, places: Sequence[Place]) -> Sequence[Glimpse]:
        boxes = self.windows([p.box for p in places], shape) if places else [everything(shape).box]
        return [framed(box, shape, self.size) for box in boxes]

    def windows(self, boxes: Sequence[Box], shape: Shape) -> list[Box]:
        """What is cut out for these boxes: padded, squared, gathered where they are many, and shifted into the picture."""
        padding = self.padding * max(shape) / _UNIT
        wanted = [squared(padded(box, padding)) for box in boxes]
        return [inside(box, shape) for box in (wanted if self.most is None else gathered(wanted, self.most))]

    def fuse(self, answers: Iterable[tuple[Glimpse, Answer]], shape: Shape, classes: int) -> npt.NDArray[np.float16]:
        return highest(((g.by, a) for g, a in answers), shape, classes)


@VIEWS.register("crops", "Benčević et al. 2023 (SYSTEMS D6)")
def crops(
    *,
    size: int | tuple[int, int] = 96,
    padding: _Pixels | None = None,
    jitter: _Pixels = 16,
    smallest: Annotated[int, Field(ge=1)] = 5,
    most: Annotated[int, Field(ge=1)] | None = 12,
) -> Crops:
    """A crop about each object that a localiser finds, at full resolution, resized to one size.

    `padding` (an eighth of the size if null) and `jitter` are in pixels of a picture 256 pixels long; objects under `smallest`
    pixels are left out; objects that are close share a crop where there would be more than `most` (null: never).
    """
    shape = shape_of(size)
    return Crops(shape, shape[0] / 8 if padding is None else padding, jitter, smallest, most)
