"""What may be done to every picture before anything else looks at it: each step turns 8-bit pixels into 8-bit pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy import ndimage

from modicum.tables import Table

Pixels = npt.NDArray[np.uint8]
Preparation = Callable[[Pixels], Pixels]
"""Pixels (H, W, C) to pixels (H, W, C), or (H, W, 1) where one channel is taken."""

PREPARATIONS: Table[Preparation] = Table("preparation")
OF_COLOURS = ("green", "clahe")  # they take three channels for red, green and blue
_SPREAD = 3.0  # standard deviations on either side of the mean that 8 bits tell apart
_DARK = 0.15  # of the brightness within the field of view


@PREPARATIONS.register("green")
def green() -> Preparation:
    """The green channel alone, in which vessels of the retina have most contrast."""
    return lambda pixels: np.ascontiguousarray(pixels[..., 1:2]) if pixels.shape[2] == 3 else pixels


@PREPARATIONS.register("clahe", "Zuiderveld 1994, contrast limited adaptive histogram equalisation (SYSTEMS E4)")
def clahe(*, clip: Annotated[float, Field(gt=0)] = 2.0, tiles: Annotated[int, Field(ge=1)] = 8) -> Preparation:
    """Histogram equalisation in tiles, of the lightness of colour pictures; `clip` limits how much contrast is raised."""

    def equalised(pixels: Pixels) -> Pixels:
        equaliser = cv2.createCLAHE(clip, (tiles, tiles))
        if pixels.shape[2] == 3:
            lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)
            lab[..., 0] = equaliser.apply(lab[..., 0])
            return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))
        return np.stack([equaliser.apply(np.ascontiguousarray(pixels[..., c])) for c in range(pixels.shape[2])], axis=-1)

    return equalised


@PREPARATIONS.register("contrast", "local contrast normalisation, Jarrett et al. 2009 (SYSTEMS E4)")
def contrast(*, radius: Annotated[float, Field(gt=0, lt=1)] = 0.05) -> Preparation:
    """Every pixel less the mean around it, by the spread around it; `radius` is a share of the longer side."""

    def normalised(pixels: Pixels) -> Pixels:
        sigma, values = radius * max(pixels.shape[:2]), pixels.astype(np.float32)
        mean = _blurred(values, sigma)
        spread = np.sqrt(np.maximum(_blurred(values**2, sigma) - mean**2, 1.0))
        return _levels((values - mean) / np.maximum(spread, spread.mean(axis=(0, 1)) / 2))

    return normalised


@PREPARATIONS.register("whiten", "Olshausen & Field 1997, equation 14 (SYSTEMS E4)")
def whiten(*, cutoff: Annotated[float, Field(gt=0, le=0.5)] = 0.2) -> Preparation:
    """Every frequency as strong as the others, up to `cutoff` cycles a pixel, beyond which there is mostly noise."""

    def whitened(pixels: Pixels) -> Pixels:
        height, width = pixels.shape[:2]
        wide = np.pad(pixels.astype(np.float32), ((0, height), (0, width), (0, 0)), mode="symmetric")  # no jump at the edge
        y, x = np.fft.fftfreq(2 * height), np.fft.rfftfreq(2 * width)
        frequency = np.hypot(y[:, None], x[None])
        response = (frequency * np.exp(-((frequency / cutoff) ** 4)))[..., None]
        flat = np.fft.irfft2(np.fft.rfft2(wide, axes=(0, 1)) * response, s=wide.shape[:2], axes=(0, 1))
        flat = flat[:height, :width]
        return _levels(flat / np.maximum(flat.std(axis=(0, 1)), 1e-6))

    return whitened


@PREPARATIONS.register("fill_outside", "Azzopardi et al. 2015, section 3.1; Soares et al. 2006")
def fill_outside() -> Preparation:
    """Outside of a camera's round field of view what lies nearest inside, so that its rim is no edge."""

    def filled(pixels: Pixels) -> Pixels:
        inside = field_of_view(pixels)
        if inside.all():
            return pixels
        nearest: Any = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
        smooth = np.stack([cv2.medianBlur(np.ascontiguousarray(pixels[..., c]), 5) for c in range(pixels.shape[2])], axis=-1)
        return np.where(inside[..., None], pixels, smooth[nearest[0], nearest[1]])

    return filled


def field_of_view(pixels: Pixels, *, rim: bool = True) -> npt.NDArray[np.bool_]:
    """(H, W): all but what is dark up to the picture's edge and, with `rim`, a few pixels beside it; all if little is dark."""
    bright = pixels.max(axis=2).astype(np.float32)
    dark = cv2.blur(bright, (5, 5)) < _DARK * float(np.percentile(bright, 90))
    parts, _ = ndimage.label(np.pad(dark, 1, constant_values=True))
    outside = parts[1:-1, 1:-1] == parts[0, 0]
    if outside.mean() < 0.02:
        return np.ones(dark.shape, bool)
    if not rim:
        return np.asarray(~outside)
    return np.asarray(ndimage.distance_transform_edt(~outside) > max(3, round(0.01 * max(dark.shape))))


def _blurred(values: npt.NDArray[np.float32], sigma: float) -> npt.NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REFLECT), np.float32).reshape(values.shape)


def _levels(values: npt.NDArray[Any]) -> Pixels:
    """Standard deviations about 0 as 8 bits."""
    return np.asarray(np.clip(np.rint((values / _SPREAD + 1) * 127.5), 0, 255), np.uint8)
