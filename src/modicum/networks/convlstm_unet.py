"""U-Net whose merges are ConvLSTMs: the encoder's map and the decoder's are read as a sequence of two (Azad et al. 2019)."""

from __future__ import annotations

import torch
from torch import nn

from modicum.networks.blocks import DoubleConv
from modicum.networks.encoders import EncoderSpec
from modicum.networks.ladder import Ladder
from modicum.networks.table import NETWORKS


class ConvLSTM(nn.Module):
    """A convolutional LSTM (Shi et al. 2015, equation 3, without peepholes); its last hidden state comes out."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.gates = nn.Conv2d(channels + hidden, 4 * hidden, 3, padding=1)

    def forward(self, sequence: list[torch.Tensor]) -> torch.Tensor:
        # each (N, channels, H, W)
        like = sequence[0][:, :1].expand(-1, self.hidden, -1, -1)
        state, cell = torch.zeros_like(like), torch.zeros_like(like)
        for x in sequence:
            take, keep, show, new = self.gates(torch.cat([x, state], dim=1)).chunk(4, dim=1)
            cell = keep.sigmoid() * cell + take.sigmoid() * new.tanh()
            state = show.sigmoid() * cell.tanh()
        return state


class Up(nn.Module):
    """Twice the height and width by transposed convolution, batch norm and ReLU; a ConvLSTM merges; a double convolution."""

    def __init__(self, channels_in: int, channels_skip: int) -> None:
        super().__init__()
        self.enlarge = nn.Sequential(
            nn.ConvTranspose2d(channels_in, channels_skip, 2, stride=2, bias=False),
            nn.BatchNorm2d(channels_skip),
            nn.ReLU(inplace=True),
        )
        hidden = max(1, channels_skip // 2)
        self.merge = ConvLSTM(channels_skip, hidden)
        self.conv = DoubleConv(hidden, channels_skip)

    def forward(self, low: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        # low (N, C, H/2, W/2), skip (N, S, H, W)
        joined: torch.Tensor = self.conv(self.merge([skip, self.enlarge(low)]))
        return joined


@NETWORKS.register("convlstm_unet", "paper-convlstm-unet-drive 2.1 (SYSTEMS B2); Azad et al. 2019, arXiv:1909.00166")
class ConvLSTMUNet(Ladder):
    """U-Net with a ConvLSTM at each merge, in the place of joined channels.

    Args:
        channels: of the picture.
        outputs: channels of the answer (logits).
        encoder: by name, or by name and options; those without a name are the plain encoder's.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        *,
        encoder: EncoderSpec = {"widths": (64, 128, 256, 512)},  # noqa: B006
    ) -> None:
        super().__init__(channels, outputs, encoder, Up)
