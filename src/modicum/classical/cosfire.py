"""B-COSFIRE: a bar is where several differences of Gaussians in a row answer together (Azzopardi et al. 2015)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
from pydantic import Field
from scipy import ndimage

from modicum.classical.table import METHODS, Floats
from modicum.classical.vessels import Grey, LineFilter

_FAINTEST = 1e-6  # an answer of nothing, before its logarithm is taken


@dataclass(frozen=True)
class Bar:
    """One B-COSFIRE filter: where along the bar it looks, and how exactly (lengths in pixels)."""

    sigma: float  # of the outer Gaussian; the inner one has half of it
    reach: int  # it looks every two pixels up to this distance from the middle
    blur: float  # sigma_0: tolerance in the middle ...
    growth: float  # alpha: ... and by how much it grows with the distance
    both: bool  # sides of the middle; one side only answers at the end of a vessel

    def __call__(self, grey: Grey, angles: int) -> Floats:
        """The geometric mean of what lies along the bar, in the best of so many directions (sections 2.3 to 2.5)."""
        lit = cv2.GaussianBlur(grey, (0, 0), self.sigma / 2) - cv2.GaussianBlur(grey, (0, 0), self.sigma)
        answer = np.log(np.maximum(lit, _FAINTEST))
        distances = range(0, self.reach + 1, 2)
        near = {distance: _strongest_near(answer, self._tolerance(distance)) for distance in distances}
        near = {distance: np.pad(values, self.reach, mode="edge") for distance, values in near.items()}
        looked_at = [*(-d for d in distances if d and self.both), *distances]
        best = np.full(grey.shape, -np.inf, np.float32)
        for number in range(angles):
            direction = (1 if self.both else 2) * math.pi * number / angles
            total = np.zeros_like(best)
            for distance in looked_at:
                y = self.reach + round(distance * math.sin(direction))
                x = self.reach + round(distance * math.cos(direction))
                total += near[abs(distance)][y : y + grey.shape[0], x : x + grey.shape[1]]
            np.maximum(best, total, out=best)
        return np.asarray(np.exp(best / len(looked_at)))

    def _tolerance(self, distance: int) -> float:
        """Standard deviation of the Gaussian: a sixth of the paper's sigma_0 + alpha rho, as in the authors' own program."""
        return (self.blur + self.growth * distance) / 6


def _strongest_near(answer: Grey, sigma: float) -> Grey:
    """Maximum of answer x Gaussian around each pixel, in logarithms: there it is separable."""
    offsets = np.arange(-math.ceil(3 * sigma), math.ceil(3 * sigma) + 1)
    falling = (-(offsets**2) / (2 * sigma**2)).astype(np.float32)
    for structure in (falling[:, None], falling[None]):
        answer = ndimage.grey_dilation(answer, structure=structure, mode="nearest")  # type: ignore[call-overload]
    return answer


@METHODS.register("bcosfire", "Azzopardi et al. 2015, B-COSFIRE with the parameters for DRIVE (SYSTEMS E3)")
def bcosfire(
    *,
    middle: tuple[float, int, float, float] = (2.4, 8, 3.0, 0.7),
    ends: tuple[float, int, float, float] = (1.8, 22, 2.0, 0.1),
    angles: Annotated[int, Field(ge=2)] = 12,
    dark: bool = True,
) -> LineFilter:
    """Sum of a filter for bars and one for their ends, in twelve directions (24 for ends).

    `middle` and `ends` are sigma, reach, sigma_0 and alpha of each, in pixels of pictures like DRIVE's (565 across). As in the
    authors' own program the points of a bar weigh alike.
    """
    bars, stumps = Bar(*middle, both=True), Bar(*ends, both=False)

    def response(grey: Grey) -> Floats:
        return bars(grey, angles) + stumps(grey, 2 * angles)

    return LineFilter(response, dark)
