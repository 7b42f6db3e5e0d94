"""Losses of overlap and of single pixels; the arithmetic of all but the commonest is MONAI's wherever it has it."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch.nn import functional as F

from modicum.losses.table import LOSSES, Loss

Weight = Annotated[float, Field(ge=0)]


def one_hot(target: torch.Tensor, channels: int) -> torch.Tensor:
    """(N, ...) class numbers as (N, channels, ...) float; one channel means foreground or not."""
    if channels == 1:
        return (target > 0).unsqueeze(1).float()
    return F.one_hot(target.long(), channels).movedim(-1, 1).float()


def of_one_hot(binary: Loss, several: Loss) -> Loss:
    """A loss of logits and class numbers from MONAI's two for one-hot masks: of one channel, and of several."""

    def loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        channels = logits.shape[1]
        return (binary if channels == 1 else several)(logits, one_hot(target, channels))

    return loss


@LOSSES.register("dice", "Milletari et al. 2016; smoothing 1 as in the thesis documents")
def dice(*, smoothing: float = 1.0, batch: bool = False) -> Loss:
    """1 - Dice of probabilities, background left out; `batch` pools the pictures of a batch.

    Not MONAI's, whose import takes seconds; the tests hold it against that.
    """

    def loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        truth = one_hot(target, logits.shape[1])
        found = torch.sigmoid(logits) if logits.shape[1] == 1 else torch.softmax(logits, 1)[:, 1:]
        truth = truth[:, -found.shape[1] :]
        pixels = [0, *range(2, logits.ndim)] if batch else list(range(2, logits.ndim))
        both, all_of_them = (truth * found).sum(pixels), (truth + found).sum(pixels)
        return (1 - (2 * both + smoothing) / (all_of_them + smoothing)).mean()

    return loss


@LOSSES.register("tversky", "Salehi et al. 2017, arXiv:1706.05721")
def tversky(*, false_positives: Weight = 0.3, false_negatives: Weight = 0.7, smoothing: float = 1.0) -> Loss:
    """1 - Tversky index: Dice in which missed pixels may weigh more than pixels found in vain, for small or thin objects."""
    from monai.losses import TverskyLoss

    given = {"alpha": false_positives, "beta": false_negatives, "smooth_nr": smoothing, "smooth_dr": smoothing}
    binary = TverskyLoss(sigmoid=True, **given)
    several = TverskyLoss(softmax=True, include_background=False, **given)
    return of_one_hot(binary, several)


@LOSSES.register("cldice", "Shit et al. 2021, arXiv:2003.07311")
def cldice(*, iterations: Annotated[int, Field(ge=1)] = 5, share: Annotated[float, Field(ge=0, le=1)] = 0.5) -> Loss:
    """Dice and Dice of centre lines, for vessels: an interrupted vessel costs more than a thinner one.

    `iterations` erosions must reach the middle of the widest vessel; `share` is the weight of the centre lines.
    """
    from monai.losses import SoftDiceclDiceLoss

    binary = SoftDiceclDiceLoss(iter_=iterations, alpha=share, sigmoid=True)
    several = SoftDiceclDiceLoss(iter_=iterations, alpha=share, softmax=True, include_background=False)
    return of_one_hot(binary, several)


@LOSSES.register("bce")
def bce() -> Loss:
    """Binary cross-entropy of each channel's probability: of the sigmoid for one class, of the softmax for several."""

    def loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        truth = one_hot(target, logits.shape[1])
        if logits.shape[1] == 1:
            return F.binary_cross_entropy_with_logits(logits, truth)
        yes = logits.log_softmax(1)
        no = torch.log1p(-yes.exp().clamp(max=1 - 1e-6))
        return -(truth * yes + (1 - truth) * no).mean()

    return loss


@LOSSES.register("ce")
def ce() -> Loss:
    """Softmax cross-entropy (binary cross-entropy where there is one class)."""

    def loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        if logits.shape[1] == 1:
            return F.binary_cross_entropy_with_logits(logits, one_hot(target, 1))
        return F.cross_entropy(logits, target.long())

    return loss


@LOSSES.register("mse")
def mse() -> Loss:
    """Mean squared error of probabilities."""

    def loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        channels = logits.shape[1]
        probability = logits.sigmoid() if channels == 1 else logits.softmax(1)
        return F.mse_loss(probability, one_hot(target, channels))

    return loss


@LOSSES.register("focal", "Lin et al. 2017, arXiv:1708.02002")
def focal(*, gamma: float = 2.0, alpha: float | None = None) -> Loss:
    """Focal loss: cross-entropy in which easy pixels weigh little; `alpha` weighs foreground, 1 - alpha the rest."""
    from monai.losses import FocalLoss

    binary = FocalLoss(gamma=gamma, alpha=alpha)
    several = FocalLoss(gamma=gamma, alpha=alpha, use_softmax=True)
    return of_one_hot(binary, several)


@LOSSES.register("dice_ce", "Isensee et al. 2021 (nnU-Net)")
def dice_ce(*, smoothing: float = 1.0, batch: bool = True, ce_weight: float = 1.0) -> Loss:
    """Dice + cross-entropy, sigmoid for one class and softmax for several: the default."""
    overlap, pixels = dice(smoothing=smoothing, batch=batch), ce()
    return lambda logits, target: overlap(logits, target) + ce_weight * pixels(logits, target)
