"""PNG, JPEG, GIF, BMP, WEBP, PPM and PGM, by way of Pillow; `.gz` around any of them."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from modicum.errors import ModicumError
from modicum.images.orientation import TAG, upright, upright_size

Pixels = npt.NDArray[Any]

Image.MAX_IMAGE_PIXELS = 2**32  # pathology slides are larger than Pillow's guard against decompression bombs allows

_ANIMATED = ("GIF", "PNG", "WEBP")  # a JPEG with several frames (MPO) is a photograph with its preview


def picture(path: Path) -> Pixels:
    """Colour or grey (H, W, 3 or 1)."""
    with _open(path) as image:
        return upright(_picture(image, path), _orientation(image))


def mask(path: Path) -> Pixels:
    """Raw values (H, W) or (H, W, 3); of a palette its index, unless the palette is grey."""
    with _open(path) as image:
        if image.mode == "P" and not _grey_palette(image):
            values: Pixels = np.asarray(image)
        elif image.mode == "P":
            values = np.asarray(image.convert("L"))
        elif image.format == "PPM" and image.mode in ("L", "I", "I;16"):  # Pillow stretches them to the type's whole range
            values = _pgm(path)
        else:
            values = _picture(image, path)
        return upright(values, _orientation(image))


def palette(path: Path) -> Pixels | None:
    """The colours (256, 3) uint8 of the indices that `mask` gives, or None where it gives none."""
    with _open(path) as image:
        if image.mode != "P" or _grey_palette(image):
            return None
        stated = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
        return np.concatenate([stated, np.zeros((256 - len(stated), 3), np.uint8)])


def size(path: Path) -> tuple[int, int]:
    """(height, width) from the header."""
    with _open(path) as image:
        orientation = _orientation(image) if image.format != "PNG" or _may_be_turned(image) else 1
        return upright_size(image.height, image.width, orientation)


def as_pixels(image: Image.Image) -> Pixels:
    """A Pillow picture of any mode as (H, W, 1 or 3) uint8, uint16 or float32."""
    if image.mode == "1":
        return np.asarray(image.convert("L"))[..., None]
    if image.mode in ("L", "LA", "La"):
        return np.asarray(image if image.mode == "L" else image.convert("LA").getchannel(0))[..., None]
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)[..., None]
    if image.mode == "I":
        values = np.asarray(image)[..., None]
        fits = values.size and values.min() >= 0 and values.max() <= 65535
        return values.astype(np.uint16 if fits else np.float32)
    if image.mode == "F":
        return np.asarray(image).astype(np.float32)[..., None]
    if image.mode == "RGBa":
        image = image.convert("RGBA")
    return np.asarray(image.convert("RGB"))


def _picture(image: Image.Image, path: Path) -> Pixels:
    pixels = as_pixels(image)  # decodes, and raises on a truncated file
    if image.format == "PNG" and image.mode in ("RGB", "RGBA") and _png_depth(path) == 16:
        deep = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
        if deep is not None and deep.dtype == np.uint16 and deep.ndim == 3:
            return deep[..., 2::-1]  # Pillow would keep only 8 of the 16 bits
    return pixels


def _open(path: Path) -> ImageFile.ImageFile:
    if path.suffix.lower() == ".gz":
        with gzip.open(path) as packed:
            image = Image.open(io.BytesIO(packed.read()))
    else:
        image = Image.open(path)
    if image.format in _ANIMATED and getattr(image, "n_frames", 1) > 1:
        frames = getattr(image, "n_frames", 1)
        image.close()
        raise ModicumError(
            f"holds {frames} pictures, one after the other.", file=path, remedy="Save each as a file of its own."
        )
    return image


def _orientation(image: Image.Image) -> int:
    return int(image.getexif().get(TAG, 1) or 1)


def _may_be_turned(image: ImageFile.ImageFile) -> bool:
    """Whether a PNG has a chunk that may say how it is to be turned; to look into them Pillow would decode it."""
    file = image.fp
    if file is None:
        return True
    begun = file.tell()
    file.seek(8)  # after the signature: chunks of length, name, data and checksum
    found = False
    while not found and len(head := file.read(8)) == 8:
        found = head[4:] in (b"eXIf", b"tEXt", b"zTXt", b"iTXt")
        file.seek(int.from_bytes(head[:4], "big") + 4, io.SEEK_CUR)
    file.seek(begun)
    return found


def _grey_palette(image: Image.Image) -> bool:
    """Whether a palette's colours are greys, those that are used all different."""
    colours = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    used = np.unique(np.asarray(image))
    known = used[used < len(colours)]
    return bool((colours == colours[:, :1]).all()) and len(np.unique(colours[known, 0])) == len(used)


def _pgm(path: Path) -> Pixels:
    packed = path.read_bytes()
    whole = gzip.decompress(packed) if path.suffix.lower() == ".gz" else packed
    values = cv2.imdecode(np.frombuffer(whole, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise ValueError("the file ends before its pixels do")
    return values


def _png_depth(path: Path) -> int:
    with path.open("rb") as file:
        header = file.read(25)
    return header[24]
