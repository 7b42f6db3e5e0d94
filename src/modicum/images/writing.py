"""Writing PNG files that are either complete or not there."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from modicum.errors import ModicumError

_REMEDIES = {
    errno.ENOSPC: "The disk is full: make room, or write elsewhere.",
    errno.EDQUOT: "Your share of the disk is used up: make room, or write elsewhere.",
    errno.EROFS: "The disk is read-only: write elsewhere.",
    errno.EACCES: "The folder may not be written to: change its permissions, or write elsewhere.",
    errno.EPERM: "The folder may not be written to: change its permissions, or write elsewhere.",
    errno.ENOENT: "The folder does not exist: create it first.",
}


def write_mask(path: Path | str, mask: npt.NDArray[Any]) -> None:
    """Write a mask (H, W), uint8 or uint16, as PNG, whatever the suffix of `path`.

    Raises:
        ModicumError: the file cannot be written; an older file of that name is then untouched.
    """
    if mask.ndim != 2 or mask.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"a mask is (H, W) of uint8 or uint16, not {mask.shape} of {mask.dtype}")
    _write_png(Path(path), mask)


def write_picture(path: Path | str, picture: npt.NDArray[Any]) -> None:
    """Write a picture (H, W, 3) RGB or (H, W, 1) grey, uint8 or uint16, as PNG, whatever the suffix of `path`.

    Raises:
        ModicumError: the file cannot be written; an older file of that name is then untouched.
    """
    if picture.ndim != 3 or picture.shape[2] not in (1, 3) or picture.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"a picture is (H, W, 1 or 3) of uint8 or uint16, not {picture.shape} of {picture.dtype}")
    _write_png(Path(path), picture[..., ::-1] if picture.shape[2] == 3 else picture)


def _write_png(path: Path, pixels: npt.NDArray[Any]) -> None:
    done, data = cv2.imencode(".png", np.ascontiguousarray(pixels))
    if not done:
        raise ValueError(f"pixels {pixels.shape} of {pixels.dtype} cannot be encoded as PNG")
    unfinished = path.with_name(f".{path.name[:100]}.{os.getpid()}.part")
    try:
        try:
            unfinished.write_bytes(data.tobytes())
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise ModicumError(
            f"cannot be written ({error.strerror or error}).",
            file=path,
            remedy=_REMEDIES.get(error.errno or 0, "Write to another folder."),
        ) from None
