"""Random changes of brightness and colour.

Everything that acts on one pixel at a time (brightness, contrast, gamma, gains, normalisation) is composed into one table of
256 levels a channel, and the picture is looked up once: the cost does not grow with the number of changes.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from modicum.augment.policies import Policy, Range

Levels = npt.NDArray[np.float32]  # (256, C): the value that each 8-bit level becomes


Look = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]  # mean and standard deviation (C,) of a picture


def borrowed_levels(levels: Levels, own: Look, other: Look, share: float) -> Levels:
    """Levels (256, C) after the picture's mean and spread have gone `share` of the way to another picture's.

    Colour transfer of Reinhard et al. 2001, channel by channel in RGB; the spread changes by a factor of 2 at most.
    """
    factor = np.clip(other[1] / np.maximum(own[1], 1e-3), 0.5, 2.0)
    wanted = (levels - own[0]) * factor + other[0]
    return (levels + share * (wanted - levels)).astype(np.float32)


def random_levels(policy: Policy, levels: Levels, mean: npt.NDArray[np.float32], rng: np.random.Generator) -> Levels:
    """Randomly recoloured levels (256, C), values about 0 to 1; `mean` (C,) is the picture's own, for the contrast."""
    channels = levels.shape[1]
    changed = np.clip(levels, 0, 1) ** _log_uniform(policy.gamma, rng)
    changed = (changed - mean) * _log_uniform(policy.contrast, rng) + mean * rng.uniform(*policy.brightness)
    gain = 1 + rng.uniform(-policy.channel_gain, policy.channel_gain, channels)
    shift = rng.uniform(-policy.channel_shift, policy.channel_shift, channels)
    return (changed * gain + shift).astype(np.float32)


def random_detail(policy: Policy, pixels: npt.NDArray[np.float32], rng: np.random.Generator, unit: float) -> None:
    """Blur and noise, in place, on float pixels (H, W, C); `unit` is what a step from 0 to 1 has become."""
    if rng.random() < policy.blur:
        cv2.GaussianBlur(pixels, (3, 3), 0, dst=pixels)
    if policy.noise and rng.random() < 0.5:
        spread = np.float32(rng.uniform(0, policy.noise) * unit)
        pixels += rng.standard_normal(pixels.shape, dtype=np.float32) * spread


def _log_uniform(span: Range, rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(*np.log(span))))
