"""Little W-Net (Galdran et al. 2022): two very small U-Nets, of which the second sees the picture and the first's answer."""

from __future__ import annotations

import torch
from torch import nn

from modicum.networks.encoders.plain import Widths
from modicum.networks.padding import any_size
from modicum.networks.table import NETWORKS


def _conv(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels_in, channels_out, 3, padding=1), nn.LeakyReLU(), nn.BatchNorm2d(channels_out))


class Residual(nn.Module):
    """Two 3x3 convolutions and a 1x1 convolution past them."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv(channels_in, channels_out), _conv(channels_out, channels_out))
        self.past = nn.Sequential(nn.Conv2d(channels_in, channels_out, 1, bias=False), nn.BatchNorm2d(channels_out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # x (N, channels_in, H, W)
        total: torch.Tensor = self.body(x) + self.past(x)
        return total


class Up(nn.Module):
    """Twice the height and width, joined with the encoder's map after a convolution of its own, then a residual block."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.enlarge = nn.ConvTranspose2d(channels_in, channels_out, 2, stride=2)
        self.bridge = _conv(channels_out, channels_out)
        self.block = Residual(2 * channels_out, channels_out)

    def forward(self, low: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        # low (N, C, H/2, W/2), skip (N, C', H, W)
        joined: torch.Tensor = self.block(torch.cat([self.enlarge(low), self.bridge(skip)], dim=1))
        return joined


class SmallUNet(nn.Module):
    """One of the two U-Nets."""

    def __init__(self, channels: int, outputs: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.down = nn.ModuleList(Residual(a, b) for a, b in zip((channels, *widths), widths, strict=False))
        self.up = nn.ModuleList(Up(a, b) for a, b in zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.out = nn.Conv2d(widths[0], outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # x (N, channels, H, W) to logits (N, outputs, H, W)
        maps = []
        for level, down in enumerate(self.down):
            x = down(x if level == 0 else nn.functional.max_pool2d(x, 2))
            maps.append(x)
        for up, skip in zip(self.up, maps[-2::-1], strict=True):
            x = up(x, skip)
        logits: torch.Tensor = self.out(x)
        return logits


@NETWORKS.register("wnet", "Galdran et al. 2022, doi:10.1038/s41598-022-09675-y")
class WNet(nn.Module):
    """Little W-Net: two U-Nets of 8, 16 and 32 channels, 68,482 parameters for colour pictures; made for retinal vessels.

    While it trains it gives the answers of both, so that each is supervised.

    Args:
        channels: of the picture.
        outputs: channels of the answer (logits) of each of the two.
        widths: channels at each size of both, from full resolution down.
    """

    def __init__(self, channels: int, outputs: int, *, widths: Widths = (8, 16, 32)) -> None:
        super().__init__()
        self.one = SmallUNet(channels, outputs, widths)
        self.two = SmallUNet(channels + outputs, outputs, widths)
        self.divisor = 2 ** (len(widths) - 1)

    @any_size
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (N, outputs, H, W) of pictures (N, channels, H, W); in training (N, 2 * outputs, H, W), the first's first."""
        rough = self.one(x)
        answer = self.two(torch.cat([x, rough], dim=1))
        return torch.cat([rough, answer], dim=1) if self.training else answer
