"""Learning one batch by heart: what a network with its gradients in order can do."""

from __future__ import annotations

import torch
from torch import nn

from modicum.losses import Loss


def learn(
    network: nn.Module,
    images: torch.Tensor,
    target: torch.Tensor,
    loss: Loss,
    *,
    rate: float,
    steps: int,
    falls: bool = False,
) -> float:
    """The loss in the last of so many steps of Adam on one batch; `falls`: with a rate that ends at 0, as in trainings."""
    optimiser = torch.optim.Adam(network.parameters(), rate)
    for step in range(steps):
        if falls:
            optimiser.param_groups[0]["lr"] = rate * (1 - step / steps)
        optimiser.zero_grad()
        value = loss(network(images), target)
        value.backward()
        optimiser.step()
    return value.item()
