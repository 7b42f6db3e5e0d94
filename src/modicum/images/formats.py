"""Which reader reads which file: one table, suffix -> format. A new format is one new line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from modicum.images import raster, tiff

Pixels = npt.NDArray[Any]


@dataclass(frozen=True)
class Format:
    """The questions that a file format answers. Each may raise anything on a broken file."""

    picture: Callable[[Path], Pixels]  # (H, W, 1 or 3) uint8, uint16 or float32
    mask: Callable[[Path], Pixels]  # raw values (H, W) or (H, W, 3)
    palette: Callable[[Path], Pixels | None]  # colours (N, 3) uint8 of a mask's indices; None: it has no palette
    size: Callable[[Path], tuple[int, int]]  # (height, width), from the header


_RASTER = Format(raster.picture, raster.mask, raster.palette, raster.size)
_TIFF = Format(tiff.picture, tiff.mask, tiff.palette, tiff.size)

FORMATS: dict[str, Format] = {
    ".png": _RASTER,
    ".jpg": _RASTER,
    ".jpeg": _RASTER,
    ".jpe": _RASTER,
    ".jfif": _RASTER,
    ".gif": _RASTER,
    ".bmp": _RASTER,
    ".webp": _RASTER,
    ".ppm": _RASTER,
    ".pgm": _RASTER,
    ".ppm.gz": _RASTER,
    ".pgm.gz": _RASTER,
    ".tif": _TIFF,
    ".tiff": _TIFF,
}
PICTURE_SUFFIXES: tuple[str, ...] = tuple(FORMATS)
UNREAD_SUFFIXES = (
    *(".jp2", ".j2k", ".jxl", ".heic", ".heif", ".avif", ".psd", ".dng"),
    *(".svs", ".ndpi", ".mrxs", ".scn", ".vsi", ".bif", ".czi", ".lif", ".nd2", ".oib"),  # of slides and microscopes
)
_OF_DICOM = ("", ".ima", ".dicom", ".dic", ".mr", ".ct", ".img")
VOLUME_SUFFIXES = (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".dcm")


def picture_suffix(path: Path | str) -> str:
    """The suffix by which a file is read, in lower case, with a `.gz` and what stands before it."""
    suffixes = [s.lower() for s in Path(path).suffixes[-2:]]
    return "".join(suffixes) if suffixes[-1:] == [".gz"] else "".join(suffixes[-1:])


def is_picture(path: Path | str) -> bool:
    """Whether the name is that of a picture that can be read; hidden files (`._x.png` of macOS) are none."""
    return picture_suffix(path) in FORMATS and not Path(path).name.startswith(".")


def is_volume(path: Path | str) -> bool:
    """Whether a file is a volume or a slice of one, by its name or, without a suffix, by its first bytes."""
    path = Path(path)
    return not path.name.startswith(".") and (picture_suffix(path) in VOLUME_SUFFIXES or is_dicom(path))


def is_dicom(path: Path | str) -> bool:
    """Whether a file says that it is DICOM: by its suffix, or by the mark after its preamble.

    The mark is looked for where there is no suffix, one as of a UID (`CT.1.2.840.7`), or one that DICOM often has.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".dcm":
        return True
    if path.name.startswith(".") or not (suffix in _OF_DICOM or suffix[1:].isdigit()):
        return False
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False
