"""Steps that start from a coarse mask and look for the object's border in the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy import ndimage

from modicum.inference.finishing.components import components
from modicum.inference.finishing.table import FINISHERS, Evidence, Mask, Numbers, Size, by_class, longer_side, pixels_of

Floats = npt.NDArray[np.float64]


@FINISHERS.register("snake", "Chan & Vese 2001; Caselles et al. 1997; Marquez-Neila et al. 2014 (SYSTEMS E1)")
@dataclass(frozen=True, kw_only=True)
class Snake:
    """A contour that moves until inside and outside are each alike (`regions`), or until it lies on edges (`edges`).

    Args:
        start: the contour begins around the mask itself, or around the boxes of its components.
        smooth: rounds of smoothing after each step.
        balloon: with `edges`, outwards (1), inwards (-1) or neither (0) where there is no edge.
    """

    energy: Literal["regions", "edges"] = "regions"
    start: Literal["mask", "box"] = "mask"
    rounds: Annotated[int, Field(ge=2, multiple_of=2)] = 30  # odd ones would leave scikit-image's smoothing half-way
    smooth: Annotated[int, Field(ge=0, le=4)] = 1
    balloon: Annotated[int, Field(ge=-1, le=1)] = 0

    def __call__(self, numbers: Numbers, evidence: Evidence) -> Numbers:
        grey = evidence.grey(numbers, "snake")
        return by_class(numbers, lambda mask: self._moved(boxes(mask) if self.start == "box" else mask, grey))

    def _moved(self, mask: Mask, grey: Floats) -> Mask:
        from skimage.segmentation import (
            inverse_gaussian_gradient,
            morphological_chan_vese,
            morphological_geodesic_active_contour,
        )

        start = mask.astype(np.int8)
        if self.energy == "regions":
            return np.asarray(morphological_chan_vese(grey, self.rounds, start, smoothing=self.smooth) > 0)
        edges = inverse_gaussian_gradient(grey, alpha=200, sigma=2)
        moved = morphological_geodesic_active_contour(edges, self.rounds, start, self.smooth, balloon=self.balloon)
        return np.asarray(moved > 0)


@FINISHERS.register("region_growing", "Adams & Bischof 1994 (SYSTEMS E1)")
@dataclass(frozen=True, kw_only=True)
class RegionGrowing:
    """The mask's inside is the seed; what is connected with it, alike and near joins, what is unlike goes.

    Args:
        core: share of the greatest distance to the border from which a component's pixels are seeds.
        tolerance: difference from the seeds' mean, in their standard deviations, up to which a pixel is like them.
        reach: distance from the mask beyond which nothing joins.
    """

    core: Annotated[float, Field(ge=0, lt=1)] = 0.5
    tolerance: Annotated[float, Field(gt=0)] = 2.5
    reach: Size = 0.02

    def __call__(self, numbers: Numbers, evidence: Evidence) -> Numbers:
        grey, reach = evidence.grey(numbers, "region_growing"), pixels_of(self.reach, longer_side(numbers))
        steps = evidence.voxel or (1.0,) * numbers.ndim
        return by_class(numbers, lambda mask: self._grown(mask, grey, reach, steps))

    def _grown(self, mask: Mask, grey: Floats, reach: float, steps: tuple[float, ...]) -> Mask:
        """Both distances in pixels of the slices, whatever the distance of the slices (`steps`)."""
        parts, _ = components(mask)
        depth = ndimage.distance_transform_edt(mask, sampling=steps)
        near = ndimage.distance_transform_edt(~mask, sampling=steps) <= reach
        grown, room = np.zeros_like(mask), [int(reach / step) + 1 for step in steps]
        for number, place in enumerate(ndimage.find_objects(parts), 1):
            window = tuple(slice(max(0, s.start - r), s.stop + r) for s, r in zip(place, room, strict=True))
            own = np.where(parts[window] == number, depth[window], 0)
            grown[window] |= grown_from(own >= max(self.core * own.max(), 1e-9), grey[window], self.tolerance) & near[window]
        return grown


def grown_from(seeds: Mask, grey: Floats, tolerance: float) -> Mask:
    """Pixels that are connected with seeds and whose value is within so many standard deviations of the seeds' mean.

    A standard deviation below 1 % of the picture's range counts as 1 %.
    """
    mean, spread = float(grey[seeds].mean()), max(float(grey[seeds].std()), 0.01)
    alike = (np.abs(grey - mean) <= tolerance * spread) | seeds
    return np.asarray(ndimage.binary_propagation(seeds, np.ones((3,) * seeds.ndim, bool), mask=alike))


def boxes(mask: Mask) -> Mask:
    """The boxes of a mask's components, filled."""
    filled = np.zeros_like(mask)
    for place in ndimage.find_objects(components(mask)[0]):
        filled[place] = True
    return filled
