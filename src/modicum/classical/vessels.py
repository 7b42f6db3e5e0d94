"""Filters that answer to thin lines; the level from which an answer is a vessel is chosen on the training pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field

from modicum.classical.responses import as_probability, knots, one_channel
from modicum.classical.table import METHODS, Floats, Pixels, State, valid_pixels
from modicum.views import TrainingPicture

Grey = npt.NDArray[np.float32]
_Positive = Annotated[float, Field(gt=0)]


@dataclass(frozen=True)
class LineFilter:
    """A filter that answers to bright lines in a picture (H, W), 0 to 1; dark ones are made bright first."""

    response: Callable[[Grey], Floats]
    dark: bool
    several: bool = False

    def fit(self, pictures: Sequence[TrainingPicture], classes: int, seed: int) -> State:
        known = []
        for picture in pictures:
            counts = valid_pixels(picture)
            known.append((self._answer(picture.image)[counts], (picture.label > 0)[counts]))
        return {"knots": knots(known)}

    def probabilities(self, pixels: Pixels, state: State) -> Floats:
        return as_probability(self._answer(pixels), state["knots"])[None]

    def _answer(self, pixels: Pixels) -> Floats:
        grey = one_channel(pixels)
        return self.response(1 - grey if self.dark else grey)


@METHODS.register("matched_filter", "Chaudhuri et al. 1989 (SYSTEMS E3)")
def matched_filter(
    *, sigma: _Positive = 2.0, length: _Positive = 9.0, angles: Annotated[int, Field(ge=2)] = 12, dark: bool = True
) -> LineFilter:
    """Pieces of a line with a Gaussian profile in twelve directions; the best answer counts. Lengths are in pixels."""
    kernels = [_piece(sigma, length, math.pi * number / angles) for number in range(angles)]

    def response(grey: Grey) -> Floats:
        answers = (cv2.filter2D(grey, cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT) for kernel in kernels)
        return np.asarray(np.maximum.reduce(list(answers)))

    return LineFilter(response, dark)


def _piece(sigma: float, length: float, angle: float) -> Grey:
    """The kernel of a bright piece of a line; its sum is 0 (Chaudhuri et al. 1989, equation 5 ff.)."""
    half = math.ceil(math.hypot(3 * sigma, length / 2))
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    across, along = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    inside = (np.abs(across) <= 3 * sigma) & (np.abs(along) <= length / 2)
    profile = np.where(inside, np.exp(-(across**2) / (2 * sigma**2)), 0)
    return np.asarray(np.where(inside, profile - profile[inside].mean(), 0), np.float32)


@METHODS.register("frangi", "Frangi et al. 1998, as scikit-image has it (SYSTEMS E3)")
def frangi(*, sigmas: tuple[float, ...] = (1.0, 1.5, 2.0, 2.5, 3.0), dark: bool = True) -> LineFilter:
    """Vesselness by the eigenvalues of the Hessian, the best of these scales (pixels)."""

    def response(grey: Grey) -> Floats:
        from skimage.filters import frangi as vesselness

        return np.asarray(vesselness(grey, sigmas=sigmas, black_ridges=False, mode="reflect"))

    return LineFilter(response, dark)
