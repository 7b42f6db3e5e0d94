"""The ways in which weights may begin, as a recipe names them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import nn

from modicum.tables import Table

Share = Annotated[float, Field(gt=0, lt=1)]
Epochs = Annotated[int, Field(ge=1)] | None
Rate = Annotated[float, Field(gt=0)] | None


class PretextTask(nn.Module, ABC):
    """A network that learns from pictures without labels; `cost` is its loss, `learned` what is worth keeping."""

    @abstractmethod
    def cost(self, images: torch.Tensor, which: torch.Tensor) -> torch.Tensor:
        """The loss of pictures (N, looks * C, H, W), looks at one picture one after the other; `which` (N,) numbers them."""

    @abstractmethod
    def learned(self) -> dict[str, torch.Tensor]:
        """Weights by the names that they have in the network that will start with them."""


@dataclass(frozen=True)
class Pretext:
    """What is learned from pictures without labels before the training."""

    task: Callable[[Callable[[int], nn.Module], int], PretextTask]  # (outputs -> network, channels)
    folder: str | None  # of more pictures
    share: float  # of the budget
    epochs: int | None  # where the recipe counts epochs; None: as many as the training itself
    rate: float | None  # None: as the training itself
    looks: int = 1  # at each picture, each changed otherwise
    augmentation: str = "flips"
    keep: Literal["best", "last"] = "best"  # best: by the task's loss on pictures set aside
    of_encoder: bool = False  # whether it teaches the one encoder of a network alone


@dataclass(frozen=True)
class Start:
    """Where weights come from."""

    origin: str  # random, localiser, imagenet, model, pretext
    file: str | None = None
    pretext: Pretext | None = None


STARTS: Table[Start] = Table("start")


@STARTS.register("random")
def random() -> Start:
    """Weights drawn at random, as the network's paper or PyTorch draws them."""
    return Start("random")


@STARTS.register("localiser", "thesis-data-efficient-segmentation 4.2.1")
def localiser() -> Start:
    """The weights of the network that finds the objects, wherever the network is like it."""
    return Start("localiser")


@STARTS.register("model")
def model(*, bundle: str) -> Start:
    """The weights of a model that was trained before (`bundle`, a file), wherever the network is like it."""
    return Start("model", bundle)


@STARTS.register("imagenet", "SYSTEMS C1")
def imagenet(*, file: str | None = None) -> Start:
    """The encoder's weights learned on ImageNet: installed, downloaded, or from a `file` of yours."""
    return Start("imagenet", file)
