"""SETR (Zheng et al. 2021): four depths of a transformer, brought to one size and joined."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from modicum.networks.blocks import conv_norm_relu, enlarged
from modicum.networks.encoders import ENCODERS, EncoderSpec
from modicum.networks.padding import any_size
from modicum.networks.table import NETWORKS


@NETWORKS.register("setr", "Zheng et al. 2021, arXiv:2012.15840; SYSTEMS B6")
class SETR(nn.Module):
    """SETR: the transformer sees how everything hangs together, two convolutions a depth put the answer into pixels.

    Simpler than the paper's SETR-MLA: the depths are joined only at the end, and come in the sizes of the encoder's maps.

    Args:
        channels: of the picture.
        outputs: channels of the answer (logits).
        encoder: by name, or by name and options.
        width: channels of each of the decoder's branches.
    """

    def __init__(
        self, channels: int, outputs: int, *, encoder: EncoderSpec = "vit", width: Annotated[int, Field(ge=1)] = 64
    ) -> None:
        super().__init__()
        self.encoder = ENCODERS.build(encoder, channels)
        largest = self.encoder.reductions[0]
        self.branches = nn.ModuleList(
            nn.Sequential(conv_norm_relu(before, width, 1), conv_norm_relu(width, width), enlarged(reduction // largest))
            for before, reduction in zip(self.encoder.widths, self.encoder.reductions, strict=True)
        )
        self.out = nn.Sequential(nn.Conv2d(width * len(self.branches), outputs, 1), enlarged(largest))
        self.divisor = self.encoder.divisor

    @any_size
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (N, outputs, H, W) of pictures (N, channels, H, W)."""
        maps = [branch(one) for branch, one in zip(self.branches, self.encoder(x), strict=True)]
        logits: torch.Tensor = self.out(torch.cat(maps, dim=1))
        return logits
