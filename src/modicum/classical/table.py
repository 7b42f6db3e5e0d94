"""The table of classical methods, and their contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from modicum.tables import Table
from modicum.views import TrainingPicture

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating]
State = dict[str, npt.NDArray[Any]]
"""What a method has learned: named arrays, which a bundle keeps as it keeps a network's weights."""


class Method(Protocol):
    """A way to segment that is fitted at once, without steps."""

    @property
    def several(self) -> bool:
        """Whether it can tell several classes apart."""
        ...

    def fit(self, pictures: Sequence[TrainingPicture], classes: int, seed: int) -> State:
        """What is to be kept of labelled pictures, at least one, to segment others.

        Args:
            classes: K, foreground classes.
        """
        ...

    def probabilities(self, pixels: Pixels, state: State) -> Floats:
        """Probabilities (K, H, W) for working pixels (H, W, C)."""
        ...


METHODS: Table[Method] = Table("classical method")
OF_ONE_CHANNEL = ("atlas", "frangi", "matched_filter", "bcosfire")  # they look at the luminance


def valid_pixels(picture: TrainingPicture) -> Mask:
    """(H, W): the pixels that count."""
    return np.ones(picture.shape, bool) if picture.valid is None else picture.valid > 0
