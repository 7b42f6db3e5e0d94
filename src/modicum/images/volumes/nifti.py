"""NIfTI (.nii, .nii.gz) by nibabel."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt

from modicum.errors import ModicumError
from modicum.images.volumes.orientation import Orientation
from modicum.images.volumes.volume import Grid, Mask, Volume

_CHANNELS = 4  # along a fourth axis: so many at most are kinds of image (BraTS has four), more are points in time


@dataclass(frozen=True)
class _Writer:
    affine: npt.NDArray[np.float64]
    header: nibabel.Nifti1Header
    orientation: Orientation
    suffix: str = ".nii.gz"

    def __call__(self, mask: Mask, path: Path, classes: tuple[str, ...]) -> None:
        header = self.header.copy()
        header.set_data_dtype(mask.dtype)
        header.set_slope_inter(1, 0)
        image = nibabel.Nifti1Image(self.orientation.array(mask), None, header)  # the header keeps both transforms
        if not np.array_equal(image.affine, self.affine):
            image.set_sform(self.affine)
        nibabel.save(image, path)


@dataclass(frozen=True)
class Plain:
    """Writes class numbers of a volume by itself, with its spacing and nothing else: no name comes along."""

    spacing: tuple[float, float, float]  # mm along D, H, W
    suffix: str = ".nii.gz"

    def __call__(self, mask: Mask, path: Path, classes: tuple[str, ...]) -> None:
        depth, height, width = self.spacing
        image = nibabel.Nifti1Image(np.ascontiguousarray(mask.transpose(2, 1, 0)), np.diag([-width, -height, depth, 1.0]))
        nibabel.save(image, path)


def read(path: Path) -> Volume:
    """The volume of a file; of a few channels along a fourth axis the first.

    Raises:
        ModicumError: not three-dimensional, or many along a fourth axis.
    """
    image = _load(path)
    sizes, channels = _sizes(image, path)
    _refuse_cut(image, path)
    values = np.asanyarray(image.dataobj if len(image.shape) < 4 else image.dataobj[..., 0]).reshape(sizes)
    if values.dtype.kind == "f" or values.dtype.itemsize > 2:
        values = values.astype(np.float32)
    orientation = Orientation.of(image.affine)
    affine = orientation.placed(image.affine, values.shape)
    writer = _Writer(image.affine, image.header, orientation)
    return Volume(orientation.volume(values), orientation.spacing, affine, writer, channels=channels)


def grid(path: Path) -> Grid:
    """Shape, spacing and place from the header alone."""
    image = _load(path)
    sizes, channels = _sizes(image, path)
    return replace(Orientation.of(image.affine).grid(sizes, image.affine), channels=channels)


def _load(path: Path) -> Any:
    return nibabel.load(path, mmap=False)  # a map would change with the file


def _sizes(image: Any, path: Path) -> tuple[tuple[int, ...], int]:
    """Three sizes of a file's array, and how many channels it has."""
    shape = tuple(image.shape)
    channels = shape[3] if len(shape) == 4 else 1
    if len(shape) not in (2, 3, 4) or not 1 <= channels <= _CHANNELS or image.get_data_dtype().names is not None:
        raise ModicumError(
            f"this file has {len(shape)} dimensions {shape}, a volume has three.",
            file=path,
            remedy="Save each time point or channel as a file of its own (fslsplit, or four_to_three of nibabel).",
        )
    return (*shape, 1)[:3], channels


def _refuse_cut(image: Any, path: Path) -> None:
    """A header may claim gigabytes, for which there would be no room: nothing is read of a file that cannot hold them."""
    claimed = image.dataobj.offset + math.prod(image.shape) * image.get_data_dtype().itemsize
    if path.suffix.lower() == ".nii" and claimed > (held := path.stat().st_size):
        raise ModicumError(f"its header claims {claimed:,} bytes, the file has {held:,}.", file=path, remedy="Copy it again.")
