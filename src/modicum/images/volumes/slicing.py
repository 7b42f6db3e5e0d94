"""How the slices of a volume become pictures: their values in a window, with their neighbours and their depth as channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from modicum.errors import ModicumError
from modicum.images.intensity import usual_range
from modicum.images.volumes.volume import Volume

_SAMPLE = 2_000_000  # voxels from which the window is taken


@dataclass(frozen=True)
class Slicing:
    """What of a volume a network sees at once.

    Args:
        window: darkest and brightest value that are told apart, in the volume's units (Hounsfield units in CT); None: between
            the ends of the volume's `usual_range`.
        neighbours: slices before and after that are shown as further channels; beyond the ends the last slice stands in.
        depth: a last channel says where the slice lies, from 0 at the feet to 1 at the head (SYSTEMS D8).
        spacing: mm between the pixels of what is shown, along height and width; None: a volume's own. Slices stay as far
            apart as they are.
        block: so many slices are shown at once, to a network of three dimensions; None: to one of two, slice by slice.
    """

    window: tuple[float, float] | None = None
    neighbours: int = 0
    depth: bool = False
    spacing: tuple[float, float] | None = None
    block: int | None = None

    @property
    def channels(self) -> int:
        return 1 + 2 * self.neighbours + self.depth

    @property
    def plain(self) -> bool:
        """Whether a slice is shown by itself, as a picture would be."""
        return self.block is None and self.channels == 1

    def levels(self, volume: Volume) -> tuple[float, float]:
        """The window of a volume.

        Raises:
            ModicumError: none of its values is a number.
        """
        if self.window is not None:
            return self.window
        values = volume.values.ravel()
        values = values[:: max(1, values.size // _SAMPLE)]
        values = values[np.isfinite(values)] if values.dtype.kind == "f" else values
        if not values.size:
            raise ModicumError("none of the volume's values is a number.", remedy="Export the volume again, or leave it out.")
        return usual_range(values)

    def picture(self, volume: Volume, number: int, levels: tuple[float, float] | None = None) -> npt.NDArray[np.uint8]:
        """Slice `number` as (H, W, channels): the slices from the first neighbour to the last, then the depth.

        Args:
            levels: of the volume, where they are known.
        """
        low, high = levels or self.levels(volume)
        last = len(volume.values) - 1
        near = [min(max(number + step, 0), last) for step in range(-self.neighbours, self.neighbours + 1)]
        shown = np.nan_to_num(volume.values[near].astype(np.float32), nan=low, posinf=high, neginf=low)
        shown = np.clip((shown - low) * (255.0 / max(high - low, 1e-12)), 0, 255)
        if self.depth:
            place = np.full((1, *shown.shape[1:]), 255 * number / max(1, last), np.float32)
            shown = np.concatenate([shown, place])
        pixels = np.ascontiguousarray(np.rint(shown).astype(np.uint8).transpose(1, 2, 0))
        height, width = self._shape(volume)
        if pixels.shape[:2] == (height, width):
            return pixels
        how = cv2.INTER_AREA if height < pixels.shape[0] else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(pixels, (width, height), interpolation=how), np.uint8).reshape(height, width, -1)

    def _shape(self, volume: Volume) -> tuple[int, int]:
        """Height and width of what is shown of a volume."""
        _, height, width = volume.shape
        if self.spacing is None:
            return height, width
        (_, own_y, own_x), (y, x) = volume.spacing, self.spacing
        return max(1, round(height * own_y / y)), max(1, round(width * own_x / x))


def brought_back(maps: npt.NDArray[Any], shape: tuple[int, int]) -> npt.NDArray[Any]:
    """Maps (..., h, w) of what was shown, in the volume's height and width: probabilities bilinear, masks by the nearest."""
    if maps.shape[-2:] == shape:
        return maps
    flat = maps.reshape(-1, *maps.shape[-2:])
    if maps.dtype == np.bool_:
        back = [cv2.resize(m.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT) > 0 for m in flat]
    else:
        back = [cv2.resize(m.astype(np.float32), shape[::-1], interpolation=cv2.INTER_LINEAR) for m in flat]
    return np.stack(back).astype(maps.dtype).reshape(*maps.shape[:-2], *shape)


def as_shown(mask: npt.NDArray[np.uint8], shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Class numbers (H, W) in the height and width of what is shown; by the nearest pixel, so that no class is invented."""
    if mask.shape == shape:
        return mask
    return np.asarray(cv2.resize(mask, shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)
