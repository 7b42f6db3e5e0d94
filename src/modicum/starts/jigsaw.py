"""Jigsaw: the encoder learns in which order the shuffled tiles of a picture belong (Noroozi and Favaro 2016)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from itertools import permutations
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import nn

from modicum.starts.pooled import Pooled
from modicum.starts.table import STARTS, Epochs, Pretext, PretextTask, Rate, Share, Start

_SIDE = 3  # tiles in a row
_GAP = 0.15  # of a tile is cut away, at random sides, so that edges which go on into the next tile give nothing away


class Jigsaw(PretextTask):
    """Tiles in one of a set of orders: each goes through the encoder, and a classifier of all names the order.

    (arXiv:1603.09246)
    """

    orders: torch.Tensor

    def __init__(self, build: Callable[[int], nn.Module], channels: int, orders: int) -> None:
        super().__init__()
        self.pooled = Pooled(build(1))
        self.register_buffer("orders", torch.tensor(far_apart(orders)))
        self.classify = nn.Sequential(
            nn.Linear(_SIDE**2 * self.pooled.width, 256), nn.ReLU(inplace=True), nn.Linear(256, orders)
        )

    def cost(self, images: torch.Tensor, which: torch.Tensor) -> torch.Tensor:
        drawn = torch.randint(len(self.orders), (len(images),)).to(images.device)
        tiles = tiled(images)[torch.arange(len(images), device=images.device)[:, None], self.orders[drawn]]
        seen = self.pooled(tiles.flatten(0, 1)).unflatten(0, (len(images), _SIDE**2))
        return nn.functional.cross_entropy(self.classify(seen.flatten(1)).float(), drawn)

    def learned(self) -> dict[str, torch.Tensor]:
        return self.pooled.learned()


def tiled(images: torch.Tensor) -> torch.Tensor:
    """Tiles (N, 9, C, h, w) of pictures (N, C, H, W), row by row, each moved at random within its place and normalised.

    Normalised by itself, because a tile's brightness would tell where it lies.
    """
    height, width = images.shape[2] // _SIDE, images.shape[3] // _SIDE
    h, w = max(1, int(height * (1 - _GAP))), max(1, int(width * (1 - _GAP)))
    found = []
    for place in range(_SIDE**2):
        top = (place // _SIDE) * height + int(torch.randint(height - h + 1, ()))
        left = (place % _SIDE) * width + int(torch.randint(width - w + 1, ()))
        found.append(images[:, :, top : top + h, left : left + w])
    tiles = torch.stack(found, dim=1)
    mean = tiles.mean(dim=(3, 4), keepdim=True)
    return (tiles - mean) / (tiles.std(dim=(3, 4), keepdim=True) + 1e-3)


@lru_cache(maxsize=4)
def far_apart(count: int) -> tuple[tuple[int, ...], ...]:
    """So many orders of nine tiles, each next one with the largest smallest Hamming distance to those before (algorithm 1)."""
    every = np.array(list(permutations(range(_SIDE**2))), np.int8)
    chosen = [0]
    distance = (every != every[0]).sum(1)
    while len(chosen) < count:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, (every != every[chosen[-1]]).sum(1))
    return tuple(tuple(int(n) for n in every[row]) for row in chosen)


@STARTS.register("jigsaw", "Noroozi and Favaro 2016 (SYSTEMS C5)")
def jigsaw(
    *,
    orders: Annotated[int, Field(ge=2, le=1000)] = 64,
    folder: str | None = None,
    share: Share = 0.3,
    epochs: Epochs = None,
    rate: Rate = None,
) -> Start:
    """An encoder that has learned to put the 3x3 shuffled tiles of pictures in order."""
    return Start("pretext", pretext=Pretext(partial(Jigsaw, orders=orders), folder, share, epochs, rate, of_encoder=True))
