"""Losses that know how far from the true border an error lies. Both are added to Dice, as their authors advise."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage

from modicum.losses.overlap import Weight, dice, of_one_hot, one_hot
from modicum.losses.table import LOSSES, Loss


@LOSSES.register("boundary", "Kervadec et al. 2019, arXiv:1812.07032 (SYSTEMS A4)")
def boundary(*, weight: Weight = 5.0) -> Loss:
    """Dice + weight x mean distance of errors from the true border, as a share of the picture's longest side.

    Equation 5 of the paper, less what no answer can change: the right answer costs nothing. Classes that are absent from a
    picture have no border and cost nothing there but Dice.
    """
    overlap = dice()

    def loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        channels = logits.shape[1]
        probability = logits.sigmoid() if channels == 1 else logits.softmax(dim=1)[:, 1:]
        true = one_hot(target, channels)[:, -probability.shape[1] :]
        far = np.stack([[border_distance(channel) for channel in one] for one in true.cpu().numpy() > 0])
        error = ((probability - true).abs() * torch.from_numpy(far).to(true)).mean()
        return overlap(logits, target) + weight * error

    return loss


@LOSSES.register("hausdorff", "Karimi & Salcudean 2019, arXiv:1904.10030, one-sided distance transforms of both masks")
def hausdorff(*, weight: Weight = 20.0, power: Weight = 2.0) -> Loss:
    """Dice + weight x mean of error² times the power of its distances from both borders, as shares of the longer side."""
    from monai.losses import HausdorffDTLoss

    overlap = dice()
    far = of_one_hot(
        HausdorffDTLoss(alpha=power, include_background=True, sigmoid=True), HausdorffDTLoss(alpha=power, softmax=True)
    )
    return lambda logits, target: overlap(logits, target) + weight / max(target.shape[1:]) ** power * far(logits, target)


def border_distance(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Distance ((D,) H, W) of every pixel from the mask's border, from both sides, as a share of the longest side.

    0 where there is no border.
    """
    if mask.all() or not mask.any():
        return np.zeros(mask.shape, np.float32)
    return (depth(mask) + depth(~mask)) / np.float32(max(mask.shape))


def depth(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Distance of every pixel of a mask (H, W) or (D, H, W) from what is outside, in pixels."""
    if mask.ndim == 3:
        return np.asarray(ndimage.distance_transform_edt(mask), np.float32)
    return np.asarray(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE))
