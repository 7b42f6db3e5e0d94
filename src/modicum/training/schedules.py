"""Learning-rate schedules: a factor for the base rate, from the progress of the training and its history.

They are pure functions, so that a resumed run needs no state of theirs. Progress runs from 0 to 1 over the whole training,
whether that is counted in epochs or in minutes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Annotated

from pydantic import Field

from modicum.tables import Table

Schedule = Callable[[float, Sequence[float]], float]
"""(progress 0..1, validation loss of every epoch so far) -> factor of the learning rate."""

_Share = Annotated[float, Field(ge=0, lt=1)]  # of the whole training

SCHEDULES: Table[Schedule] = Table("schedule")


@SCHEDULES.register("constant")
def constant() -> Schedule:
    """The same rate throughout."""
    return lambda progress, losses: 1.0


@SCHEDULES.register("cosine", "Loshchilov & Hutter 2017, arXiv:1608.03983")
def cosine(*, warm_up: _Share = 0.0, end: float = 0.0) -> Schedule:
    """Half a cosine from 1 to `end`, after a linear rise over the share `warm_up`."""

    def factor(progress: float, losses: Sequence[float]) -> float:
        if progress < warm_up:
            return progress / warm_up
        done = (progress - warm_up) / (1 - warm_up)
        return end + (1 - end) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))

    return factor


@SCHEDULES.register("one_cycle", "Smith & Topin 2018, arXiv:1708.07120")
def one_cycle(*, warm_up: _Share = 0.1, start: float = 0.04) -> Schedule:
    """Cosine rise from `start` over the share `warm_up`, then a cosine fall to nothing."""

    def factor(progress: float, losses: Sequence[float]) -> float:
        if progress < warm_up:
            return start + (1 - start) * 0.5 * (1 - math.cos(math.pi * progress / warm_up))
        return 0.5 * (1 + math.cos(math.pi * min((progress - warm_up) / (1 - warm_up), 1.0)))

    return factor


@SCHEDULES.register("multi_step")
def multi_step(*, milestones: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8), gamma: float = 0.1) -> Schedule:
    """Multiply by `gamma` at each milestone, given as a share of the training (20 of 100 epochs: .2)."""
    return lambda progress, losses: gamma ** sum(progress >= m for m in milestones)


@SCHEDULES.register("plateau")
def plateau(*, patience: int = 10, gamma: float = 0.1) -> Schedule:
    """Multiply by `gamma` whenever the validation loss has not fallen for `patience` epochs."""

    def factor(progress: float, losses: Sequence[float]) -> float:
        best, waited, drops = math.inf, 0, 0
        for loss in losses:
            best, waited = (loss, 0) if loss < best else (best, waited + 1)
            if waited >= patience:
                drops, waited = drops + 1, 0
        return gamma**drops

    return factor
