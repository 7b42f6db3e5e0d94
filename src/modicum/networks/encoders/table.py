"""What an encoder is, and the table of encoders."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import torch
from pydantic import BeforeValidator, Field
from torch import nn

from modicum.tables import Table


class Encoder(nn.Module):
    """Feature maps of a picture at ever smaller sizes.

    Attributes:
        widths: channels of each map, the largest map first.
        reductions: how many times smaller than the picture each map is: 1 or 2 for the first, then twice as much each time.
    """

    widths: tuple[int, ...]
    reductions: tuple[int, ...]

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout2d(0.0)  # of channels of the smallest map, while training

    @property
    def divisor(self) -> int:
        """What height and width of the picture must be multiples of."""
        return max(self.reductions)

    @abstractmethod
    def stages(self) -> Sequence[Sequence[nn.Module]]:
        """The layers that lead to the first map, from there to the second, and so on."""

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Maps (N, widths[i], H / reductions[i], W / reductions[i]) of pictures (N, channels, H, W)."""
        maps = []
        for stage in self.stages():
            for layer in stage:
                x = layer(x)
            maps.append(x)
        maps[-1] = self.dropout(maps[-1])
        return maps


ENCODERS: Table[Encoder] = Table("encoder")


def _resolved(spec: str | Mapping[str, Any]) -> dict[str, Any]:
    """Options without a name are those of the plain encoder."""
    return ENCODERS.resolve({"name": "plain", **spec} if isinstance(spec, Mapping) else spec)


EncoderSpec = Annotated[str | dict[str, Any], BeforeValidator(_resolved), Field(validate_default=True)]
"""The type of a network's option `encoder`: a name, or name and options."""


def dilate(encoder: Encoder, last: int) -> None:
    """Let the last few maps keep the size of the map before them: dilation takes the place of strides (Chen et al. 2017).

    In place; the weights keep their names and shapes, so that published ones still fit. (arXiv:1706.05587, section 3.1)
    Transformers have no strides to take away: nothing happens to them.
    """
    stages = encoder.stages()
    if not stages:
        return
    for times, stage in enumerate(stages[len(stages) - last :], 1):
        for layer in (part for whole in stage for part in whole.modules()):
            if isinstance(layer, nn.MaxPool2d):
                layer.kernel_size, layer.stride, layer.padding = 1, 1, 0
            elif isinstance(layer, nn.ZeroPad2d):
                layer.padding = (0, 0, 0, 0)
            elif isinstance(layer, nn.Conv2d):
                rate = 2**times if layer.stride == (1, 1) else 2 ** (times - 1)  # what precedes a stride is sampled finely
                layer.stride = (1, 1)
                if layer.kernel_size != (1, 1):
                    layer.dilation = (rate, rate)
                    layer.padding = tuple(rate * (k // 2) for k in layer.kernel_size)
    size = encoder.reductions[-last - 1]
    encoder.reductions = (*encoder.reductions[:-last], *(size for _ in range(last)))
