"""The optimisers, PyTorch's own."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import Field

from modicum.tables import Table

Decay = Annotated[float, Field(ge=0)]

OPTIMISERS: Table[torch.optim.Optimizer] = Table("optimiser")


@OPTIMISERS.register("adamw", "Loshchilov & Hutter 2019, arXiv:1711.05101")
def adamw(parameters: list[dict[str, Any]], rate: float, *, weight_decay: Decay = 1e-2) -> torch.optim.Optimizer:
    """Adam with decoupled weight decay."""
    return torch.optim.AdamW(parameters, lr=rate, weight_decay=weight_decay)


@OPTIMISERS.register("adam", "Kingma & Ba 2015, arXiv:1412.6980")
def adam(parameters: list[dict[str, Any]], rate: float, *, weight_decay: Decay = 0.0) -> torch.optim.Optimizer:
    """Adam; weight decay as an L2 penalty."""
    return torch.optim.Adam(parameters, lr=rate, weight_decay=weight_decay)


@OPTIMISERS.register("sgd")
def sgd(
    parameters: list[dict[str, Any]],
    rate: float,
    *,
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9,
    nesterov: bool = True,
    weight_decay: Decay = 0.0,
) -> torch.optim.Optimizer:
    """Stochastic gradient descent with momentum."""
    return torch.optim.SGD(
        parameters, lr=rate, momentum=momentum, nesterov=nesterov and momentum > 0, weight_decay=weight_decay
    )
