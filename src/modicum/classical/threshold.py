"""Thresholds on the channel that shows the objects best: they find them in microseconds where they differ in brightness."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field

from modicum.classical.table import METHODS, Floats, Mask, Pixels, State, valid_pixels
from modicum.views import TrainingPicture

_SMOOTHING = 0.01  # standard deviation of the blur as a share of the longer side


@dataclass(frozen=True)
class OtsuThreshold:
    """Pixels on one side of the threshold that parts a picture's intensities best (Otsu 1979), after a slight blur."""

    channel: int
    bright: bool  # objects are brighter than what surrounds them
    largest: bool  # only the largest component

    def __call__(self, pixels: npt.NDArray[np.uint8]) -> Mask:
        """Mask (H, W) of pixels (H, W, C)."""
        smooth = cv2.GaussianBlur(pixels[..., self.channel], (0, 0), max(0.5, _SMOOTHING * max(pixels.shape[:2])))
        _, marked = cv2.threshold(smooth, 0, 1, cv2.THRESH_OTSU | (cv2.THRESH_BINARY if self.bright else cv2.THRESH_BINARY_INV))
        if not self.largest:
            return np.asarray(marked > 0)
        _, numbers, stats, _ = cv2.connectedComponentsWithStats(marked.astype(np.uint8), connectivity=8)
        areas = stats[1:, cv2.CC_STAT_AREA]
        return np.asarray(numbers == 1 + int(areas.argmax())) if len(areas) else np.zeros(marked.shape, bool)

    @classmethod
    def fitted(cls, pictures: Iterable[tuple[npt.NDArray[np.uint8], Mask]]) -> OtsuThreshold:
        """The channel, the side and the number of components that agree best (mean Dice) with the masks of labelled pictures.

        Args:
            pictures: (pixels (H, W, C), mask (H, W)), at least one.
        """
        known = list(pictures)
        channels = known[0][0].shape[2]
        candidates = [cls(c, b, g) for c, b, g in itertools.product(range(channels), (False, True), (False, True))]
        return max(candidates, key=lambda one: float(np.mean([_dice(one(pixels), mask) for pixels, mask in known])))


def _dice(found: Mask, true: Mask) -> float:
    both = int(found.sum()) + int(true.sum())
    return 2 * int((found & true).sum()) / both if both else 1.0


@METHODS.register("otsu", "Otsu 1979 (SYSTEMS E1)")
@dataclass(frozen=True, kw_only=True)
class Otsu:
    """Otsu's threshold on the channel and the side that suit the training pictures best."""

    @property
    def several(self) -> bool:
        return False

    def fit(self, pictures: Sequence[TrainingPicture], classes: int, seed: int) -> State:
        best = OtsuThreshold.fitted((p.image, p.label > 0) for p in pictures)
        return {"channel": np.array([best.channel]), "sides": np.array([best.bright, best.largest], np.uint8)}

    def probabilities(self, pixels: Pixels, state: State) -> Floats:
        bright, largest = (bool(one) for one in state["sides"])
        return OtsuThreshold(int(state["channel"][0]), bright, largest)(pixels)[None].astype(np.float32)


_Level = Annotated[float, Field(ge=0, le=1)]


@METHODS.register("range", "SYSTEMS E1: fixed range, Hounsfield window")
@dataclass(frozen=True, kw_only=True)
class FixedRange:
    """Pixels between two levels; those that are null, and the channel, are chosen on the training pictures by pooled Dice.

    Args:
        low, high: 0 is black, 1 white; in volumes the ends of images.window, so that .002 and .998 are what lies inside it.
    """

    low: _Level | None = None
    high: _Level | None = None

    @property
    def several(self) -> bool:
        return False

    def fit(self, pictures: Sequence[TrainingPicture], classes: int, seed: int) -> State:
        found = []
        for channel in range(pictures[0].image.shape[2]):
            inside, everywhere = np.zeros(257), np.zeros(257)  # [v]: pixels below the level v
            for picture in pictures:
                counts = valid_pixels(picture)
                levels, foreground = picture.image[..., channel][counts], (picture.label > 0)[counts]
                inside[1:] += np.bincount(levels[foreground], minlength=256).cumsum()
                everywhere[1:] += np.bincount(levels, minlength=256).cumsum()
            lows = range(256) if self.low is None else [round(self.low * 255)]
            highs = range(256) if self.high is None else [round(self.high * 255)]
            low, high = (axis.ravel() for axis in np.meshgrid(lows, highs))
            dice = 2 * (inside[high + 1] - inside[low]) / np.maximum(everywhere[high + 1] - everywhere[low] + inside[-1], 1)
            best = int(np.where(low <= high, dice, -1).argmax())
            found.append((float(dice[best]), channel, int(low[best]), int(high[best])))
        return {"range": np.array(max(found, key=lambda one: one[0])[1:], np.int32)}

    def probabilities(self, pixels: Pixels, state: State) -> Floats:
        channel, low, high = (int(one) for one in state["range"])
        return ((pixels[..., channel] >= low) & (pixels[..., channel] <= high))[None].astype(np.float32)
