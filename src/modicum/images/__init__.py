"""One picture: its pixels, read from and written to every format."""

from modicum.images.formats import PICTURE_SUFFIXES, is_picture, picture_suffix
from modicum.images.reading import mask_palette, picture_size, read_mask, read_picture
from modicum.images.writing import write_mask, write_picture

__all__ = [
    "PICTURE_SUFFIXES",
    "is_picture",
    "mask_palette",
    "picture_size",
    "picture_suffix",
    "read_mask",
    "read_picture",
    "write_mask",
    "write_picture",
]
