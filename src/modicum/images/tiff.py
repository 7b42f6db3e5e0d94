"""TIFF of 1 to 32 bits, by way of tifffile; compressions that it lacks by way of Pillow, deep colours among them by OpenCV."""

from __future__ import annotations

import logging
import math
import struct
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from modicum.errors import ModicumError
from modicum.images import raster
from modicum.images.orientation import TAG, upright, upright_size

Pixels = npt.NDArray[Any]

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what is wrong with a file is said by our error

_WHITE_IS_ZERO, _RGB, _PALETTE, _SEPARATED = 0, 2, 3, 5
_INTERLEAVED = 1
_PAGES = 64  # looked at: a damaged file may claim any number of them


def picture(path: Path) -> Pixels:
    """Colour or grey (H, W, 3 or 1)."""
    with tifffile.TiffFile(path) as file:
        page = _only_page(file, path)
        values = _values(page, path)
        if page.photometric == _PALETTE and values.shape[2] == 1:
            values = _palette(page)[values[..., 0]]
        return upright(values, _orientation(page))


def mask(path: Path) -> Pixels:
    """Raw values (H, W) or (H, W, 3); of a palette its index, unless the palette is grey."""
    with tifffile.TiffFile(path) as file:
        page = _only_page(file, path)
        values = _values(page, path)
        if page.photometric == _PALETTE and _is_grey(colours := _palette(page), values):
            values = colours[values[..., 0]][..., :1]
        return upright(values, _orientation(page))


def palette(path: Path) -> Pixels | None:
    """The colours (N, 3) uint8 of the indices that `mask` gives, or None where it gives none."""
    with tifffile.TiffFile(path) as file:
        page = _only_page(file, path)
        if page.photometric != _PALETTE:
            return None
        return None if _is_grey(colours := _palette(page), _values(page, path)) else colours


def _is_grey(palette: npt.NDArray[np.uint8], values: Pixels) -> bool:
    """Whether the colours of a palette are greys, those that are used all different."""
    used = np.unique(values)
    return bool((palette == palette[:, :1]).all()) and len(np.unique(palette[used, 0])) == len(used)


def size(path: Path) -> tuple[int, int]:
    """(height, width) from the header."""
    with tifffile.TiffFile(path) as file:
        page = _only_page(file, path)
        return upright_size(page.imagelength, page.imagewidth, _orientation(page))


def _only_page(file: tifffile.TiffFile, path: Path) -> tifffile.TiffPage:
    """The one picture of the file; smaller copies of it (pyramids, previews) are passed over."""
    pages = [p.aspage() for p in islice(file.pages, _PAGES + 1)]
    if not pages:
        raise ValueError("no picture is in it")
    full = [p for p in pages if not p.is_reduced] or pages
    first = full[0]
    smaller = all(p.imagelength < first.imagelength and p.imagewidth < first.imagewidth for p in full[1:])
    if (len(full) > 1 and not smaller) or first.imagedepth > 1:
        held = f"more than {_PAGES}" if len(pages) > _PAGES else str(max(len(full), first.imagedepth))
        raise ModicumError(
            f"holds {held} pages; stacks and volumes cannot be read yet.",
            file=path,
            remedy="Save each slice or page as a file of its own (and the channels of one picture as RGB).",
        )
    return first


def _values(page: tifffile.TiffPage, path: Path) -> Pixels:
    """Stored samples (H, W, 1 or 3) uint8, uint16 or float32, alpha dropped."""
    values = _decode(page, path)
    if values.shape[2] not in (1, 3):
        raise ModicumError(
            f"has {values.shape[2]} channels; pictures with 1 (grey) or 3 (RGB) are read.",
            file=path,
            remedy="Save the channels that matter as grey or RGB.",
        )
    if values.dtype == np.bool_:
        return (values ^ (page.photometric == _WHITE_IS_ZERO)).astype(np.uint8) * np.uint8(255)
    if page.photometric == _WHITE_IS_ZERO and values.dtype in (np.uint8, np.uint16):
        return np.iinfo(values.dtype).max - values
    if values.dtype in (np.uint8, np.uint16, np.float32):
        return values
    fits = values.dtype.kind in "iu" and values.min() >= 0 and values.max() <= 65535
    return values.astype(np.uint16 if fits else np.float32)


