"""Opening and closing by a disc (a ball in volumes), by way of distances: any radius costs the same."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import ndimage

from modicum.inference.finishing.table import FINISHERS, Evidence, Mask, Numbers, Size, by_class, longer_side, pixels_of


@FINISHERS.register("closing", "Soille 2003, chapter 4 (SYSTEMS E3)")
@dataclass(frozen=True, kw_only=True)
class Closing:
    """Gaps narrower than twice the radius are closed: vessels join."""

    radius: Size = 1.0

    def __call__(self, numbers: Numbers, evidence: Evidence) -> Numbers:
        return by_class(numbers, partial(closed, radius=pixels_of(self.radius, longer_side(numbers)), steps=evidence.voxel))


@FINISHERS.register("opening", "Soille 2003, chapter 4")
@dataclass(frozen=True, kw_only=True)
class Opening:
    """What is narrower than twice the radius goes."""

    radius: Size = 1.0

    def __call__(self, numbers: Numbers, evidence: Evidence) -> Numbers:
        radius = pixels_of(self.radius, longer_side(numbers))
        return by_class(numbers, lambda mask: ~closed(~mask, radius, evidence.voxel))


def closed(mask: Mask, radius: float, steps: tuple[float, ...] | None = None) -> Mask:
    """The mask dilated and eroded by a disc of that radius; beyond the edge the mask goes on as it is at the edge.

    Args:
        steps: lengths of a pixel along each axis, the last one being 1.
    """
    if not mask.any():
        return mask
    room = [math.ceil(radius / step) + 1 for step in steps or (1.0,) * mask.ndim]
    wide = np.pad(mask, [(r, r) for r in room], mode="edge")
    dilated = ndimage.distance_transform_edt(~wide, sampling=steps) <= radius
    if dilated.all():
        return np.ones_like(mask)
    eroded = ndimage.distance_transform_edt(dilated, sampling=steps) > radius
    return np.asarray(eroded[tuple(slice(r, -r) for r in room)] | mask)
