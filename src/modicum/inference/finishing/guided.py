"""Borders drawn to the edges of the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy import ndimage

from modicum.inference.finishing.table import FINISHERS, Evidence, Numbers, Size, longer_side, pixels_of

Floats = npt.NDArray[np.float64]


@FINISHERS.register("guided_filter", "He et al. 2013, guided image filtering")
@dataclass(frozen=True, kw_only=True)
class GuidedFilter:
    """Each class's mask becomes, in every window, the best linear function of the picture; the greatest answer wins.

    Stands where a fully connected random field would, of which no library is kept up. Volumes are worked on slice by slice.
    """

    radius: Size = 4.0
    contrast: Annotated[float, Field(gt=0)] = 0.05  # share of the picture's range; fainter edges than this are smoothed over

    def __call__(self, numbers: Numbers, evidence: Evidence) -> Numbers:
        guide, classes = evidence.grey(numbers, "guided_filter"), np.unique(numbers)
        radius = max(1, round(pixels_of(self.radius, longer_side(numbers))))
        best, done = np.full(numbers.shape, -np.inf), np.zeros_like(numbers)
        for number in classes:
            answer = guided((numbers == number).astype(np.float64), guide, radius, self.contrast**2)
            done[answer > best] = number
            best = np.maximum(best, answer)
        return done


def guided(values: Floats, guide: Floats, radius: int, eps: float) -> Floats:
    """Values (..., H, W) filtered by a guide of the same shape (He et al. 2013, algorithm 1)."""
    window = (1,) * (values.ndim - 2) + (2 * radius + 1,) * 2

    def mean(array: Floats) -> Floats:
        return np.asarray(ndimage.uniform_filter(array, window, mode="nearest"))

    mean_guide, mean_values = mean(guide), mean(values)
    slope = (mean(guide * values) - mean_guide * mean_values) / (mean(guide**2) - mean_guide**2 + eps)
    return mean(slope) * guide + mean(mean_values - slope * mean_guide)
