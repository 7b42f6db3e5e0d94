"""SegNet (Badrinarayanan, Kendall, Cipolla 2017): the decoder puts every value back where max-pooling took it from."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from modicum.networks.blocks import conv_norm_relu, enlarged
from modicum.networks.encoders import ENCODERS, EncoderSpec
from modicum.networks.padding import any_size
from modicum.networks.table import NETWORKS


class Unpool(nn.Module):
    """Values put back to where the largest of each 2x2 pixels stood in the encoder's map; convolutions fill the gaps."""

    def __init__(self, channels: int, channels_out: int, convolutions: int) -> None:
        super().__init__()
        widths = [*[channels] * convolutions, channels_out]
        self.fill = nn.Sequential(*(conv_norm_relu(a, b) for a, b in pairwise(widths)))

    def forward(self, low: torch.Tensor, pooled: torch.Tensor) -> torch.Tensor:
        # low (N, C, H/2, W/2), pooled (N, C, H, W): the map that was halved
        _, where = F.max_pool2d(pooled, 2, return_indices=True)
        filled: torch.Tensor = self.fill(F.max_unpool2d(low, where, [2, 2]))
        return filled


@NETWORKS.register("segnet", "Badrinarayanan et al. 2017, arXiv:1511.00561; SYSTEMS B4")
class SegNet(nn.Module):
    """SegNet: an encoder, its smallest map halved once more, and a decoder that mirrors it and only knows where maxima were.

    Args:
        channels: of the picture.
        outputs: channels of the answer (logits).
        encoder: by name, or by name and options.
    """

    def __init__(self, channels: int, outputs: int, *, encoder: EncoderSpec = "vgg16_bn") -> None:
        super().__init__()
        self.encoder = ENCODERS.build(encoder, channels)
        widths = self.encoder.widths  # VGG16 has three convolutions in each of its three lower stages, two in the upper ones
        pairs = zip(widths[::-1], [*widths[-2::-1], widths[0]], strict=True)
        many = len(widths) - 2
        counts = [*(3 if level < many else 2 for level in range(len(widths) - 1)), 1]  # the last one's second answers
        self.up = nn.ModuleList(Unpool(a, b, count) for (a, b), count in zip(pairs, counts, strict=True))
        self.out = nn.Sequential(nn.Conv2d(widths[0], outputs, 3, padding=1), enlarged(self.encoder.reductions[0]))
        self.divisor = 2 * self.encoder.divisor

    @any_size
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (N, outputs, H, W) of pictures (N, channels, H, W)."""
        maps = self.encoder(x)
        x = F.max_pool2d(maps[-1], 2)
        for up in self.up:
            x = up(x, maps.pop())
        logits: torch.Tensor = self.out(x)
        return logits
