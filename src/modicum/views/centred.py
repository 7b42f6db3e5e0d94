"""Views that bring the object to the middle, and, if wanted, to one size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from modicum.geometry import Border, Shape
from modicum.views.places import Box, Mask, Place, everything, together
from modicum.views.view import VIEWS, Glimpse, Move, TrainingPicture, View, framed, shape_of

_Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class Centred(View):
    """A window about the middle of what is segmented (thesis-data-efficient-segmentation 4.2, SYSTEMS D10).

    Translation: the window is as large as the picture, and its middle the centre of mass. Rescaling: it is the object's box,
    height and width each divided by `fill`. What lies outside the window is not segmented.
    """

    size: Shape
    fill: float | None
    jitter: float
    border: Border = "zero"
    localised: ClassVar[bool] = True

    @property
    def extents(self) -> bool:
        return self.fill is not None

    def prepare(self, picture: TrainingPicture) -> TrainingPicture:
        return replace(picture, places=self.places(picture.label > 0, picture.image))

    def places(self, mask: Mask, picture: npt.NDArray[np.uint8]) -> tuple[Place, ...]:
        return together(mask)

    def training_glimpse(self, picture: TrainingPicture, move: Move, rng: np.random.Generator) -> Glimpse:
        top, left, bottom, right = self._window(picture.shape, picture.places)
        shift = rng.uniform(-self.jitter, self.jitter, 2) * (bottom - top, right - left)
        growth = np.exp(rng.uniform(-self.jitter, self.jitter, 2)) if self.fill else (1.0, 1.0)
        extent = (bottom - top) * growth[0], (right - left) * growth[1]
        y, x = (top + bottom) / 2 + shift[0], (left + right) / 2 + shift[1]
        box = (y - extent[0] / 2, x - extent[1] / 2, y + extent[0] / 2, x + extent[1] / 2)
        return framed(box, picture.shape, self.size, move)

    def glimpses(self, shape: Shape, places: Sequence[Place]) -> Sequence[Glimpse]:
        return [framed(self._window(shape, places), shape, self.size)]

    def _window(self, shape: Shape, places: Sequence[Place]) -> Box:
        if not places:
            return everything(shape).box
        if self.fill is None:
            (y, x), (height, width) = places[0].centre, shape
            return y + 0.5 - height / 2, x + 0.5 - width / 2, y + 0.5 + height / 2, x + 0.5 + width / 2
        top, left, bottom, right = places[0].box
        y, x = (bottom - top) * (1 / self.fill - 1) / 2, (right - left) * (1 / self.fill - 1) / 2
        return top - y, left - x, bottom + y, right + x


@VIEWS.register("translate", "thesis-data-efficient-segmentation 4.2 (SYSTEMS D10)")
def translate(*, size: int | tuple[int, int] = 128, jitter: _Share = 0.05) -> Centred:
    """The picture shifted so that the object which a localiser finds lies in the middle; parts that leave it are lost.

    In training the shift is wrong by up to `jitter` of the picture's height and width.
    """
    return Centred(shape_of(size), None, jitter)


@VIEWS.register("rescale", "thesis-data-efficient-segmentation 4.2 (SYSTEMS D10)")
def rescale(
    *, size: int | tuple[int, int] = 128, fill: Annotated[float, Field(gt=0, le=1)] = 0.5, jitter: _Share = 0.1
) -> Centred:
    """The object that a localiser finds at one size: its box is stretched until it fills a share `fill` of height and width.

    In training the box is moved and stretched by up to `jitter` of its window.
    """
    return Centred(shape_of(size), fill, jitter)
