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


def fitted(labels: Sequence[float], dice: Floats) -> Floats:
    """(draws, 3): best, gap, steepness of dice = best - gap * labels ** -steepness, by least squares (Hestness et al. 2017).

    best is at most 1, gap at least 0; steepness .1 to 2.

    Args:
        dice: (draws, sizes).
    """
    n = np.asarray(labels, np.float64)
    found, least = np.zeros((len(dice), 3)), np.full(len(dice), np.inf)
    for steepness in _STEEPNESS:
        x = n**-steepness
        centred = x - x.mean()
        gap = np.maximum(0.0, -(dice @ centred) / (centred @ centred))
        best = dice.mean(axis=1) + gap * x.mean()
        over = best > 1
        best = np.minimum(best, 1.0)
        gap = np.where(over, np.maximum(0.0, ((1.0 - dice) @ x) / (x @ x)), gap)
        rest = ((best[:, None] - gap[:, None] * x - dice) ** 2).sum(axis=1)
        better = rest < least - 1e-15
        found[better] = np.stack([best, gap, np.full(len(dice), steepness)], axis=1)[better]
        least = np.where(better, rest, least)
    return found


def outlook(labels: Sequence[float], dice: Floats, drawn: Floats, ahead: Sequence[int]) -> list[Outlook]:
    """The expected Dice with more labels.

    Args:
        labels: sizes that were tried.
        dice: (sizes,) the means found with them.
        drawn: (draws, sizes) likely means, which say how sure each is.
        ahead: sizes to look ahead to.

    Returns:
        nothing with fewer than three different sizes. The interval holds what chance in pictures and repetitions does to the
        fit, not whether a power law is right.
    """
    if len({*labels}) < _FEWEST or not np.isfinite(drawn).all():
        return []
    curves, (own,) = fitted(labels, drawn), fitted(labels, dice[None])
    found = []
    for size in ahead:
        low, high = np.quantile(curves[:, 0] - curves[:, 1] * float(size) ** -curves[:, 2], [0.025, 0.975])
        found.append(Outlook(size, float(own[0] - own[1] * float(size) ** -own[2]), (float(low), float(high))))
    return found
