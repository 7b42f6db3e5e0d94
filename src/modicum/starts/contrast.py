"""Contrast: two looks at one picture belong together, looks at different pictures do not (SimCLR and MoCo)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from modicum.starts.pooled import Pooled
from modicum.starts.table import STARTS, Epochs, Pretext, PretextTask, Rate, Share, Start

_Temperature = Annotated[float, Field(gt=0)]


class _Projected(nn.Module):
    """Pooled encoder and a small perceptron, normalised to length 1."""

    def __init__(self, network: nn.Module, width: int) -> None:
        super().__init__()
        self.pooled = Pooled(network)
        self.project = nn.Sequential(
            nn.Linear(self.pooled.width, self.pooled.width), nn.ReLU(inplace=True), nn.Linear(self.pooled.width, width)
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return nn.functional.normalize(self.project(self.pooled(images)).float(), dim=1)


class SimCLR(PretextTask):
    """Among all looks of a batch, each must find its twin: NT-Xent (Chen et al. 2020, arXiv:2002.05709, eq. 1)."""

    def __init__(self, build: Callable[[int], nn.Module], channels: int, temperature: float, width: int) -> None:
        super().__init__()
        self.projected, self.temperature = _Projected(build(1), width), temperature

    def cost(self, images: torch.Tensor, which: torch.Tensor) -> torch.Tensor:
        seen = self.projected(torch.cat(images.chunk(2, dim=1)))
        return nt_xent(seen, which, self.temperature)

    def learned(self) -> dict[str, torch.Tensor]:
        return self.projected.pooled.learned()


def nt_xent(seen: torch.Tensor, which: torch.Tensor, temperature: float) -> torch.Tensor:
    """The loss of vectors (2N, width) of length 1 of which i and i + N belong together.

    Further looks at one picture (`which` (N,): its number) are not held against each other: few pictures fill a batch twice.
    """
    numbers = torch.arange(len(seen), device=seen.device)
    twin = numbers.roll(len(seen) // 2)
    of = which.repeat(2)
    same = (of[:, None] == of) & (numbers != twin[:, None])
    return nn.functional.cross_entropy((seen @ seen.T / temperature).masked_fill(same, float("-inf")), twin)


class MoCo(PretextTask):
    """As SimCLR, against many vectors remembered from steps before; one look goes through a slowly following copy.

    He et al. 2020 (arXiv:1911.05722, algorithm 1), with the perceptron of version 2 (arXiv:2003.04297).
    """

    memory: torch.Tensor
    whose: torch.Tensor  # number of the picture of each vector; -1 at the beginning
    place: torch.Tensor
    steps: torch.Tensor

    def __init__(
        self, build: Callable[[int], nn.Module], channels: int, temperature: float, width: int, memory: int, decay: float
    ) -> None:
        super().__init__()
        self.projected, self.temperature, self.decay = _Projected(build(1), width), temperature, decay
        self.slow = copy.deepcopy(self.projected).requires_grad_(False).eval()
        self.register_buffer("memory", nn.functional.normalize(torch.randn(memory, width), dim=1))
        self.register_buffer("whose", torch.full((memory,), -1))
        self.register_buffer("place", torch.zeros((), dtype=torch.long))
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def train(self, mode: bool = True) -> MoCo:
        """The slow copy uses the batch norms' running statistics: those of its batch would give the twin away."""
        super().train(mode)
        self.slow.eval()
        return self

    def cost(self, images: torch.Tensor, which: torch.Tensor) -> torch.Tensor:
        query, key = images.chunk(2, dim=1)
        with torch.no_grad():
            if self.training:
                self._follow()
            other = self.slow(key)
        seen = self.projected(query)
        if not self.training:  # what is remembered differs from epoch to epoch: the batch itself gives the others
            return nt_xent(torch.cat([seen, other]), which, self.temperature)
        right = (seen * other).sum(dim=1, keepdim=True)
        others = (seen @ self.memory.clone().T).masked_fill(which[:, None] == self.whose, float("-inf"))
        alike = torch.cat([right, others], dim=1) / self.temperature
        self._remember(other, which)
        return nn.functional.cross_entropy(alike, alike.new_zeros(len(alike), dtype=torch.long))

    def learned(self) -> dict[str, torch.Tensor]:
        return self.projected.pooled.learned()

    def _follow(self) -> None:
        """Weights and running statistics, quickly at first so that the random beginning is soon forgotten."""
        self.steps.add_(1)
        share = 1 - min(self.decay, float(self.steps / (9 + self.steps)))
        own = self.projected.state_dict()
        for name, slow in self.slow.state_dict().items():
            if slow.is_floating_point():
                slow.lerp_(own[name], share)

    def _remember(self, keys: torch.Tensor, which: torch.Tensor) -> None:
        where = (int(self.place) + torch.arange(len(keys), device=keys.device)) % len(self.memory)
        self.memory[where], self.whose[where] = keys, which
        self.place.add_(len(keys)).remainder_(len(self.memory))


def _contrasted(pretext: Pretext) -> Start:
    """Of two strongly changed looks at each picture."""
    return Start("pretext", pretext=replace(pretext, looks=2, augmentation="strong", keep="last", of_encoder=True))


@STARTS.register("simclr", "Chen et al. 2020 (SYSTEMS C5)")
def simclr(
    *,
    temperature: _Temperature = 0.2,
    width: Annotated[int, Field(ge=2)] = 128,
    folder: str | None = None,
    share: Share = 0.3,
    epochs: Epochs = None,
    rate: Rate = None,
) -> Start:
    """An encoder that has learned which two looks are at the same picture, among those of a batch."""
    task = partial(SimCLR, temperature=temperature, width=width)
    return _contrasted(Pretext(task, folder, share, epochs, rate))


@STARTS.register("moco", "He et al. 2020 (SYSTEMS C5)")
def moco(
    *,
    temperature: _Temperature = 0.2,
    width: Annotated[int, Field(ge=2)] = 128,
    memory: Annotated[int, Field(ge=2)] = 256,
    decay: Annotated[float, Field(ge=0, lt=1)] = 0.99,
    folder: str | None = None,
    share: Share = 0.3,
    epochs: Epochs = None,
    rate: Rate = None,
) -> Start:
    """As simclr, against the pictures of many batches before: better where batches are small."""
    task = partial(MoCo, temperature=temperature, width=width, memory=memory, decay=decay)
    return _contrasted(Pretext(task, folder, share, epochs, rate))
