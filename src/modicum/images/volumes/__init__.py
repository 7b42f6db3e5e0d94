"""Volumes: read from and written to NIfTI, NRRD, MetaImage and DICOM, always with the same axes."""

from modicum.images.formats import is_volume
from modicum.images.volumes.cache import cached_grid, cached_mask, cached_volume
from modicum.images.volumes.reading import (
    mask_suffix,
    read_volume,
    read_volume_mask,
    volume_grid,
    write_mask_file,
    write_volume_mask,
)
from modicum.images.volumes.slicing import Slicing, as_shown, brought_back
from modicum.images.volumes.volume import Volume

__all__ = [
    "Slicing",
    "Volume",
    "as_shown",
    "brought_back",
    "cached_grid",
    "cached_mask",
    "cached_volume",
    "is_volume",
    "mask_suffix",
    "read_volume",
    "read_volume_mask",
    "volume_grid",
    "write_mask_file",
    "write_volume_mask",
]
