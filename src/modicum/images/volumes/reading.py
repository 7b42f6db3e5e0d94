"""Which reader reads which volume, and errors that say which file and what to do."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from modicum.errors import ModicumError
from modicum.images.failures import explained
from modicum.images.formats import is_dicom, picture_suffix
from modicum.images.volumes.volume import Grid, Mask, Volume

_WRITTEN = {".nii": ".nii.gz", ".mhd": ".mha"}  # suffix of the masks of volumes; else their own
_FORMATS = {".nii": "nifti", ".nii.gz": "nifti", ".nrrd": "itk", ".mha": "itk", ".mhd": "itk", ".dcm": "dicom"}


def _reader(path: Path) -> Any:
    """The module that reads a file; its library is imported now and not before. None where there is none."""
    name = _FORMATS.get(picture_suffix(path)) or ("dicom" if is_dicom(path) else None)
    return None if name is None else importlib.import_module(f"modicum.images.volumes.{name}")


def read_volume(path: Path | str) -> Volume:
    """A volume; of DICOM the whole series to which the file belongs.

    Raises:
        ModicumError: missing, empty, damaged, or no volume.
    """
    found: Volume = _asked(Path(path), "read")
    return found


def read_volume_mask(path: Path | str) -> npt.NDArray[Any]:
    """Values (D, H, W) of a label file, whole numbers as they stand in it.

    Raises:
        ModicumError: as `read_volume`; several channels, or values that are no whole numbers.
    """
    return mask_values(read_volume(path), path)


def mask_values(volume: Volume, path: Path | str) -> npt.NDArray[Any]:
    """As `read_volume_mask`, of a volume that was read from a path."""
    if volume.channels > 1:
        problem = f"this label has {volume.channels} channels, and one is needed."
        raise ModicumError(problem, file=path, remedy="Save class numbers in one channel.")
    values = volume.values
    whole = np.rint(values)
    if values.dtype.kind == "f" and not (np.isfinite(values).all() and np.allclose(values, whole, atol=1e-3)):
        raise ModicumError("label values must be whole numbers.", file=path, remedy="Save the labels without interpolation.")
    smallest = np.result_type(np.min_scalar_type(int(whole.min(initial=0))), np.min_scalar_type(int(whole.max(initial=0))))
    return np.asarray(whole.astype(smallest))


def volume_grid(path: Path | str) -> Grid:
    """Shape (D, H, W) and spacing from the header alone.

    Raises:
        ModicumError: as `read_volume`, but a truncated file may pass.
    """
    found: Grid = _asked(Path(path), "grid")
    return found


def write_volume_mask(volume: Volume, mask: Mask, folder: Path, name: str, classes: tuple[str, ...]) -> Path:
    """Write class numbers (D, H, W) in the geometry and format of a volume, whole or not at all.

    Args:
        name: of the file, without suffix.
        classes: names of class 1, 2, ...

    Raises:
        ModicumError: the file cannot be written.
    """
    path = folder / f"{name}{volume.write.suffix}"
    write_mask_file(volume, mask, path, classes)
    return path


def mask_suffix(path: Path) -> str:
    """The suffix of the masks that belong to a volume, from its name alone."""
    own = ".dcm" if is_dicom(path) else picture_suffix(path)
    return _WRITTEN.get(own, own)


def write_mask_file(volume: Volume, mask: Mask, path: Path, classes: tuple[str, ...]) -> None:
    """As `write_volume_mask`, to a path; its suffix must be one that the volume's masks can have."""
    suffix = picture_suffix(path)
    if suffix == ".dcm" and volume.write.suffix != suffix:
        problem = "no DICOM segmentation can refer to these pictures, which lack what tells them apart or where they lie."
        raise ModicumError(problem, file=path, remedy="Convert them to NIfTI and open these.")
    unfinished = path.with_name(f".{path.name[: -len(suffix)][:80]}.{os.getpid()}.part{suffix}")
    try:
        try:
            volume.write(mask, unfinished, classes)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except (OSError, RuntimeError) as error:
        raise ModicumError(f"cannot be written ({error}).", file=path, remedy="Check disk space and permissions.") from None


def _asked(path: Path, question: Literal["read", "grid"]) -> Any:
    reader = _reader(path)
    if reader is None:
        raise ModicumError(f"this is no volume that is read; known: {' '.join(_FORMATS)}.", file=path)
    with explained(path, "a volume"):
        return getattr(reader, question)(path)