def _decode(page: tifffile.TiffPage, path: Path) -> Pixels:
    _complete(page, path)
    if page.photometric == _SEPARATED:
        return _otherwise(page, path)
    try:
        values = page.asarray()
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        return _otherwise(page, path)
    if page.axes == "SYX":  # channels stored one after the other
        values = np.moveaxis(values, 0, -1)
    if values.ndim == 2:
        values = values[..., None]
    alpha = sum(int(kind) in (1, 2) for kind in page.extrasamples) or int(values.shape[2] == 4 and len(page.extrasamples) == 1)
    return values[..., : values.shape[2] - alpha] if 0 < alpha < values.shape[2] else values


def _otherwise(page: tifffile.TiffPage, path: Path) -> Pixels:
    """Stored samples of a page that tifffile alone cannot decode."""
    deep = np.max(page.bitspersample) > 8 and page.samplesperpixel > 1
    return _deep_colour(page, path) if deep and page.photometric != _SEPARATED else _by_pillow(page, path)


def _by_pillow(page: tifffile.TiffPage, path: Path) -> Pixels:
    with Image.open(path) as image:
        image.seek(page.index)
        stored = np.asarray(image)[..., None] if image.mode == "P" else raster.as_pixels(image)
        # Pillow makes white what is white and turns a TIFF upright; the caller does both: what has happened is undone
        if page.photometric == _WHITE_IS_ZERO and image.mode in ("1", "L"):
            stored = 255 - stored
        upright_already = int(image.getexif().get(TAG, 1) or 1) == 1
        return upright(stored, _TURNED_BACK.get(_orientation(page), 1) if upright_already else 1)


_TURNED_BACK = {2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}


def _deep_colour(page: tifffile.TiffPage, path: Path) -> Pixels:
    """Colours of more than 8 bits, of which Pillow would keep 8."""
    found = None
    if page.photometric == _RGB and page.planarconfig == _INTERLEAVED:  # OpenCV mixes up the others
        whole = bytearray(path.read_bytes())
        if (tag := page.tags.get(TAG)) is not None:  # OpenCV would turn it upright, which the caller does
            struct.pack_into(f"{page.parent.byteorder}H", whole, tag.valueoffset, 1)
        pages = cv2.imdecodemulti(np.frombuffer(whole, np.uint8), cv2.IMREAD_UNCHANGED)[1]
        found = pages[page.index] if page.index < len(pages) else None
    if found is None or found.ndim != 3 or found.dtype.itemsize == 1:
        raise ModicumError(
            f"its colours of {page.bitspersample} bits cannot be decompressed ({tifffile.COMPRESSION(page.compression).name}).",
            file=path,
            remedy="pip install imagecodecs reads more; or save it uncompressed.",
        )
    return np.asarray(found[..., 2::-1])


def _complete(page: tifffile.TiffPage, path: Path) -> None:
    """Refuse a file that ends before its pixels do."""
    if len(page.dataoffsets) < math.prod(page.chunked):
        raise ValueError("strips or tiles of the picture are missing")
    end = max((o + n for o, n in zip(page.dataoffsets, page.databytecounts, strict=True)), default=0)
    if end > path.stat().st_size:
        raise ValueError("the file ends before its pixels do")


def _palette(page: tifffile.TiffPage) -> npt.NDArray[np.uint8]:
    """(N, 3) colours; TIFF keeps them with 16 bits, though some programs write 8."""
    colours = np.asarray(page.colormap).T
    return (colours if colours.max(initial=0) < 256 else colours >> 8).astype(np.uint8)


def _orientation(page: tifffile.TiffPage) -> int:
    tag = page.tags.get(TAG)
    return int(tag.value) if tag is not None else 1
