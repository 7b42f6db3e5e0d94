"""NIfTI (.nii, .nii.gz) by nibabel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt

from modicum.errors import ModicumError
from modicum.images.volumes.orientation import Orientation
from modicum.images.volumes.volume import Grid, Mask, Volume


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
    """The volume of a file; a fourth axis of length one is dropped.

    Raises:
        ModicumError: not three-dimensional.
    """
    image = _load(path)
    values = _three(np.asanyarray(image.dataobj), path)
    if values.dtype.kind == "f" or values.dtype.itemsize > 2:
        values = values.astype(np.float32)
    orientation = Orientation.of(image.affine)
    affine = orientation.placed(image.affine, values.shape)
    return Volume(orientation.volume(values), orientation.spacing, affine, _Writer(image.affine, image.header, orientation))


def grid(path: Path) -> Grid:
    """Shape, spacing and place from the header alone."""
    image = _load(path)
    return Orientation.of(image.affine).grid((*image.shape[:3], 1)[:3], image.affine)


def _load(path: Path) -> Any:
    return nibabel.load(path, mmap=False)  # a map would change with the file


def _three(values: npt.NDArray[Any], path: Path) -> npt.NDArray[Any]:
    if values.ndim == 4 and values.shape[3] == 1:
        values = values[..., 0]
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim != 3 or values.dtype.names is not None:
        raise ModicumError(
            f"this file has {values.ndim} dimensions {values.shape}, a volume has three.",
            file=path,
            remedy="Save each time point or channel as a file of its own.",
        )
    return values
