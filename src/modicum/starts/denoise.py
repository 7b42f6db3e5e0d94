"""Denoising: the network itself learns to take noise out of pictures (thesis-unlabelled-retina 3.4)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import nn

from modicum.starts.table import STARTS, Epochs, Pretext, PretextTask, Rate, Share, Start

Noise = Literal["gaussian", "salt_and_pepper", "speckle"]


class Denoising(PretextTask):
    """The network with as many outputs as the picture has channels; mean squared error to the picture without noise."""

    def __init__(self, build: Callable[[int], nn.Module], channels: int, noises: tuple[Noise, ...], strength: float) -> None:
        super().__init__()
        self.network, self.channels, self.noises, self.strength = build(channels), channels, noises, strength

    def cost(self, images: torch.Tensor, which: torch.Tensor) -> torch.Tensor:
        answers = self.network(noisy(images, self.noises, self.strength)).float().split(self.channels, dim=1)
        return torch.stack([nn.functional.mse_loss(answer, images) for answer in answers]).mean()

    def learned(self) -> dict[str, torch.Tensor]:
        return self.network.state_dict()


def noisy(images: torch.Tensor, noises: tuple[Noise, ...], strength: float) -> torch.Tensor:
    """Pictures (N, C, H, W) with one of the kinds of noise each, drawn with torch's randomness.

    Each picture's own range, darkest to brightest, counts as 0 to 1. Gaussian: standard deviation `strength`. Salt and
    pepper: every pixel is replaced with probability `strength`, half of them by 0 and half by 1. Speckle: multiplied by
    1 + Gaussian of standard deviation `strength`.
    """
    low = images.amin(dim=(1, 2, 3), keepdim=True)
    span = (images.amax(dim=(1, 2, 3), keepdim=True) - low).clamp_min(1e-6)
    clean = (images - low) / span
    changed = clean.clone()
    kinds = torch.randint(len(noises), (len(images),)).tolist()
    for place, kind in enumerate(kinds):
        changed[place] = _ADD[noises[kind]](clean[place], strength)
    return changed.clamp(0, 1) * span + low


def _gaussian(image: torch.Tensor, strength: float) -> torch.Tensor:
    return image + strength * torch.randn_like(image)


def _salt_and_pepper(image: torch.Tensor, strength: float) -> torch.Tensor:
    drawn = torch.rand_like(image[:1]).expand_as(image)
    return torch.where(drawn < strength / 2, 0.0, torch.where(drawn < strength, 1.0, image))


def _speckle(image: torch.Tensor, strength: float) -> torch.Tensor:
    return image * (1 + strength * torch.randn_like(image))


_ADD: dict[Noise, Callable[[torch.Tensor, float], torch.Tensor]] = {
    "gaussian": _gaussian,
    "salt_and_pepper": _salt_and_pepper,
    "speckle": _speckle,
}


@STARTS.register("denoise", "thesis-unlabelled-retina 3.4 (SYSTEMS C3)")
def denoise(
    *,
    noises: Annotated[tuple[Noise, ...], Field(min_length=1)] = ("gaussian", "salt_and_pepper", "speckle"),
    strength: Annotated[float, Field(gt=0, le=1)] = 0.1,
    folder: str | None = None,
    share: Share = 0.3,
    epochs: Epochs = None,
    rate: Rate = None,
) -> Start:
    """Weights that have learned to take noise out of all pictures but those of validation and test, and those in a `folder`."""
    return Start("pretext", pretext=Pretext(partial(Denoising, noises=noises, strength=strength), folder, share, epochs, rate))
