"""U-Net++ (Zhou et al. 2018): the way from encoder to decoder is itself a grid of small decoders."""

from __future__ import annotations

import torch
from torch import nn

from modicum.networks.blocks import DoubleConv, enlarged
from modicum.networks.encoders import ENCODERS, EncoderSpec
from modicum.networks.padding import any_size
from modicum.networks.table import NETWORKS


@NETWORKS.register("unet_plus_plus", "Zhou et al. 2018, arXiv:1807.10165; SYSTEMS B1")
class UNetPlusPlus(nn.Module):
    """U-Net++: node (i, j) joins all nodes (i, 0 .. j-1) of its size with node (i+1, j-1) from below.

    With a ResNet as encoder it is what thesis-data-efficient-segmentation calls Res-U-Net++; the answer is then made at half
    the size of the picture, where the encoder's largest map is, and enlarged.

    Args:
        channels: of the picture.
        outputs: channels of the answer (logits).
        encoder: by name, or by name and options; those without a name are the plain encoder's.
        deep_supervision: while it trains, the answers of all nodes (0, j) are given, so that each is supervised.
    """

    def __init__(self, channels: int, outputs: int, *, encoder: EncoderSpec = "plain", deep_supervision: bool = False) -> None:
        super().__init__()
        self.encoder = ENCODERS.build(encoder, channels)
        widths = self.encoder.widths
        self.depth = len(widths) - 1
        self.low = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.nodes = nn.ModuleDict({f"{i}_{j}": DoubleConv(j * widths[i] + widths[i + 1], widths[i]) for i, j in self._grid()})
        heads = range(1, self.depth + 1) if deep_supervision else [self.depth]
        self.heads = nn.ModuleDict({f"0_{j}": nn.Conv2d(widths[0], outputs, 1) for j in heads})
        self.enlarge = enlarged(self.encoder.reductions[0])
        self.divisor = self.encoder.divisor

    def _grid(self) -> list[tuple[int, int]]:
        """All (i, j) of the grid but the encoder's own (i, 0), in an order in which they can be computed."""
        return [(i, j) for j in range(1, self.depth + 1) for i in range(self.depth + 1 - j)]

    @any_size
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (N, outputs, H, W) of pictures (N, channels, H, W).

        In training with deep supervision (N, heads * outputs, H, W), those of the shallowest head first.
        """
        grid = [[one] for one in self.encoder(x)]  # grid[i][j], (N, widths[i], H / reductions[i], W / reductions[i])
        for i, j in self._grid():
            grid[i].append(self.nodes[f"{i}_{j}"](torch.cat([*grid[i], self.low(grid[i + 1][j - 1])], dim=1)))
        if self.training:
            answers = [head(grid[0][int(name[2:])]) for name, head in self.heads.items()]
            return self.enlarge(torch.cat(answers, dim=1))  # type: ignore[no-any-return]
        logits: torch.Tensor = self.enlarge(self.heads[f"0_{self.depth}"](grid[0][self.depth]))
        return logits
