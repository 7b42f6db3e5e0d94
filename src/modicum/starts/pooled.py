"""The encoder of a network, and one vector of what it sees."""

from __future__ import annotations

import torch
from torch import nn

from modicum.errors import ModicumError
from modicum.networks.encoders import Encoder


class Pooled(nn.Module):
    """The mean over the smallest map of a network's encoder.

    Raises:
        ModicumError: the network has no encoder, or more than one.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        found = {name: part for name, part in network.named_modules() if isinstance(part, Encoder)}
        if len(found) != 1:
            raise ModicumError(
                "only a network with one encoder can learn this way.", remedy="Use --set start=denoise, or --set start=random"
            )
        ((self.name, self.encoder),) = found.items()
        self.width = self.encoder.widths[-1]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, width) of pictures (N, C, H, W) of any size."""
        height, width = (-(-side // self.encoder.divisor) * self.encoder.divisor for side in images.shape[-2:])
        padded = nn.functional.pad(images, (0, width - images.shape[-1], 0, height - images.shape[-2]))
        maps: list[torch.Tensor] = self.encoder(padded)
        return maps[-1].mean(dim=(2, 3))

    def learned(self) -> dict[str, torch.Tensor]:
        """The encoder's weights under the names that they have in the network."""
        return {f"{self.name}.{key}": value for key, value in self.encoder.state_dict().items()}
