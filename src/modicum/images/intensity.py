"""From the pixel values of a file to the numbers that a network sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from modicum.errors import ModicumError
from modicum.images.preparations import PREPARATIONS

Levels = npt.NDArray[np.float32]


def working_pixels(
    picture: npt.NDArray[Any], channels: int, *, grey: bool = False, prepare: Sequence[Mapping[str, Any]] = ()
) -> npt.NDArray[np.uint8]:
    """The picture (H, W, C) as 8-bit with 1 or 3 channels: how it is kept in memory.

    Grey pictures are repeated over three channels where those are asked for; with `grey`, colour is turned to luminance.

    16-bit and float pictures are stretched over their `usual_range`, each picture for itself.

    Args:
        prepare: preparations by name and options, in their order.

    Raises:
        ModicumError: a colour picture where the model knows grey ones only, or a picture without any finite value.
    """
    if picture.dtype != np.uint8:
        values = picture.astype(np.float32)
        finite = values[np.isfinite(values)]
        if not finite.size:
            raise ModicumError(
                "none of the picture's values is a number: all are NaN or infinite.",
                remedy="Export the picture again, or leave it out.",
            )
        low, high = usual_range(finite)
        above = np.nan_to_num(values, nan=low) - np.float64(low)
        picture = np.clip(above * (255.0 / max(high - low, 1e-12)), 0, 255).astype(np.uint8)
    if grey and picture.shape[2] == 3:
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], np.uint8)
    for step in prepare:
        picture = PREPARATIONS.build(step)(picture)
    if picture.shape[2] == channels:
        return np.ascontiguousarray(picture)
    if picture.shape[2] == 1:
        return np.repeat(picture, channels, axis=2)
    if channels == 1 and bool((picture == picture[..., :1]).all()):
        return np.ascontiguousarray(picture[..., :1])
    raise ModicumError(
        f"the picture has {picture.shape[2]} channels, the model expects {channels}.",
        remedy="Convert it, or train with --set images.grey=true.",
    )


def usual_range(values: npt.NDArray[Any]) -> tuple[float, float]:
    """The .5 and 99.5 percentiles of finite values; the least and the greatest where nearly all of them are the same."""
    low, high = (float(v) for v in np.percentile(values, [0.5, 99.5]))
    return (low, high) if low < high else (float(values.min()), float(values.max()))


@dataclass(frozen=True)
class Intensity:
    """Normalisation of 8-bit pixels: (v / 255 - mean) / sd for each channel.

    With `per_picture`, mean and sd are the picture's own (uneven staining, different cameras); otherwise they are those
    of the training pictures, so that brightness itself keeps its meaning.
    """

    mean: tuple[float, ...]
    sd: tuple[float, ...]
    per_picture: bool = False
    grey: bool = False  # colour pictures are turned grey first

    @classmethod
    def of(cls, pictures: Sequence[npt.NDArray[np.uint8]], *, per_picture: bool, grey: bool = False) -> Intensity:
        """Mean and standard deviation of each channel over pictures (H, W, C)."""
        statistics = np.mean([_mean_and_square(p) for p in pictures], axis=0)
        sd = np.sqrt(np.maximum(statistics[1] - statistics[0] ** 2, 1e-4))
        return cls(tuple(statistics[0].tolist()), tuple(sd.tolist()), per_picture, grey)

    @property
    def channels(self) -> int:
        return len(self.mean)

    def scale(self, picture: npt.NDArray[np.uint8]) -> tuple[Levels, Levels]:
        """Mean and standard deviation (C,) by which this picture is normalised."""
        one = Intensity.of([picture], per_picture=False) if self.per_picture else self
        return np.array(one.mean, np.float32), np.array(one.sd, np.float32)


def _mean_and_square(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """First two moments of each channel, values 0 to 1; (2, C). By way of the histogram: no float copy is made."""
    levels = np.arange(256) / 255
    counts = np.stack([np.bincount(picture[..., c].ravel(), minlength=256) for c in range(picture.shape[2])], axis=1)
    share = counts / counts.sum(axis=0)
    return np.stack([levels @ share, levels**2 @ share])
