"""Volumes: read from and written to NIfTI, NRRD, MetaImage and DICOM, always with the same axes."""

from modicum.images.volumes.reading import is_volume, read_volume, read_volume_mask, volume_shape, write_volume_mask
from modicum.images.volumes.volume import Volume

__all__ = ["Volume", "is_volume", "read_volume", "read_volume_mask", "volume_shape", "write_volume_mask"]
