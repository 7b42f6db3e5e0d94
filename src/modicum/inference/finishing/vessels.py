"""Steps for thin branching structures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy import ndimage

from modicum.inference.finishing.table import FINISHERS, Evidence, Numbers, missing


@FINISHERS.register("dual_threshold", "Liu et al. 2022, dual-threshold iteration (SYSTEMS E4)")
@dataclass(frozen=True, kw_only=True)
class DualThreshold:
    """Pixels of at least the probability `low` join the class that they touch, again and again until none is left.

    With one neighbour needed this is hysteresis; with more, single pixels no longer make a bridge. `low` below 1 is a
    probability of its own, whatever the threshold was.
    """

    low: Annotated[float, Field(gt=0, lt=1)] = 0.3
    neighbours: Annotated[int, Field(ge=1, le=8)] = 1  # of the class, among those around a pixel, before it joins

    def __call__(self, numbers: Numbers, evidence: Evidence) -> Numbers:
        if evidence.probability is None:
            raise missing("dual_threshold", "probabilities")
        done, around = numbers.copy(), np.ones((3,) * numbers.ndim, np.uint8)
        for number, likely in enumerate(evidence.probability >= self.low, 1):
            found = done == number
            free = likely & (done == 0)
            while True:
                joining = free & (ndimage.convolve(found.view(np.uint8), around, mode="constant") >= self.neighbours)
                if not joining.any():
                    break
                found |= joining
                free &= ~joining
            done[found] = number
        return done
