"""NRRD and MetaImage (.nrrd, .mha, .mhd) by SimpleITK."""

from __future__ import annotations

import mmap
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from modicum.errors import ModicumError
from modicum.images.volumes.orientation import Orientation
from modicum.images.volumes.volume import Grid, Mask, Volume

_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])  # ITK's millimetres go left and back
_READERS = {".nrrd": "NrrdImageIO", ".mha": "MetaImageIO", ".mhd": "MetaImageIO"}  # else ITK goes by what is in the file
_ELSEWHERE = re.compile(rb"ElementDataFile(?![ \t]*=[ \t]*LOCAL[ \t]*\r?\n)|(?i:data ?file:)")


@dataclass(frozen=True)
class _Writer:
    like: Any  # an image of this geometry
    orientation: Orientation
    suffix: str

    def __call__(self, mask: Mask, path: Path, classes: tuple[str, ...]) -> None:
        image = sitk.GetImageFromArray(self.orientation.array(mask).transpose(2, 1, 0))
        image.CopyInformation(self.like)
        sitk.WriteImage(image, str(path), useCompression=True)


def read(path: Path) -> Volume:
    """The volume of a file.

    Raises:
        ModicumError: not three-dimensional, or coloured.
    """
    image = sitk.ReadImage(str(path), imageIO=_READERS[path.suffix.lower()])
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise ModicumError(
            f"this file has {image.GetDimension()} dimensions and {image.GetNumberOfComponentsPerPixel()} channels, "
            "a volume has three and one.",
            file=path,
            remedy="Save each time point or channel as a file of its own.",
        )
    orientation = Orientation.of(affine(image))
    values = sitk.GetArrayFromImage(image).transpose(2, 1, 0)  # a copy: a view would outlive the image
    if values.dtype.kind == "f" or values.dtype.itemsize > 2:
        values = values.astype(np.float32, copy=False)
    geometry = sitk.Image(image.GetSize(), sitk.sitkUInt8)
    geometry.CopyInformation(image)
    suffix = ".nrrd" if path.suffix.lower() == ".nrrd" else ".mha"
    place = orientation.placed(affine(image), values.shape)
    return Volume(orientation.volume(values), orientation.spacing, place, _Writer(geometry, orientation, suffix))


def grid(path: Path) -> Grid:
    """Shape, spacing and place from the header alone."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO(_READERS[path.suffix.lower()])
    reader.ReadImageInformation()
    place = affine(reader)
    return Orientation.of(place).grid((*reader.GetSize(), 1, 1)[:3], place)


def names_another(path: Path) -> bool:
    """Whether the header of a file names another one, which would be read in the place of its data."""
    if not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return _ELSEWHERE.search(content) is not None


def affine(image: Any) -> npt.NDArray[np.float64]:
    """nibabel's affine (4, 4) of an image of ITK, or of its header."""
    direction = np.array(image.GetDirection()[:9], np.float64).reshape(3, 3)
    found = np.eye(4)
    found[:3, :3] = direction * np.array(image.GetSpacing()[:3])
    found[:3, 3] = image.GetOrigin()[:3]
    return np.asarray(_TO_RAS @ found)
