"""Pictures as the files that a browser shows."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from modicum.evaluation import overlay

Pixels = npt.NDArray[np.uint8]

_THUMBNAIL = 320  # pixels, the longer edge


def as_png(picture: npt.NDArray[Any]) -> bytes:
    """A picture (H, W, 3) or mask (H, W) without loss, quickly."""
    return cv2.imencode(".png", picture[..., ::-1] if picture.ndim == 3 else picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])[
        1
    ].tobytes()


def thumbnail(picture: Pixels, numbers: Pixels | None) -> bytes:
    """A small JPEG of a picture (H, W, 3), its mask (H, W) laid over it."""
    scale = min(1.0, _THUMBNAIL / max(picture.shape[:2]))
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    if numbers is not None:
        small = overlay(small, np.asarray(cv2.resize(numbers, size, interpolation=cv2.INTER_NEAREST), np.uint8))
    return cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()
