"""A predictor that sees pictures larger or smaller than they are: those of a camera with another resolution."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from modicum.images.volumes import brought_back
from modicum.inference.segmenter import Look, Predictor


@dataclass(frozen=True)
class Rescaled:
    """Answers in the picture's own size for pictures that the predictor sees at another."""

    predictor: Predictor
    scale: float  # of height and width, > 0

    def probabilities(self, picture: npt.NDArray[Any]) -> npt.NDArray[np.float16]:
        """As `Predictor.probabilities`."""
        return np.asarray(brought_back(self.predictor.probabilities(self._seen(picture)), _shape(picture)), np.float16)

    def look(self, picture: npt.NDArray[Any], mask: npt.NDArray[np.bool_] | None = None) -> Look:
        """As `Predictor.look`; glimpses and places are those in the picture as it was seen."""
        seen = self._seen(picture)
        look = self.predictor.look(seen, None if mask is None else brought_back(mask, _shape(seen)))
        return replace(look, probability=np.asarray(brought_back(look.probability, _shape(picture)), np.float16))

    def pixels(self, picture: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """As `Predictor.pixels`, of the picture as it is seen."""
        return self.predictor.pixels(self._seen(picture))

    def _seen(self, picture: npt.NDArray[Any]) -> npt.NDArray[Any]:
        height, width = (max(1, round(side * self.scale)) for side in _shape(picture))
        shown = picture if picture.dtype in (np.uint8, np.uint16, np.float32) else picture.astype(np.float32)
        way = cv2.INTER_AREA if self.scale < 1 else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(shown, (width, height), interpolation=way)).reshape(height, width, -1)


def _shape(picture: npt.NDArray[Any]) -> tuple[int, int]:
    return picture.shape[0], picture.shape[1]


def at_scale(predictor: Predictor, scale: float) -> Predictor:
    """The predictor that sees pictures at this part of their size; itself where that is 1."""
    return predictor if scale == 1 else Rescaled(predictor, scale)
