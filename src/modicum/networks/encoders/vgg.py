"""VGG16 with batch norm (Simonyan and Zisserman 2015), without its classifier. Weights are named as the published ones."""

from __future__ import annotations

from torch import nn

from modicum.networks.blocks import he_normal
from modicum.networks.encoders.table import ENCODERS, Encoder

_CONVOLUTIONS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


@ENCODERS.register("vgg16_bn", "Simonyan & Zisserman 2015, arXiv:1409.1556; SYSTEMS B3")
class VGG16(Encoder):
    """Thirteen 3x3 convolutions in five stages; 14,723,136 parameters."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.widths = tuple(stage[-1] for stage in _CONVOLUTIONS)
        self.reductions = (1, 2, 4, 8, 16)
        layers: list[nn.Module] = []
        self._starts: list[int] = []  # of each stage in `features`
        for stage in _CONVOLUTIONS:
            self._starts.append(len(layers))
            if layers:
                layers.append(nn.MaxPool2d(2))
            for width in stage:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
                channels = width
        self.features = nn.Sequential(*layers)
        he_normal(self)

    def stages(self) -> list[list[nn.Module]]:
        """From each max-pooling to the next."""
        layers = list(self.features)
        return [layers[a:b] for a, b in zip(self._starts, [*self._starts[1:], len(layers)], strict=True)]
