"""Some of many cases that stand for all of them: the first ones by name may all be of one volume, or of one hospital."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import TypeVar

import numpy as np

from modicum.datasets.case import Case
from modicum.runs.pictures import together

_LEAST_SLICES = 4  # of a volume: fewer may all miss what is labelled in it
_VOLUMES, _SLICES = 8, 400  # whole volumes, and slices of these together: they are in memory at the same time

T = TypeVar("T")


def some_of(cases: Sequence[Case], most: int, *, seed: int, whole: bool = False) -> list[Case]:
    """At most so many of these cases: pictures drawn at random, of volumes every n-th slice, the same n for all.

    Volumes are drawn where there are too many for four slices of each.

    Args:
        whole: all slices of a volume, and at most eight volumes, however many cases that are; fewer of large ones, but two.
    """
    rng = np.random.default_rng((seed, 4))
    if all(case.slice is None for case in cases):
        return _drawn(cases, most, rng)
    volumes = list(together(cases).values())
    if whole:
        return _whole_volumes(volumes, rng)
    volumes = _drawn(volumes, max(1, most // _LEAST_SLICES), rng)
    step = next(n for n in count(1) if sum(-(-len(slices) // n) for slices in volumes) <= most)
    return [case for slices in volumes for case in slices[(min(step, len(slices)) - 1) // 2 :: step]]


def _drawn(all_of_them: Sequence[T], most: int, rng: np.random.Generator) -> list[T]:
    """All, or so many at random, in their order."""
    if len(all_of_them) <= most:
        return list(all_of_them)
    return [all_of_them[index] for index in sorted(rng.choice(len(all_of_them), most, replace=False))]


def _whole_volumes(volumes: Sequence[list[Case]], rng: np.random.Generator) -> list[Case]:
    found: list[Case] = []
    for number, index in enumerate(rng.permutation(len(volumes))[:_VOLUMES]):
        if number < 2 or len(found) + len(volumes[index]) <= _SLICES:
            found += volumes[index]
    return found
