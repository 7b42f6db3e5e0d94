"""Weights of a network trained before, wherever another network is like it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Transfer:
    """How many parameters of a network begin as those of another."""

    copied: int
    parameters: int


@torch.no_grad()
def copy_alike(weights: Mapping[str, torch.Tensor], network: nn.Module) -> Transfer:
    """Copy into a network, in place, every weight of the same name and shape (thesis-data-efficient-segmentation 4.2.1).

    A network that holds such networks as parts (`coarse.`, `fine.`) gets them in every part. A convolution that sees more
    channels than the trained one begins with zero for those, so that at first it answers as the trained one did.
    """
    copied = 0
    for name, own in network.state_dict().items():
        given = weights.get(name, weights.get(name.partition(".")[2]))
        if given is None or own.shape[:1] != given.shape[:1] or own.shape[2:] != given.shape[2:]:
            continue
        if own.shape == given.shape:
            own.copy_(given)
        elif own.dim() == 4 and own.shape[1] > given.shape[1]:
            own.zero_()[:, : given.shape[1]] = given.to(own)
        else:
            continue
        copied += given.numel() if own.is_floating_point() else 0
    return Transfer(copied, sum(p.numel() for p in network.parameters()))
