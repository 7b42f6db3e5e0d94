"""Pseudo-labels: what a model makes of unlabelled pictures, and whether that can be believed (thesis-unlabelled-retina 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from modicum.supervision.table import PseudoLabels

Range = tuple[float, float]


@dataclass(frozen=True)
class Judged:
    """One unlabelled picture as a model labelled it."""

    case_id: str
    share: float  # of foreground among the pixels that count
    confidence: float  # mean probability of the class found, over the foreground found; 0 without any
    reason: str = ""  # why it is not believed; "" if it is

    @property
    def kept(self) -> bool:
        return not self.reason


def share_range(shares: Sequence[float], given: Range | None = None) -> Range:
    """The shares of foreground that a picture of this kind may have.

    Without a given range: the 95 % prediction interval for one more picture, shares being log-normal (mean +- t sd
    sqrt(1 + 1/n) of their logarithms), and down to 0 where a labelled picture is empty. A single label says nothing of the
    spread: then a third to three times its share.
    """
    if given is not None:
        return given
    found = np.log([s for s in shares if s > 0])
    if not found.size:
        return 0.0, 1.0
    if found.size == 1:
        reach = np.log(3.0)
    else:
        from scipy.special import stdtrit

        reach = stdtrit(found.size - 1, 0.975) * found.std(ddof=1) * np.sqrt(1 + 1 / found.size)
    low, high = np.exp(found.mean() - reach), np.exp(found.mean() + reach)
    return 0.0 if min(shares) == 0 else float(low), float(min(high, 1.0))


def judged(
    case_id: str,
    probability: npt.NDArray[np.floating],
    numbers: npt.NDArray[np.uint8],
    valid: npt.NDArray[np.bool_] | None,
    allowed: Range,
    least: float,
) -> Judged:
    """Whether what a model found in a picture can be believed.

    Args:
        probability: (K, H, W) of the foreground classes.
        numbers: (H, W), the class that each pixel was given.
        valid: (H, W), the pixels that count.
        allowed: shares of foreground.
        least: confidence.
    """
    counts = np.ones(numbers.shape, np.bool_) if valid is None else valid
    found = (numbers > 0) & counts
    share = float(found.sum() / max(1, counts.sum()))
    given = np.take_along_axis(probability, np.maximum(numbers, 1)[None].astype(np.int64) - 1, axis=0)[0]
    confidence = float(given[found].mean(dtype=np.float64)) if found.any() else 0.0
    reason = ""
    if not allowed[0] <= share <= allowed[1]:
        reason = f"share of foreground {share:.2%} outside {allowed[0]:.2%} to {allowed[1]:.2%}"
    elif found.any() and confidence < least:
        reason = f"confidence {confidence:.2f} below {least:.2f}"
    return Judged(case_id, share, confidence, reason)


def sure(
    probability: npt.NDArray[np.floating], numbers: npt.NDArray[np.uint8], settings: PseudoLabels
) -> npt.NDArray[np.uint8]:
    """1 for each pixel (H, W) whose class, background among them, is probable enough to teach.

    Args:
        probability: (K, H, W) of the foreground classes.
        numbers: (H, W), the class that each pixel was given.
    """
    every = np.concatenate([1 - probability.sum(axis=0, keepdims=True), probability])
    given = np.take_along_axis(every, numbers[None].astype(np.int64), axis=0)[0]
    return np.asarray(given >= 0.5 + settings.unsure, np.uint8)
