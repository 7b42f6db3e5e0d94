"""Pictures for the page: made small, encoded, and put inline."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from modicum.evaluation.pictures import difference, mask_picture

if TYPE_CHECKING:
    from modicum.evaluation.report.data import Example

_LONGEST = 480  # pixels
_QUALITY = 82


def panels(example: Example, classes: int) -> list[tuple[str, str]]:
    """(caption, data URI) of the picture, the truth, the prediction and their differences."""
    drawn = {
        "Picture": example.image,
        "Truth": mask_picture(example.truth, classes),
        "Prediction": mask_picture(example.prediction, classes),
        "Differences": difference(example.image, example.truth, example.prediction, example.valid),
    }
    return [(caption, data_uri(picture)) for caption, picture in drawn.items()]


def data_uri(picture: npt.NDArray[np.uint8]) -> str:
    """A picture (H, W, 3) as JPEG in a data URI, at most 480 pixels long; drawn at full size, then averaged down."""
    height, width = picture.shape[:2]
    scale = min(1.0, _LONGEST / max(height, width))
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    # 4:4:4 colour: thin coloured lines stay sharp
    settings = [
        cv2.IMWRITE_JPEG_QUALITY,
        _QUALITY,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), settings)
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")
