"""Steps that keep or drop whole components; pixels that touch at a corner belong together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy import ndimage

from modicum.inference.finishing.table import FINISHERS, Evidence, Mask, Numbers, Size, by_class, pixels_of


@FINISHERS.register("largest")
@dataclass(frozen=True, kw_only=True)
class Largest:
    """The largest components of each class, `count` of them; of equally large ones the first."""

    count: Annotated[int, Field(ge=1)] = 1

    def __call__(self, numbers: Numbers, evidence: Evidence) -> Numbers:
        return by_class(numbers, self._kept)

    def _kept(self, mask: Mask) -> Mask:
        parts, sizes = components(mask)
        return np.isin(parts, 1 + np.argsort(-sizes, kind="stable")[: self.count])


@FINISHERS.register("remove_small")
@dataclass(frozen=True, kw_only=True)
class RemoveSmall:
    """Components of at least `area` pixels (voxels), or that share of the picture."""

    area: Size = 0.001

    def __call__(self, numbers: Numbers, evidence: Evidence) -> Numbers:
        return by_class(numbers, self._kept)

    def _kept(self, mask: Mask) -> Mask:
        parts, sizes = components(mask)
        return np.isin(parts, 1 + np.flatnonzero(sizes >= pixels_of(self.area, mask.size)))


@FINISHERS.register("fill_holes")
@dataclass(frozen=True, kw_only=True)
class FillHoles:
    """Background that a class encloses becomes that class: every hole, or those of at most `area` pixels (voxels).

    A hole of a volume is enclosed in all three directions. Other classes inside stay what they are.
    """

    area: Size | None = None

    def __call__(self, numbers: Numbers, evidence: Evidence) -> Numbers:
        return by_class(numbers, self._filled)

    def _filled(self, mask: Mask) -> Mask:
        holes = ndimage.binary_fill_holes(mask) & ~mask
        if self.area is not None:
            parts, sizes = components(holes)
            holes = np.isin(parts, 1 + np.flatnonzero(sizes <= pixels_of(self.area, mask.size)))
        return np.asarray(mask | holes)


def components(mask: Mask) -> tuple[np.ndarray, np.ndarray]:
    """The number of each pixel's component, from 1, and the pixels of each component."""
    parts, count = ndimage.label(mask, np.ones((3,) * mask.ndim))
    return parts, np.bincount(parts.ravel(), minlength=count + 1)[1:]
