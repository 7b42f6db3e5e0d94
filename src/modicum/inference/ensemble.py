"""Several trained models of the same classes as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from modicum.inference.segmenter import Look, Predictor


@dataclass(frozen=True)
class Ensemble:
    """The mean of the probability maps of its members; what else is told of a picture is the first one's."""

    members: Sequence[Predictor]

    def probabilities(self, picture: npt.NDArray[Any]) -> npt.NDArray[np.float16]:
        """Probability maps (K, H, W) of the foreground classes for a picture (H, W, C) of any dtype."""
        return self.look(picture).probability

    def look(self, picture: npt.NDArray[Any], mask: npt.NDArray[np.bool_] | None = None) -> Look:
        """The same, and what the first member was shown for it."""
        looks = [member.look(picture, mask) for member in self.members]
        mean = np.mean(np.stack([look.probability for look in looks]), axis=0, dtype=np.float32)
        return replace(looks[0], probability=np.asarray(mean, np.float16))

    def pixels(self, picture: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """A picture as it is worked on: 8 bits, the channels that are known."""
        return self.members[0].pixels(picture)
