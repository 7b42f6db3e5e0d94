"""Maps one after the other, and their way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modicum.geometry.maps import Affine, CoordinateMap, Points, Shape
from modicum.geometry.polar import Polar


@dataclass(frozen=True)
class Inverse:
    """The way back of any map."""

    of: CoordinateMap

    @property
    def source(self) -> Shape:
        return self.of.target

    @property
    def target(self) -> Shape:
        return self.of.source

    def backward(self, points: Points) -> Points:
        return self.of.forward(points)

    def forward(self, points: Points) -> Points:
        return self.of.backward(points)


@dataclass(frozen=True)
class Chain:
    """Maps one after the other: the target of each is the source of the next."""

    maps: tuple[CoordinateMap, ...]

    @property
    def source(self) -> Shape:
        return self.maps[0].source

    @property
    def target(self) -> Shape:
        return self.maps[-1].target

    def backward(self, points: Points) -> Points:
        for one in reversed(self.maps):
            points = one.backward(points)
        return points

    def forward(self, points: Points) -> Points:
        for one in self.maps:
            points = one.forward(points)
        return points


def inverse(one: CoordinateMap) -> CoordinateMap:
    """The way back."""
    return one.inverse if isinstance(one, Affine) else Inverse(one)


def compose(maps: Sequence[CoordinateMap]) -> CoordinateMap:
    """One map for several, first to last; neighbouring affine maps become a single one, and so does one before a polar map.

    Raises:
        ValueError: the target of one is not the source of the next, or there is none.
    """
    folded: list[CoordinateMap] = []
    for one in maps:
        last = folded[-1] if folded else None
        if last is not None and last.target != one.source:
            raise ValueError(f"a map to {last.target} cannot be followed by one from {one.source}")
        if isinstance(last, Affine) and isinstance(one, Affine):
            folded[-1] = Affine(last.matrix @ one.matrix, last.source, one.target)
        elif isinstance(last, Affine) and isinstance(one, Polar):
            folded[-1] = one.after(last)
        else:
            folded.append(one)
    if not folded:
        raise ValueError("nothing to compose")
    return folded[0] if len(folded) == 1 else Chain(tuple(folded))
