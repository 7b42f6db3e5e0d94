"""The contract of a view: an invertible change of the picture, made for the network and undone after it.

M(I) = aggregate_i T_i^-1(F(T_i(I))): a view gives the maps T_i; it knows nothing of the network F.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from modicum.errors import ModicumError
from modicum.geometry import Border, CoordinateMap, Shape, compose, crop, resize, shrink_label, shrink_marks, shrink_picture
from modicum.tables import Table
from modicum.views.fusion import Answer, averaged
from modicum.views.places import Box, Levels, Place

Move = Callable[[Shape], CoordinateMap]  # a random movement of a picture of this shape, from augmentation


@dataclass(frozen=True)
class Glimpse:
    """One way to show a picture: T_i."""

    by: CoordinateMap
    levels: Levels | None = None  # darkest and brightest intensity (C,), 0 to 1, that are told apart; None: all

    def stretched(self, table: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """A table of intensities (256, C), 0 to 1, with its levels cut out and stretched to 0..1."""
        if self.levels is None:
            return table
        low, high = self.levels
        return np.clip((table - low) / (high - low), 0, 1).astype(np.float32)


@dataclass(frozen=True)
class TrainingPicture:
    """A labelled picture as a view keeps it in memory for training; or a volume, whose slices take the place of channels."""

    case_id: str
    image: npt.NDArray[np.uint8]  # (H, W, C); of a volume (H, W, D)
    label: npt.NDArray[np.uint8]  # (H, W), class numbers, 0 is background; of a volume (H, W, D), as all that follows
    valid: npt.NDArray[np.uint8] | None = None  # (H, W), 1 inside the field of view
    objects: tuple[npt.NDArray[np.int32], ...] = ()  # for each class present: some of its pixels (n, 2), (y, x)
    places: tuple[Place, ...] = ()  # where its objects are, for views that look at objects

    @property
    def shape(self) -> Shape:
        return self.label.shape[0], self.label.shape[1]


class View(ABC):
    """What a network sees of a picture. The defaults are those of a view that needs nothing but the picture's size."""

    size: Shape  # height and width of what the network sees in training
    border: Border  # what is shown beyond the picture's edge: its mirror image, or nothing (black background)
    localised: ClassVar[bool] = False  # it looks at objects: a localiser must say where they are
    flips: ClassVar[tuple[tuple[int, ...], ...]] = ((-2,), (-1,), (-2, -1))  # axes of (..., H, W) that may be flipped

    def flips_known(self, *, left_right: bool, up_down: bool) -> tuple[tuple[int, ...], ...]:
        """Of its flips those of which a network knows something that has seen pictures flipped like that."""
        seen = {-1: left_right, -2: up_down}
        return tuple(axes for axes in self.flips if all(seen[axis] for axis in axes))

    @property
    def several(self) -> bool:
        """Whether it looks at each object for itself."""
        return False

    @property
    def extents(self) -> bool:
        """Whether it must know more of an object than where it is: how far it reaches, what it looks like."""
        return False

    @abstractmethod
    def prepare(self, picture: TrainingPicture) -> TrainingPicture:
        """The picture as it is worth keeping, done once."""

    @abstractmethod
    def training_glimpse(self, picture: TrainingPicture, move: Move, rng: np.random.Generator) -> Glimpse:
        """One way to show a prepared picture to the network in training, moved at random; its target is `size`."""

    def places(self, mask: npt.NDArray[np.bool_], picture: npt.NDArray[np.uint8]) -> tuple[Place, ...]:
        """What this view must know of the objects in a mask (H, W) of a picture (H, W, C): phi = f(mask)."""
        return ()

    @abstractmethod
    def glimpses(self, shape: Shape, places: Sequence[Place]) -> Sequence[Glimpse]:
        """All ways in which a picture of this shape is shown; all with one target shape.

        Args:
            places: none where nothing was found; a view that looks at objects then shows the whole picture.
        """

    def fuse(self, answers: Iterable[tuple[Glimpse, Answer]], shape: Shape, classes: int) -> npt.NDArray[np.float16]:
        """Probability map (K, H, W) of the picture from the answers (K, h, w) to its glimpses, in their order."""
        return averaged(((g.by, a) for g, a in answers), shape, classes)


def shrunk(picture: TrainingPicture, smallest: Shape) -> TrainingPicture:
    """The picture area-averaged by the largest whole factor that keeps at least this size."""
    image = shrink_picture(picture.image, smallest)
    if picture.valid is None:
        return replace(picture, image=image, label=shrink_label(picture.label, smallest))
    label, valid = shrink_marks(picture.label, picture.valid, smallest)
    return replace(picture, image=image, label=label, valid=valid)


def framed(box: Box, shape: Shape, size: Shape, move: Move | None = None) -> Glimpse:
    """What lies in a box of a picture of this shape, resized to `size` and then moved; the box may reach outside."""
    top, left, bottom, right = box
    extent = max(1, round(bottom - top)), max(1, round(right - left))
    shown = [crop(shape, (top, left), extent), resize(extent, size)]
    return Glimpse(compose([*shown, move(size)] if move else shown))


def shape_of(size: int | Sequence[int]) -> Shape:
    """Height and width from one number for both, or from the two (a recipe's YAML has them as a list).

    Raises:
        ModicumError: not positive.
    """
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 1:
        raise ModicumError(f"a view cannot be {height}x{width} pixels.", remedy="Use e.g. --set view.size=128")
    return height, width


VIEWS: Table[View] = Table("view")
