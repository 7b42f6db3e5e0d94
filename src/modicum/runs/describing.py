"""One vector for a picture, by which pictures are told alike or unlike."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import torch

from modicum.bundle import Bundle
from modicum.errors import ModicumError
from modicum.starts.pooled import Pooled

_SIDE = 128  # of the picture that is described


class Description:
    """What the model's encoder sees in a whole picture; without one, its colours in a 4x4 grid."""

    def __init__(self, bundle: Bundle) -> None:
        self.intensity = bundle.intensity
        try:
            self.pooled: Pooled | None = Pooled(bundle.network().eval())
        except ModicumError:
            self.pooled = None

    @torch.inference_mode()
    def __call__(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """(d,) of working pixels (H, W, C)."""
        small = cv2.resize(pixels, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).reshape(_SIDE, _SIDE, -1)
        if self.pooled is None:
            return np.asarray(cv2.resize(small, (4, 4), interpolation=cv2.INTER_AREA), np.float64).ravel()
        mean, sd = self.intensity.scale(pixels)
        image = ((small / 255 - mean) / sd).astype(np.float32)
        return np.asarray(self.pooled(torch.from_numpy(image).permute(2, 0, 1)[None])[0].double().numpy())
