"""Many small pictures with their outlines on one sheet."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from modicum.evaluation import overlay

_TILE, _ROW = 240, 5  # pixels of a picture, pictures in a row

Picture = npt.NDArray[np.uint8]


def thumbnail(picture: Picture, numbers: npt.NDArray[np.uint8]) -> Picture:
    """A picture (H, W, 3), made small, with the outlines of its class numbers (H, W)."""
    scale = _TILE / max(numbers.shape)
    size = max(1, round(numbers.shape[1] * scale)), max(1, round(numbers.shape[0] * scale))
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    return overlay(small, np.asarray(cv2.resize(numbers, size, interpolation=cv2.INTER_NEAREST), np.uint8))


def contact_sheet(thumbs: Sequence[Picture], captions: Sequence[str]) -> Picture:
    """Pictures in rows of five, each with a few letters in its corner."""
    rows = -(-len(thumbs) // _ROW)
    sheet = np.full((rows * _TILE, _ROW * _TILE, 3), 255, np.uint8)
    for number, (thumb, caption) in enumerate(zip(thumbs, captions, strict=True)):
        y, x = (number // _ROW) * _TILE, (number % _ROW) * _TILE
        sheet[y : y + thumb.shape[0], x : x + thumb.shape[1]] = thumb
        for colour, width in (((0, 0, 0), 4), ((255, 255, 255), 1)):
            cv2.putText(sheet, caption, (x + 8, y + 26), cv2.FONT_HERSHEY_SIMPLEX, 0.8, colour, width, cv2.LINE_AA)
    return sheet
