"""What more labels would bring: the learning curve as a power law, with the interval of its extrapolation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modicum.evaluation.statistics import Floats

_FEWEST = 3  # sizes
_STEEPNESS = np.linspace(0.1, 2.0, 39)


@dataclass(frozen=True)
class Outlook:
    """What is to be expected from more labels."""

    labels: int
    dice: float
    ci95: tuple[float, float]


def fitted(labels: Sequence[int], dice: Floats) -> tuple[float, float, float]:
    """(best, gap, steepness) of dice = best - gap * labels ** -steepness, by least squares (Hestness et al. 2017).

    best is kept within 0..1 and gap above 0; steepness .1 to 2.
    """
    n, found, least = np.asarray(labels, np.float64), (0.0, 0.0, 0.1), np.inf
    for steepness in _STEEPNESS:
        x = n**-steepness
        slope = np.cov(x, dice, bias=True)[0, 1] / x.var()
        gap = max(0.0, -float(slope))
        best = min(1.0, float(dice.mean() + gap * x.mean()))
        gap = max(0.0, float(((best - dice) * x).sum() / (x * x).sum())) if best == 1.0 else gap
        rest = float(((best - gap * x - dice) ** 2).sum())
        if rest < least - 1e-15:
            found, least = (best, gap, float(steepness)), rest
    return found


def outlook(labels: Sequence[int], dice: Floats, drawn: Floats, ahead: Sequence[int]) -> list[Outlook]:
    """The expected Dice with more labels.

    Args:
        labels: sizes that were tried.
        dice: (sizes,) the means found with them.
        drawn: (draws, sizes) means of bootstrap samples, which say how sure each is.
        ahead: sizes to look ahead to.

    Returns:
        nothing with fewer than three sizes. The interval holds what chance in pictures and repetitions does to the fit, not
        whether a power law is right.
    """
    if len(labels) < _FEWEST:
        return []
    curves = [fitted(labels, row) for row in drawn]
    best, gap, steepness = fitted(labels, dice)
    found = []
    for size in ahead:
        low, high = np.quantile([b - g * size**-s for b, g, s in curves], [0.025, 0.975])
        found.append(Outlook(size, best - gap * size**-steepness, (float(low), float(high))))
    return found
