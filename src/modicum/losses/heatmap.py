"""The loss of a predictor of centres: a Gaussian at the object's centre of mass."""

from __future__ import annotations

from typing import Annotated, Literal

import cv2
import numpy as np
import torch
from pydantic import Field
from torch.nn import functional as F

from modicum.losses.table import LOSSES, Loss

Objects = Literal["one", "each"]

_CERTAIN = 20.0  # the logit that `leave_out` gives to pixels that do not count, with either sign
_AT_ONCE = 64  # Gaussians in memory


@LOSSES.register("heatmap", "thesis-data-efficient-segmentation 4.3.2 (SYSTEMS D3)")
def heatmap(
    *,
    sigma: Annotated[float, Field(gt=0)] = 8 / 256,
    objects: Objects = "one",
    pixel: Literal["mse", "bce"] = "mse",
) -> Loss:
    """Distance of every channel's sigmoid from a Gaussian at the object's centre: for `hourglass`, the mean over its stacks.

    `sigma` is a share of the picture's longer side. One Gaussian stands at the centre of the whole foreground, or at that of
    `each` object. "mse" is the document's loss, with no weight for the few pixels under the Gaussian; "bce" is the
    cross-entropy with the Gaussian as soft target, which is not zero even for the right answer.
    """

    def loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        wanted = gaussian_target(target, sigma, objects).to(logits).unsqueeze(1).expand_as(logits)
        if pixel == "mse":
            cost = F.mse_loss(logits.sigmoid(), wanted, reduction="none")
        else:
            cost = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
        return cost.masked_fill(_left_out(logits), 0).mean()

    return loss


def _left_out(logits: torch.Tensor) -> torch.Tensor:
    """(N, 1, H, W) pixels that `leave_out` has made certain.

    It takes several channels for classes and makes the first one certain foreground, and a Gaussian may reach there too.
    """
    return (logits.abs() == _CERTAIN).all(dim=1, keepdim=True)


def gaussian_target(target: torch.Tensor, sigma: float, objects: Objects) -> torch.Tensor:
    """Heatmaps (N, H, W) in 0..1, of peak 1 at the centres of mass, for class numbers (N, H, W); float32, on their device.

    All classes but 0 are one foreground; `sigma` is a share of the longer side. `objects`: "one" Gaussian for a picture, or
    one for "each" 8-connected component, joined by the maximum. Without foreground all is zero.
    """
    foreground = target > 0
    height, width = foreground.shape[1:]
    deviation = sigma * max(height, width)
    if objects == "one":
        present = foreground.flatten(1).any(dim=1)
        return _gaussians(_centres(foreground), height, width, deviation) * present[:, None, None]
    return torch.stack([_joined(_component_centres(one), height, width, deviation) for one in foreground])


def _centres(foreground: torch.Tensor) -> torch.Tensor:
    """Centres of mass (N, 2) as (y, x) in pixels, of (N, H, W) booleans; (0, 0) where there are none."""
    pixels = foreground.flatten(1).sum(dim=1).clamp(min=1)
    means = []
    for axis in (1, 2):
        counts = foreground.sum(dim=3 - axis)  # (N, H) or (N, W)
        means.append((counts * torch.arange(counts.shape[1], device=counts.device)).sum(dim=1) / pixels)
    return torch.stack(means, dim=1)


def _component_centres(foreground: torch.Tensor) -> torch.Tensor:
    """Centres of mass (K, 2) as (y, x) in pixels of the 8-connected components of (H, W) booleans, on their device."""
    mask = foreground.cpu().numpy().astype(np.uint8)
    centres = cv2.connectedComponentsWithStats(mask, connectivity=8)[3][1:, ::-1]  # without the background; (x, y) to (y, x)
    return torch.from_numpy(centres.astype(np.float32)).to(foreground.device)


def _joined(centres: torch.Tensor, height: int, width: int, deviation: float) -> torch.Tensor:
    """The largest (H, W) of the Gaussians at centres (K, 2); zero without any."""
    largest = centres.new_zeros(height, width)
    for start in range(0, len(centres), _AT_ONCE):  # of noise there may be thousands of components
        some = _gaussians(centres[start : start + _AT_ONCE], height, width, deviation)
        largest = torch.maximum(largest, some.amax(dim=0))
    return largest


def _gaussians(centres: torch.Tensor, height: int, width: int, deviation: float) -> torch.Tensor:
    """Gaussians (K, H, W) of peak 1 at centres (K, 2) in pixels; each is a column times a row."""
    column, row = (
        torch.exp(-0.5 * ((torch.arange(size, device=centres.device) - at[:, None]) / deviation) ** 2)
        for size, at in zip((height, width), centres.unbind(dim=1), strict=True)
    )
    return column[:, :, None] * row[:, None, :]
