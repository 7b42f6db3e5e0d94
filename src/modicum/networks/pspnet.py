"""PSPNet (Zhao et al. 2017): the means of the whole map and of its parts stand beside every pixel."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from modicum.networks.blocks import conv_norm_relu, enlarged
from modicum.networks.encoders import ENCODERS, EncoderSpec, dilate
from modicum.networks.padding import any_size
from modicum.networks.table import NETWORKS

_BINS = (1, 2, 3, 6)  # the whole map, then 2x2, 3x3 and 6x6 parts (section 3.2 of the paper)


class PyramidPooling(nn.Module):
    """Means over ever smaller parts of a map, each reduced by a 1x1 convolution and laid beside the map itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        each = max(1, channels // len(_BINS))
        self.parts = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(bins), nn.Conv2d(channels, each, 1), nn.ReLU()) for bins in _BINS
        )
        self.channels = channels + each * len(_BINS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # x (N, channels, h, w) to (N, 2 channels, h, w)
        size = x.shape[2:]
        return torch.cat([x, *(F.interpolate(p(x), size, mode="bilinear", align_corners=False) for p in self.parts)], dim=1)


@NETWORKS.register("pspnet", "Zhao et al. 2017, arXiv:1612.01105; SYSTEMS B4")
class PSPNet(nn.Module):
    """PSPNet: an encoder that stops at an eighth, pyramid pooling, one convolution, and enlargement.

    Without the paper's auxiliary loss. The pooled parts have no batch norm, which could not learn from the single mean of a
    batch of one.

    Args:
        channels: of the picture.
        outputs: channels of the answer (logits).
        encoder: by name, or by name and options.
    """

    def __init__(self, channels: int, outputs: int, *, encoder: EncoderSpec = "resnet50") -> None:
        super().__init__()
        self.encoder = ENCODERS.build(encoder, channels)
        self.divisor = self.encoder.divisor
        if (beyond := sum(r > 8 for r in self.encoder.reductions)) > 0:
            dilate(self.encoder, beyond)
        self.pool = PyramidPooling(self.encoder.widths[-1])
        width = max(8, self.encoder.widths[-1] // 4)
        self.out = nn.Sequential(
            conv_norm_relu(self.pool.channels, width),
            nn.Dropout2d(0.1),
            nn.Conv2d(width, outputs, 1),
            enlarged(self.encoder.reductions[-1]),
        )

    @any_size
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (N, outputs, H, W) of pictures (N, channels, H, W)."""
        logits: torch.Tensor = self.out(self.pool(self.encoder(x)[-1]))
        return logits
