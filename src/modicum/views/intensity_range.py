"""The whole picture with only the intensities of the object told apart: a window as radiologists set it for a tissue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from modicum.geometry import Border, Shape, compose, resize
from modicum.views.places import Mask, Place, together
from modicum.views.view import VIEWS, Glimpse, Move, TrainingPicture, View, shape_of, shrunk

_Share = Annotated[float, Field(ge=0, le=1)]
_NARROWEST = 1 / 64  # of the scale of intensities, between darkest and brightest


@dataclass(frozen=True)
class IntensityRange(View):
    """The whole picture resized, its intensities cut to those inside a rough mask (SYSTEMS D10: the Hounsfield case)."""

    size: Shape
    margin: float
    jitter: float
    border: Border = "zero"
    localised: ClassVar[bool] = True

    @property
    def extents(self) -> bool:
        return True

    def prepare(self, picture: TrainingPicture) -> TrainingPicture:
        places = self.places(picture.label > 0, picture.image)  # of the picture as it is: averaging narrows the range
        return replace(shrunk(picture, self.size), places=places)

    def places(self, mask: Mask, picture: npt.NDArray[np.uint8]) -> tuple[Place, ...]:
        """All foreground, with the 1st and 99th percentile of its intensities: single wrong pixels do not widen the range."""
        if not mask.any():
            return ()
        low, high = np.percentile(picture[mask], [1, 99], axis=0).astype(np.float32) / 255
        return tuple(replace(place, levels=(low, high)) for place in together(mask))

    def training_glimpse(self, picture: TrainingPicture, move: Move, rng: np.random.Generator) -> Glimpse:
        shown = self.glimpses(picture.shape, picture.places)[0]
        levels = shown.levels
        if levels is not None:
            low, high = (end + np.float32(rng.uniform(-self.jitter, self.jitter)) for end in levels)
            levels = low, np.maximum(high, low + _NARROWEST)
        return Glimpse(compose([shown.by, move(self.size)]), levels)

    def glimpses(self, shape: Shape, places: Sequence[Place]) -> Sequence[Glimpse]:
        by = resize(shape, self.size)
        if not places or places[0].levels is None:
            return [Glimpse(by)]
        low, high = places[0].levels
        low, high = low - self.margin, np.maximum(high + self.margin, low - self.margin + _NARROWEST)
        return [Glimpse(by, (low, high))]


@VIEWS.register("range", "thesis-data-efficient-segmentation 4.2 (SYSTEMS D10)")
def intensity_range(*, size: int | tuple[int, int] = 128, margin: _Share = 0.1, jitter: _Share = 0.05) -> IntensityRange:
    """The whole picture, its intensities cut to the range that a localiser's mask holds, and `margin` of the scale more.

    In training both ends of the range are wrong by up to `jitter` of the scale.
    """
    return IntensityRange(shape_of(size), margin, jitter)
