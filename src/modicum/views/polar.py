"""Polar views: about the centre of all that is segmented, or one about each object."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from modicum.geometry import Border, Polar, Shape, compose, polar
from modicum.views.fusion import Answer, votes, way_back
from modicum.views.places import Mask, Place, each, everything, together
from modicum.views.view import VIEWS, Glimpse, Move, TrainingPicture, View, shape_of, shrunk

_SMALLEST, _MOST = 3, 100  # pixels high and wide that a component must be to get a view of its own; views of a picture
_Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class PolarView(View):
    """The whole picture in polar coordinates about a centre of mass (thesis-data-efficient-segmentation 4.3 and 4.4).

    Movement by augmentation comes before the transform: turning a picture shifts its rows, enlarging it stretches its columns.
    """

    size: Shape  # (angles, distances)
    objects: Literal["one", "each"]
    jitter: float
    jitter_chance: float
    border: Border = "zero"
    localised: ClassVar[bool] = True
    flips: ClassVar[tuple[tuple[int, ...], ...]] = ((-2,),)  # near and far are not alike

    def flips_known(self, *, left_right: bool, up_down: bool) -> tuple[tuple[int, ...], ...]:
        """A picture flipped either way is one whose angles run backwards."""
        return self.flips if left_right or up_down else ()

    @property
    def several(self) -> bool:
        return self.objects == "each"

    def prepare(self, picture: TrainingPicture) -> TrainingPicture:
        side = math.ceil(math.sqrt(2) * self.size[1])  # of a picture whose half diagonal has a pixel for each column
        smaller = shrunk(picture, (side, side))
        return replace(smaller, places=self.places(smaller.label > 0, smaller.image))

    def places(self, mask: Mask, picture: npt.NDArray[np.uint8]) -> tuple[Place, ...]:
        return each(mask, _SMALLEST)[:_MOST] if self.several else together(mask)

    def training_glimpse(self, picture: TrainingPicture, move: Move, rng: np.random.Generator) -> Glimpse:
        places = picture.places or (everything(picture.shape),)
        centre = np.array(places[rng.integers(len(places))].centre)
        if rng.random() < self.jitter_chance:
            centre = centre + rng.uniform(-self.jitter, self.jitter, 2) * min(picture.shape)
        moved = move(picture.shape)
        y, x = moved.forward(centre)
        return Glimpse(compose([moved, polar(picture.shape, (float(y), float(x)), self.size)]))

    def glimpses(self, shape: Shape, places: Sequence[Place]) -> Sequence[Glimpse]:
        return [Glimpse(polar(shape, p.centre, self.size)) for p in places or (everything(shape),)]

    def fuse(self, answers: Iterable[tuple[Glimpse, Answer]], shape: Shape, classes: int) -> npt.NDArray[np.float16]:
        if self.several:
            return votes(((g.by, a) for g, a in answers if isinstance(g.by, Polar)), shape, classes)
        ((glimpse, answer),) = answers
        return way_back(answer, glimpse.by).astype(np.float16)


@VIEWS.register("polar", "Benčević et al. 2021 and 2022 (SYSTEMS D1, D5)")
def polar_view(
    *,
    size: int | tuple[int, int] = 64,
    objects: Literal["one", "each"] = "one",
    jitter: _Share = 0.05,
    jitter_chance: _Share = 0.3,
) -> PolarView:
    """The picture in polar coordinates about the object that a localiser finds.

    `size` is the number of angles and of distances; of distances alone when it is one number: a run then takes as many angles
    as suit the size of its objects (planning), else half as many again. One transform about everything, or one about each
    object. In training a centre is moved, with probability `jitter_chance`, by up to `jitter` of the picture's shorter side.
    """
    return PolarView(shape_of((3 * size // 2, size) if isinstance(size, int) else size), objects, jitter, jitter_chance)
