"""Two networks trained as one: a coarse one finds the object in the shrunk picture, a fine one looks at it closely."""

from __future__ import annotations

import math
from typing import Annotated, Any

import torch
from pydantic import BeforeValidator, Field
from torch import fx, nn
from torch.nn import functional as F

from modicum.errors import ModicumError
from modicum.networks.table import NETWORKS, SOLID

_OUTSIDE = 10.0  # the logit of confident background outside the box


@NETWORKS.register("coarse_to_fine", "thesis-data-efficient-segmentation 5.2 (SYSTEMS D7)")
class CoarseToFine(nn.Module):
    """A coarse network's mask says where a fine one looks at full resolution; the two are trained together.

    The box itself has no gradient. The coarse network learns through its probabilities, which the fine one sees as well.

    Args:
        channels: of the picture.
        outputs: channels of the answer (logits).
        size: height and width in pixels of what each of the two networks sees.
        inner: the network, by name or by name and options, of which both are made.
        margin: added to the box on each side, as a share of the picture's longer side. An object may reach half a coarse
            pixel beyond its coarse mask, so that less than 1 / (2 size) may cut it.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        *,
        size: Annotated[int, Field(ge=8)] = 64,
        inner: Annotated[str | dict[str, Any], BeforeValidator(NETWORKS.resolve), Field(validate_default=True)] = "unet",
        margin: Annotated[float, Field(ge=0)] = 20 / 1024,
    ) -> None:
        super().__init__()
        name = inner if isinstance(inner, str) else inner["name"]
        if name in SOLID:
            raise ModicumError(f"'{name}' sees volumes and cannot be one of the two in 'coarse_to_fine', which see pictures.")
        self.outputs, self.size, self.margin = outputs, size, margin
        self.coarse = NETWORKS.build(inner, channels, outputs)
        if hasattr(self.coarse, "cost"):
            raise ModicumError("a network with a loss of its own cannot be one of the two in 'coarse_to_fine'.")
        self.fine = NETWORKS.build(inner, channels + max(1, outputs - 1), outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (N, outputs, H, W) of pictures (N, channels, H, W) of any size; float32."""
        x = x.float()  # in mixed precision pictures come in half precision, in which nothing can be resampled on a CPU
        small = F.interpolate(x, (self.size, self.size), mode="bilinear", align_corners=False, antialias=True)
        probability = _foreground(self._last(self.coarse(small)))  # (N, K, size, size)
        boxes = _boxes(probability, x, self.margin)
        close = torch.cat([_crop(x, boxes, self.size), _crop(probability, boxes, self.size)], dim=1)
        return _put_back(self._last(self.fine(close)), boxes, x)

    def _last(self, logits: torch.Tensor) -> torch.Tensor:
        """The last answer (N, outputs, H, W) of a network that gives several while it trains, as `hourglass` does."""
        return logits[:, -self.outputs :].float()


def _foreground(logits: torch.Tensor) -> torch.Tensor:
    """Probabilities (N, K, h, w) of the foreground classes."""
    return logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(dim=1)[:, 1:]


def _boxes(probability: torch.Tensor, picture: torch.Tensor, margin: float) -> torch.Tensor:
    """Boxes (N, 4) as top, left, bottom, right in 0..1 of the picture's height and width.

    Each holds all coarse pixels that are rather foreground, with the margin, as far as the picture reaches.
    """
    found = probability.sum(dim=1) >= 0.5  # (N, size, size)
    height, width = picture.shape[2:]
    beyond = margin * max(height, width)
    top, bottom = _span(found.any(dim=2), beyond / height)
    left, right = _span(found.any(dim=1), beyond / width)
    return torch.stack([top, left, bottom, right], dim=1)


def _span(found: torch.Tensor, beyond: float) -> tuple[torch.Tensor, torch.Tensor]:
    """From the first to the last of (N, size) booleans, in 0..1: two of (N,).

    Where nothing is found, `argmax` is 0 from both ends, which makes it the whole, as it should be.
    """
    size = found.shape[1]
    first = found.int().argmax(dim=1)
    after_last = size - found.flip(1).int().argmax(dim=1)
    return (first / size - beyond).clamp(min=0), (after_last / size + beyond).clamp(max=1)


def _crop(maps: torch.Tensor, boxes: torch.Tensor, size: int) -> torch.Tensor:
    """What of maps (N, C, H, W) lies in boxes (N, 4): (N, C, size, size).

    A box of more than `size` pixels is sampled so often that no pixel is left out, and averaged: nothing aliases.
    """
    pieces = []
    for one, (top, left, bottom, right) in zip(maps.unsqueeze(1), boxes.tolist(), strict=True):
        rows, columns = _times((bottom - top) * maps.shape[2], size), _times((right - left) * maps.shape[3], size)
        y = top + (bottom - top) * _centres(rows * size, maps)
        x = left + (right - left) * _centres(columns * size, maps)
        pieces.append(F.avg_pool2d(_sample(one, y[None], x[None]), (rows, columns)))
    return torch.cat(pieces)


def _put_back(logits: torch.Tensor, boxes: torch.Tensor, picture: torch.Tensor) -> torch.Tensor:
    """Logits (N, outputs, H, W) for the picture from those (N, outputs, size, size) in boxes; background outside."""
    height, width = picture.shape[2:]
    top, left, bottom, right = boxes[:, :, None].unbind(dim=1)  # each (N, 1)
    y = (_centres(height, boxes) - top) / (bottom - top)  # (N, H), 0..1 in the box
    x = (_centres(width, boxes) - left) / (right - left)
    inside = _within(y)[:, None, :, None] & _within(x)[:, None, None, :]
    background = logits.new_full((1, logits.shape[1], 1, 1), -_OUTSIDE)
    if logits.shape[1] > 1:
        background[:, 0] = _OUTSIDE
    return torch.where(inside, _sample(logits, y, x), background)


def _times(pixels: float, size: int) -> int:
    """How often `pixels` are to be sampled for each of `size`: once, unless they are more."""
    return max(1, math.ceil(pixels / size - 1e-4))  # an exact fit stays one in spite of rounding


def _centres(count: int, like: torch.Tensor) -> torch.Tensor:
    """Where the centres of `count` pixels lie in 0..1, (count,)."""
    return (torch.arange(count, device=like.device) + 0.5) / count


def _within(at: torch.Tensor) -> torch.Tensor:
    return (at >= 0) & (at <= 1)


def _sample(maps: torch.Tensor, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Maps (N, C, H, W) at rows y (N, h) and columns x (N, w), in 0..1 of H and W: (N, C, h, w), bilinear, float32."""
    height, width = y.shape[1], x.shape[1]
    at = torch.stack([x[:, None, :].expand(-1, height, -1), y[:, :, None].expand(-1, -1, width)], dim=-1)  # (N, h, w, 2)
    return F.grid_sample(maps.float(), 2 * at - 1, mode="bilinear", padding_mode="border", align_corners=False)


# For torch.fx (the folding of batch norm) each is one step, because what they do depends on shapes and boxes.
fx.wrap("_foreground")
fx.wrap("_boxes")
fx.wrap("_crop")
fx.wrap("_put_back")
