"""From the response of a filter to probabilities, by way of labelled pictures."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from modicum.classical.table import Floats, Mask, Pixels

_CANDIDATES, _KNOTS = 1000, 64

Responses = Sequence[tuple[Floats, Mask]]
"""Responses (n,) of the pixels that count in each picture, and which of them are foreground."""


def knots(responses: Responses) -> npt.NDArray[np.float64]:
    """Responses that stand for the probabilities 0 to 1 in equal steps; .5 is the level of the best mean Dice.

    Below and above that level, equal steps hold equally many of the pixels.
    """
    pooled = np.concatenate([response for response, _ in responses])
    level = best_level(responses)
    below, above = pooled[pooled < level], pooled[pooled >= level]
    steps = np.linspace(0, 1, _KNOTS + 1)
    low = np.quantile(below, steps[:-1]) if below.size else np.full(_KNOTS, level)
    return np.concatenate([low, [level], np.quantile(above, steps[1:])])


def best_level(responses: Responses) -> float:
    """The level from which responses are foreground with the best mean Dice; of equally good ones the highest."""
    pooled = np.concatenate([response for response, _ in responses])
    levels = np.unique(np.quantile(pooled, np.linspace(0, 1, _CANDIDATES)))
    dice = np.mean([_dice_at(levels, *one) for one in responses], axis=0)
    return float(levels[len(levels) - 1 - int(dice[::-1].argmax())])


def as_probability(response: Floats, known: npt.NDArray[np.float64]) -> Floats:
    """Responses as probabilities."""
    return np.asarray(np.interp(response, known, np.linspace(0, 1, len(known))))


def _dice_at(levels: Floats, response: Floats, foreground: Mask) -> Floats:
    """Dice of `response >= level` for ascending levels."""

    def at_least(chosen: Floats) -> Floats:
        counts = np.bincount(np.searchsorted(levels, chosen, side="right"), minlength=len(levels) + 1)
        return np.asarray(counts[::-1].cumsum()[::-1][1:], np.float64)

    return np.asarray(2 * at_least(response[foreground]) / np.maximum(at_least(response) + foreground.sum(), 1))


def one_channel(pixels: Pixels) -> npt.NDArray[np.float32]:
    """(H, W), 0 to 1: the only channel, or the luminance."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) if pixels.shape[2] == 3 else pixels[..., pixels.shape[2] // 2]
    return np.asarray(grey, np.float32) / np.float32(255)
