"""What a trained network tells a view about where the objects are: a mask of its own, or discs about the peaks of a heatmap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from modicum.inference.segmenter import Segmenter

Mask = npt.NDArray[np.bool_]
_FAINTEST = 0.1  # a heatmap with no higher peak has found nothing


@dataclass(frozen=True)
class FromMask:
    """Where a segmenter's probability of any foreground reaches its threshold."""

    segmenter: Segmenter
    threshold: float

    def __call__(self, pixels: npt.NDArray[np.uint8]) -> Mask:
        probability = self.segmenter.probabilities(pixels)
        return np.asarray(probability.sum(axis=0, dtype=np.float32) >= self.threshold)


@dataclass(frozen=True)
class FromHeatmap:
    """Discs of the typical radius about the peaks of a heatmap: the highest one, or every one.

    Args:
        radius: share of the picture's longer side.
    """

    segmenter: Segmenter
    radius: float
    objects: Literal["one", "each"] = "one"

    def __call__(self, pixels: npt.NDArray[np.uint8]) -> Mask:
        heat = self.segmenter.probabilities(pixels)[0].astype(np.float32)
        radius = self.radius * max(heat.shape)
        peaks = [highest_peak(heat)] if self.objects == "one" else peaks_apart(heat, radius)
        mask = np.zeros(heat.shape, np.uint8)
        for y, x in peaks:
            if heat[round(y), round(x)] >= _FAINTEST:
                cv2.circle(mask, (round(x), round(y)), max(1, round(radius)), 1, -1)
        return mask > 0


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
