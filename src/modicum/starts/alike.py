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

    A network that holds such networks as parts (`coarse.`, `fine.`) gets them in every part. A first convolution that sees
    more channels than the trained one begins with zero for those, so that at first it answers as the trained one did.
    """
    copied, parameters = 0, dict(network.named_parameters())
    for name, own in network.state_dict().items():
        part = name if name in weights else name.partition(".")[2]
        given = weights.get(part)
        if given is None or own.shape[:1] != given.shape[:1] or own.shape[2:] != given.shape[2:]:
            continue
        if own.shape == given.shape:
            own.copy_(given)
        elif name == _first_convolution(network, name.removesuffix(part)) and own.shape[1] > given.shape[1]:
            own.zero_()[:, : given.shape[1]] = given.to(own)
        else:
            continue
        copied += given.numel() if name in parameters else 0
    return Transfer(copied, sum(p.numel() for p in parameters.values()))


def _first_convolution(network: nn.Module, prefix: str) -> str:
    """The name of the weight that sees the picture: of the whole network, or of its part with this prefix ("fine.")."""
    layers = ((name, layer) for name, layer in network.named_modules() if name.startswith(prefix))
    return next((f"{name}.weight" for name, layer in layers if isinstance(layer, nn.Conv2d)), "")
