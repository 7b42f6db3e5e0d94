"""Exponential moving average of the weights: steadier and nearly always better than the last ones."""

from __future__ import annotations

import copy

import torch
from torch import nn


class AveragedWeights:
    """A copy of a network whose weights (and batch-norm statistics) follow the trained ones slowly.

    The decay grows from 0 to `decay` as min(decay, (1 + t) / (10 + t)), so that the first, poor weights are soon forgotten.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.network = copy.deepcopy(network).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move towards the network's weights after step number `step` (from 0)."""
        share = 1 - min(self.decay, (1 + step) / (10 + step))
        ours, theirs = self.network.state_dict(), network.state_dict()
        floats = [k for k, v in ours.items() if v.is_floating_point()]
        torch._foreach_lerp_([ours[k] for k in floats], [theirs[k] for k in floats], share)
        for key in ours.keys() - set(floats):
            ours[key].copy_(theirs[key])
