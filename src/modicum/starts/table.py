"""The ways in which weights may begin, as a recipe names them."""

from __future__ import annotations

from dataclasses import dataclass

from modicum.tables import Table


@dataclass(frozen=True)
class Start:
    """Where weights come from."""

    origin: str  # random, localiser, imagenet
    file: str | None = None


STARTS: Table[Start] = Table("start")


@STARTS.register("random")
def random() -> Start:
    """Weights drawn at random, as the network's paper or PyTorch draws them."""
    return Start("random")


@STARTS.register("localiser", "thesis-data-efficient-segmentation 4.2.1")
def localiser() -> Start:
    """The weights of the network that finds the objects, wherever the network is like it."""
    return Start("localiser")


@STARTS.register("imagenet", "SYSTEMS C1")
def imagenet(*, file: str | None = None) -> Start:
    """The encoder's weights learned on ImageNet: installed, downloaded, or from a `file` of yours."""
    return Start("imagenet", file)
