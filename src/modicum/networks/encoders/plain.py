"""The encoder of U-Net: double convolutions, with a max-pooling before each but the first."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import nn

from modicum.networks.blocks import DoubleConv
from modicum.networks.encoders.table import ENCODERS, Encoder

Widths = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]


@ENCODERS.register("plain", "Ronneberger et al. 2015, arXiv:1505.04597")
class Plain(Encoder):
    """U-Net's own encoder, with batch norm.

    Args:
        channels: of the picture.
        widths: channels at each size, from full resolution down; one more width is one more halving.
    """

    def __init__(self, channels: int, *, widths: Widths = (64, 128, 256, 512, 1024)) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.reductions = tuple(2**level for level in range(len(widths)))
        self.down = nn.ModuleList(DoubleConv(a, b) for a, b in zip((channels, *widths[:-1]), widths, strict=True))
        self.pool = nn.ModuleList(nn.MaxPool2d(2) for _ in widths[1:])

    def stages(self) -> list[list[nn.Module]]:
        """The first double convolution; then pooling and the next one."""
        pooled = [[pool, conv] for pool, conv in zip(self.pool, list(self.down)[1:], strict=True)]
        return [[self.down[0]], *pooled]
