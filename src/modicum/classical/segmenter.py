"""A fitted classical method in the place of a trained network: picture in, probability map out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from modicum.classical.table import Method, State
from modicum.errors import ModicumError
from modicum.images.intensity import Intensity, working_pixels
from modicum.inference import Look
from modicum.inference.calibration import tempered


@dataclass(frozen=True)
class ClassicalSegmenter:
    """Everything that a prediction needs."""

    method: Method
    state: State
    intensity: Intensity
    prepare: Sequence[Mapping[str, Any]] = ()  # preparations of pictures that were not prepared before
    temperature: float = 1.0  # of the probabilities that are told

    def probabilities(self, picture: npt.NDArray[Any]) -> npt.NDArray[np.float16]:
        """Probability maps (K, H, W) of the foreground classes for a picture (H, W, C) of any dtype.

        Raises:
            ModicumError: what was learned is not what this method learns.
        """
        pixels = self.pixels(picture)
        try:
            probability = self.method.probabilities(pixels, self.state).astype(np.float16)
        except (KeyError, IndexError, ValueError):
            raise ModicumError("what the bundle has learned does not fit its method.", remedy="Copy it again.") from None
        return tempered(probability, self.temperature)

    def look(self, picture: npt.NDArray[Any], mask: npt.NDArray[np.bool_] | None = None) -> Look:
        """The same; there is nothing that a mask could tell."""
        return Look(self.probabilities(picture), (), None, ())

    def pixels(self, picture: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """A picture as the method works on it."""
        return working_pixels(picture, self.intensity.channels, grey=self.intensity.grey, prepare=self.prepare)
