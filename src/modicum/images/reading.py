"""Reading: pixels out of a file, or an error that says which file and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from modicum.errors import ModicumError
from modicum.images.formats import FORMATS, PICTURE_SUFFIXES, Format, is_volume, picture_suffix

T = TypeVar("T")


def read_picture(path: Path | str) -> npt.NDArray[Any]:
    """The picture (H, W, C), C = 1 (grey) or 3 (RGB), as uint8, uint16 or float32, upright (EXIF orientation applied).

    Alpha is dropped, a palette becomes RGB, 1-bit becomes 0/255; RGB with three equal channels stays RGB.

    Raises:
        ModicumError: missing, empty, truncated, no picture, several pages, or a format that is not read.
    """
    return _read(Path(path), lambda f: f.picture)


def read_mask(path: Path | str) -> npt.NDArray[Any]:
    """Raw values of a mask: (H, W), or (H, W, 3) where it is coloured. Upright; alpha dropped; 1-bit is 0/255.

    A palette picture gives its indices, but grey values where its palette is grey (GIF masks). RGB with three equal
    channels is given as (H, W). Of a volume's labels the slices, one below the other.

    Raises:
        ModicumError: as `read_picture`.
    """
    if is_volume(path):
        from modicum.images.volumes import cached_mask

        volume = cached_mask(Path(path))
        return volume.reshape(-1, volume.shape[-1])
    values: npt.NDArray[Any] = _read(Path(path), lambda f: f.mask)
    if values.ndim == 3 and (values.shape[2] == 1 or _grey(values)):
        return np.ascontiguousarray(values[..., 0])
    return values


def picture_size(path: Path | str) -> tuple[int, int]:
    """(height, width) upright, from the header alone.

    Raises:
        ModicumError: as `read_picture`, but a truncated file may pass.
    """
    return _read(Path(path), lambda f: f.size)


def _grey(values: npt.NDArray[Any]) -> bool:
    return bool(np.array_equal(values[..., 0], values[..., 1]) and np.array_equal(values[..., 0], values[..., 2]))


def _read(path: Path, question: Callable[[Format], Callable[[Path], T]]) -> T:
    known = FORMATS.get(picture_suffix(path))
    if known is None:
        if is_volume(path):
            raise ModicumError(
                "this is a volume, and no picture.", file=path, remedy="`modicum predict` reads volumes; here give a picture."
            )
        raise ModicumError(
            f"'{picture_suffix(path) or path.name}' is no picture format that is read.",
            file=path,
            remedy=f"Save it as PNG. Known: {' '.join(PICTURE_SUFFIXES)}.",
        )
    try:
        if path.stat().st_size == 0:
            raise ModicumError("the file is empty (0 bytes).", file=path, remedy="Copy or export it again.")
        return question(known)(path)
    except ModicumError:
        raise
    except FileNotFoundError:
        raise ModicumError("there is no such file.", file=path) from None
    except PermissionError:
        raise ModicumError("may not be read.", file=path, remedy="Change the file's permissions.") from None
    except MemoryError:
        raise ModicumError("is too large for this computer's memory.", file=path, remedy="Cut it into tiles.") from None
    except Exception as error:  # decoders raise nearly anything on a broken file
        raise ModicumError(
            f"cannot be read as a picture: {_reason(error)}.",
            file=path,
            remedy="It is damaged, incomplete or not what its name says; copy or export it again, or remove it.",
        ) from None


def _reason(error: Exception) -> str:
    text = str(error).partition("\n")[0].rstrip(". ")
    return "no known picture format" if "cannot identify image file" in text else text or type(error).__name__
