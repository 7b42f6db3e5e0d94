"""Cross-entropy with U-Net's weight map: the gaps between neighbouring objects count most."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from scipy import ndimage
from torch.nn import functional as F

from modicum.losses.borders import depth
from modicum.losses.overlap import Weight, one_hot
from modicum.losses.table import LOSSES, Loss


@LOSSES.register("weighted_ce", "Ronneberger et al. 2015, equations 1 and 2; paper-vgg-unet-retina 2.2 (SYSTEMS A4)")
def weighted_ce(*, border: Weight = 10.0, sigma: Annotated[float, Field(gt=0)] = 5.0, balance: bool = True) -> Loss:
    """Cross-entropy, each pixel weighed by w(x) = wc(x) + border exp(-(d1 + d2)² / 2 sigma²).

    d1 and d2 are the distances in pixels to the nearest and the second nearest object, of background pixels; wc balances the
    classes by their frequency in the batch, or is 1. The sum is divided by that of the weights.
    """

    def loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        channels = logits.shape[1]
        if channels == 1:
            cost = F.binary_cross_entropy_with_logits(logits, one_hot(target, 1), reduction="none")[:, 0]
        else:
            cost = F.cross_entropy(logits, target.long(), reduction="none")
        weight = _frequency_weights(target, max(2, channels)) if balance else torch.ones_like(cost)
        gaps = np.stack([gap_weights(one, border, sigma) for one in target.cpu().numpy()])
        weight = weight + torch.from_numpy(gaps).to(cost)
        return (weight * cost).sum() / weight.sum()

    return loss


def gap_weights(target: npt.NDArray[np.uint8], border: float, sigma: float) -> npt.NDArray[np.float32]:
    """border exp(-(d1 + d2)² / 2 sigma²) for class numbers ((D,) H, W); 0 within objects and without two.

    Pixels that touch by a corner are of one object.
    """
    numbers, count = ndimage.label(target > 0, np.ones((3,) * target.ndim))
    nearest = np.full(target.shape, np.inf, np.float32)
    second = nearest.copy()
    for number in range(1, count + 1):
        distance = depth(numbers != number)
        second = np.minimum(second, np.maximum(nearest, distance))
        nearest = np.minimum(nearest, distance)
    weights = border * np.exp(-((nearest + second) ** 2) / (2 * sigma**2))
    return np.where(target > 0, 0, weights).astype(np.float32)


def _frequency_weights(target: torch.Tensor, classes: int) -> torch.Tensor:
    """For each pixel (N, H, W) the inverse frequency of its class, so that all classes present weigh the same; mean 1."""
    present = target.clamp(max=classes - 1).long()
    counts = torch.bincount(present.flatten(), minlength=classes).float()
    weights = counts.sum() / (counts.clamp(min=1) * (counts > 0).sum())
    return weights[present]
