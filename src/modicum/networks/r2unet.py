"""R2U-Net (Alom et al. 2018): U-Net of recurrent residual blocks."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from modicum.networks.blocks import UpConv
from modicum.networks.encoders import EncoderSpec
from modicum.networks.encoders.recurrent import RecurrentResidual
from modicum.networks.ladder import Ladder
from modicum.networks.table import NETWORKS


class Up(nn.Module):
    """Twice the height and width, joined with the encoder's map of that size, then a recurrent residual block."""

    def __init__(self, channels_in: int, channels_skip: int, times: int) -> None:
        super().__init__()
        self.enlarge = UpConv(channels_in, channels_skip)
        self.block = RecurrentResidual(2 * channels_skip, channels_skip, times)

    def forward(self, low: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        # low (N, C, H/2, W/2), skip (N, S, H, W)
        joined: torch.Tensor = self.block(torch.cat([skip, self.enlarge(low)], dim=1))
        return joined


@NETWORKS.register("r2unet", "Alom et al. 2018, arXiv:1802.06955; SYSTEMS B1")
class R2UNet(Ladder):
    """R2U-Net: every block applies its convolutions again to their own answers, with a way past them.

    Args:
        channels: of the picture.
        outputs: channels of the answer (logits).
        encoder: by name, or by name and options.
        times: how often each convolution of the decoder is applied to its own answer.
    """

    def __init__(
        self, channels: int, outputs: int, *, encoder: EncoderSpec = "recurrent", times: Annotated[int, Field(ge=1)] = 2
    ) -> None:
        super().__init__(channels, outputs, encoder, lambda low, skip: Up(low, skip, times))
