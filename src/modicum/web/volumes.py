"""Volumes on the page: the values of their slices, windows to see them by, and masks in their geometry."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from modicum.datasets import Case, LabelCode
from modicum.datasets.volume_facts import WINDOWS, hounsfield
from modicum.errors import ModicumError
from modicum.images.volumes import Slicing, Volume, cached_volume, write_mask_file
from modicum.web.labels import Origin, load

Pixels = npt.NDArray[np.uint8]
Window = tuple[float, float]  # darkest and brightest value that are told apart

_SAMPLE = 500_000  # voxels from which percentiles are taken
_CT = ("soft tissue", "lungs", "bone")
_PERCENTILES = {"usual": (0.5, 99.5), "strong": (5, 95), "all values": (0, 100)}
_MADE: dict[Origin, Literal["AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"]] = {  # as DICOM says it
    "drawn": "MANUAL",
    "corrected": "SEMIAUTOMATIC",
    "accepted": "AUTOMATIC",
}


def windows(volume: Volume) -> dict[str, Window]:
    """Windows by name, the usual one first: in Hounsfield units where the values are like those of CT, else percentiles.

    Raises:
        ModicumError: none of its values is a number.
    """
    values = volume.values.ravel()[:: max(1, volume.values.size // _SAMPLE)].astype(np.float32)
    values = values[np.isfinite(values)]
    if not values.size:
        raise ModicumError("none of the volume's values is a number.", remedy="Export the volume again, or leave it out.")
    if hounsfield(values):
        return {name: WINDOWS[name] for name in _CT}
    cut = {name: np.percentile(values, ends) for name, ends in _PERCENTILES.items()}
    return {name: (float(low), float(high)) for name, (low, high) in cut.items()}


def as_picture(volume: Volume, number: int, window: Window | None = None) -> Pixels:
    """A slice (H, W, 3), 8 bits; in the usual window where none is given."""
    return np.repeat(Slicing().picture(volume, number, window or next(iter(windows(volume).values()))), 3, axis=2)


def fullest(numbers: Pixels) -> int:
    """The slice of class numbers (D, H, W) in which most is marked; the middle one where nothing is."""
    marked = (numbers > 0).sum(axis=(1, 2))
    return int(marked.argmax()) if marked.any() else len(numbers) // 2


def load_whole(case: Case, code: LabelCode, depth: int) -> Pixels:
    """Class numbers (D, H, W) of the label of a volume, as `load`.

    Raises:
        ModicumError: as `load`.
    """
    return np.stack([load(replace(case, slice=number), code) for number in range(depth)])


def write_whole(case: Case, values: Pixels, path: Path, classes: tuple[str, ...], origin: Origin) -> None:
    """Write values (D, H, W) in the geometry of a volume, whole or not at all.

    Raises:
        ModicumError: the volume cannot be read, or the file not written.
    """
    volume = cached_volume(case.image)
    if volume.write.suffix == ".dcm":
        from modicum.images.volumes.dicom_seg import SegmentationWriter

        assert isinstance(volume.write, SegmentationWriter)
        volume = replace(volume, write=replace(volume.write, made=_MADE[origin]))
    write_mask_file(volume, values, path, classes)
