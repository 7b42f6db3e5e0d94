"""How an encoder that knows something already is trained beside a decoder that does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from modicum.networks.encoders import Encoder


@dataclass(frozen=True)
class Tuning:
    """What is different for the encoders of a network."""

    rate: float = 1.0  # of the learning rate
    frozen: float = 0.0  # share of the training in which their weights stay as they began
    norm_frozen: bool = False  # their batch norms keep the statistics and weights with which they began
    dropout: float = 0.0  # probability of dropping a channel of their smallest map

    def prepare(self, network: nn.Module) -> None:
        """Set dropout, and freeze batch norms where that is wanted; in place."""
        for encoder in encoders(network):
            encoder.dropout.p = self.dropout
            for layer in encoder.modules() if self.norm_frozen else ():
                if isinstance(layer, nn.BatchNorm2d):
                    layer.eval().requires_grad_(False)

    def groups(self, network: nn.Module) -> list[dict[str, Any]]:
        """Parameters for an optimiser: encoders and the rest, with what the loop must know of each (`training.loop`)."""
        inside = [p for encoder in encoders(network) for p in encoder.parameters()]
        known = {id(p) for p in inside}
        groups: list[dict[str, Any]] = [
            {"params": [p for p in network.parameters() if id(p) not in known]},
            {"params": inside, "rate_factor": self.rate, "frozen_until": self.frozen},
        ]
        for group in groups:
            group["params"] = [p for p in group["params"] if p.requires_grad]
        return [group for group in groups if group["params"]]


def encoders(network: nn.Module) -> list[Encoder]:
    """The encoders of a network: none, one, or those of its parts."""
    return [part for part in network.modules() if isinstance(part, Encoder)]
