"""What a trained network tells a view about where the objects are: a mask of its own, or discs about the peaks of a heatmap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from modicum.inference.segmenter import Predictor, Rough

Mask = npt.NDArray[np.bool_]
_FAINTEST = 0.1  # a heatmap with no higher peak has found nothing


@dataclass(frozen=True)
class FromMask:
    """Where a segmenter sees any foreground.

    Args:
        decide: probability maps (K, H, W) and pixels (H, W, C) -> class numbers (H, W).
    """

    segmenter: Predictor
    decide: Callable[[npt.NDArray[np.float16], npt.NDArray[np.uint8]], npt.NDArray[np.uint8]]

    def __call__(self, pixels: npt.NDArray[np.uint8]) -> Rough:
        probability = self.segmenter.probabilities(pixels)
        return Rough(self.decide(probability, pixels) > 0, probability)


@dataclass(frozen=True)
class FromHeatmap:
    """Discs of the typical radius about the peaks of a heatmap, the highest one or every one; smaller beside others and edges.

    Args:
        radius: share of the picture's longer side.
    """

    segmenter: Predictor
    radius: float
    objects: Literal["one", "each"] = "one"

    def __call__(self, pixels: npt.NDArray[np.uint8]) -> Rough:
        heat = self.segmenter.probabilities(pixels)[0].astype(np.float32)
        radius = self.radius * max(heat.shape)
        peaks = np.array([highest_peak(heat)] if self.objects == "one" else peaks_apart(heat, radius)).reshape(-1, 2)
        mask = np.zeros(heat.shape, np.uint8)
        for number, (y, x) in enumerate(peaks):
            if heat[round(y), round(x)] >= _FAINTEST:
                others = np.delete(peaks, number, axis=0) - (y, x)
                apart = np.hypot(*others.T).min() / 2 - 1 if len(others) else np.inf  # discs that touch would be one object
                beside = [min(c, n - 1 - c) for c, n in zip((y, x), heat.shape, strict=True)]  # a clipped one has moved
                axes = [max(1, int(min(radius, apart, room))) for room in beside]
                cv2.ellipse(mask, (round(x), round(y)), (axes[1], axes[0]), 0, 0, 360, 1, -1)
        return Rough(mask > 0)


def highest_peak(heat: npt.NDArray[np.float32]) -> tuple[float, float]:
    """(y, x) of the middle of the highest plateau of a heatmap (H, W): enlarged heatmaps have flat tops."""
    y, x = np.nonzero(heat >= float(heat.max()) * 0.98)
    top = np.unravel_index(int(heat.argmax()), heat.shape)
    near = np.hypot(y - top[0], x - top[1]) < 0.1 * max(heat.shape)
    return float(y[near].mean()), float(x[near].mean())


def peaks_apart(heat: npt.NDArray[np.float32], distance: float) -> list[tuple[float, float]]:
    """(y, x) of all maxima of a heatmap (H, W) that lie at least so many pixels apart."""
    reach = 2 * max(1, round(distance)) + 1
    around = cv2.dilate(heat, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    tops = (heat == around) & (heat >= _FAINTEST)
    _, _, _, centres = cv2.connectedComponentsWithStats(tops.astype(np.uint8), connectivity=8)  # a flat top is one peak
    return [(float(y), float(x)) for x, y in centres[1:]]
