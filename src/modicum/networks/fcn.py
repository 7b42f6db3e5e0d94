"""FCN-8s (Long, Shelhamer, Darrell 2015): coarse answers at three sizes, enlarged and added up."""

from __future__ import annotations

import torch
from torch import nn

from modicum.networks.blocks import enlarged
from modicum.networks.encoders import ENCODERS, EncoderSpec
from modicum.networks.padding import any_size
from modicum.networks.table import NETWORKS


@NETWORKS.register("fcn", "Long et al. 2015, arXiv:1411.4038; SYSTEMS B4")
class FCN(nn.Module):
    """FCN-8s: 1x1 convolutions score the encoder's three smallest maps; each sum is enlarged to the next size.

    The two layers of 4,096 channels between VGG16 and the scores, which hold 120 million of the published network's weights,
    are left out, and bilinear enlargement takes the place of transposed convolutions that begin as such.

    Args:
        channels: of the picture.
        outputs: channels of the answer (logits).
        encoder: by name, or by name and options.
    """

    def __init__(self, channels: int, outputs: int, *, encoder: EncoderSpec = "vgg16_bn") -> None:
        super().__init__()
        self.encoder = ENCODERS.build(encoder, channels)
        scored = min(3, len(self.encoder.widths))
        self.pooled = self.encoder.reductions[0] == 1  # VGG16's maps are those before its poolings
        self.scores = nn.ModuleList(nn.Conv2d(width, outputs, 1) for width in self.encoder.widths[: -scored - 1 : -1])
        self.twice = enlarged(2)
        self.enlarge = enlarged(self.encoder.reductions[-scored] * (1 + self.pooled))
        self.divisor = self.encoder.divisor * (1 + self.pooled)

    @any_size
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (N, outputs, H, W) of pictures (N, channels, H, W)."""
        maps = self.encoder(x)[-len(self.scores) :]
        if self.pooled:
            maps = [nn.functional.max_pool2d(one, 2) for one in maps]
        total = self.scores[0](maps.pop())
        for score in self.scores[1:]:
            total = self.twice(total) + score(maps.pop())
        logits: torch.Tensor = self.enlarge(total)
        return logits
