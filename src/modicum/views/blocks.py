"""Blocks of slices: what a network of three dimensions sees of a volume at once.

A volume in training is a TrainingPicture whose slices take the place of channels: image, label and valid (H, W, D). Every
slice of a block is seen through the same map, so that any view of pictures serves for volumes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from modicum.views.view import TrainingPicture

_AIMED = 0.5  # share of the blocks that lie about a slice that shows something, where the view aims at objects


def as_one_channel(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The slices (H, W, D) beside each other, as a picture (H, W D, 1)."""
    return image.reshape(len(image), -1, 1)


def middle_slice(volume: TrainingPicture) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Picture (H, W, 1) and label (H, W) half way up a volume."""
    middle = volume.label.shape[2] // 2
    return volume.image[..., middle : middle + 1], volume.label[..., middle]


def slices_from(start: int, block: int, depth: int) -> npt.NDArray[np.intp]:
    """Numbers of `block` slices from `start` on; beyond the ends of a volume of `depth` slices the last one stands in."""
    return np.clip(np.arange(start, start + block), 0, depth - 1)


def starts_of(depth: int, block: int) -> list[int]:
    """Where the blocks begin that together show a volume, as few as may be with at least a half shared, evenly spread."""
    if depth <= block:
        return [(depth - block) // 2]
    count = 1 + -(-(depth - block) // max(1, block // 2))
    return [round(s) for s in np.linspace(0, depth - block, count)]


def random_block(volume: TrainingPicture, block: int, flip: float, rng: np.random.Generator) -> TrainingPicture:
    """Some slices of a volume; where the view knows of objects (y, x, z), half of the time about one that shows some.

    Args:
        flip: probability that foot and head change places.
    """
    depth = volume.label.shape[2]
    free = max(0, depth - block)
    start = int(rng.integers(free + 1)) if depth > block else (depth - block) // 2
    if free and volume.objects and rng.random() < _AIMED:
        points = volume.objects[rng.integers(len(volume.objects))]
        start = int(np.clip(points[rng.integers(len(points)), 2] - rng.integers(block), 0, free))
    numbers = slices_from(start, block, depth)
    if rng.random() < flip:
        numbers = numbers[::-1]
    inside = [points[np.isin(points[:, 2], numbers), :2] for points in volume.objects]
    return replace(
        volume,
        image=volume.image[..., numbers],
        label=volume.label[..., numbers],
        valid=None if volume.valid is None else volume.valid[..., numbers],
        objects=tuple(points for points in inside if len(points)),
    )
