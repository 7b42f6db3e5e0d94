"""The contract of a view: an invertible change of the picture, made for the network and undone after it.

M(I) = aggregate_i T_i^-1(F(T_i(I))): a view gives the maps T_i; it knows nothing of the network F.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from modicum.errors import ModicumError
from modicum.geometry import Border, CoordinateMap, Shape
from modicum.tables import Table


@dataclass(frozen=True)
class TrainingPicture:
    """A labelled picture as a view keeps it in memory for training."""

    case_id: str
    image: npt.NDArray[np.uint8]  # (H, W, C)
    label: npt.NDArray[np.uint8]  # (H, W), class numbers, 0 is background
    valid: npt.NDArray[np.uint8] | None = None  # (H, W), 1 inside the field of view
    objects: tuple[npt.NDArray[np.int32], ...] = ()  # for each class present: some of its pixels (n, 2), (y, x)

    @property
    def shape(self) -> Shape:
        return self.label.shape[0], self.label.shape[1]


class View(Protocol):
    """What a network sees of a picture."""

    @property
    def size(self) -> Shape:
        """Height and width of what the network sees in training."""
        ...

    @property
    def border(self) -> Border:
        """What augmentation shows beyond the picture's edge: its mirror image, or nothing (black background)."""
        ...

    def prepare(self, picture: TrainingPicture) -> TrainingPicture:
        """The picture as it is worth keeping, done once."""
        ...

    def training_map(self, picture: TrainingPicture, rng: np.random.Generator) -> CoordinateMap:
        """One way to show a prepared picture to the network in training; its target is `size`."""
        ...

    def inference_maps(self, shape: Shape) -> Sequence[CoordinateMap]:
        """All ways in which a picture of this shape is shown; all with one target shape, top row first."""
        ...


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
