"""Do the labels lie on the pictures? A shifted label trains a network that can never be right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from modicum.errors import Finding

_EDGE = 512  # pictures are looked at with at most this longer side
_REACH = 40  # largest shift looked for, in those pixels


def label_shift(pairs: Sequence[tuple[npt.NDArray[Any], npt.NDArray[Any]]]) -> Finding | None:
    """A warning when most labels would fit their pictures better if all were moved the same way.

    The edges of each label are correlated with the edges of its picture for all shifts; a finding needs the best shifts
    of most pictures to agree, to be well away from zero, and to fit clearly better than no shift.

    Args:
        pairs: picture (H, W, C) uint8 and label (H, W); some ten are enough, fewer than three are not judged.
    """
    shifts, gains, sizes = [], [], []
    for image, label in pairs:
        found = _best_shift(image, label)
        if found is not None:
            shifts.append(found[0])
            gains.append(found[1])
            sizes.append(max(label.shape))
    if len(shifts) < 3:
        return None
    all_shifts = np.array(shifts)
    middle = np.median(all_shifts, axis=0)
    agree = float((np.abs(all_shifts - middle).max(axis=1) <= max(2.0, 0.006 * max(sizes))).mean())
    far = float(np.hypot(*middle)) >= max(3.0, 0.006 * max(sizes))
    if not far or agree < 0.6 or float(np.median(gains)) < 1.25:
        return None
    down, right = (round(float(v)) for v in middle)
    return Finding(
        "warning",
        "labels-shifted",
        f"the labels look shifted against the pictures: in {agree:.0%} of {len(shifts)} pictures their outlines fit best "
        f"when moved {abs(down)} pixels {'down' if down > 0 else 'up'} and {abs(right)} {'right' if right > 0 else 'left'} "
        f"({float(np.median(gains)):.1f} times as well).",
        remedy="Look at an overlay of a label on its picture; export the labels again.",
    )


def _best_shift(image: npt.NDArray[Any], label: npt.NDArray[Any]) -> tuple[tuple[float, float], float] | None:
    """Shift (y, x) in pixels by which the label should move, and how much better it then fits; None: nothing to see."""
    factor = max(1.0, max(label.shape) / _EDGE)
    size = (round(label.shape[1] / factor), round(label.shape[0] / factor))
    grey = cv2.resize(image.astype(np.float32).mean(axis=2), size, interpolation=cv2.INTER_AREA)
    mask = cv2.resize((label > 0).astype(np.float32), size, interpolation=cv2.INTER_AREA)
    picture_edges, label_edges = (_edges(cv2.GaussianBlur(a, (0, 0), 1.5)) for a in (grey, mask))
    if label_edges.max() == 0 or picture_edges.max() == 0:
        return None
    # the field of view has the strongest edge of all; it must not speak for the objects
    picture_edges = np.minimum(picture_edges, np.percentile(picture_edges, 97))
    spectrum = np.fft.rfft2(picture_edges - picture_edges.mean()) * np.conj(np.fft.rfft2(label_edges - label_edges.mean()))
    fit = np.fft.fftshift(np.fft.irfft2(spectrum, s=picture_edges.shape))
    y, x = fit.shape[0] // 2, fit.shape[1] // 2
    reach = min(_REACH, y - 1, x - 1)
    window = fit[y - reach : y + reach + 1, x - reach : x + reach + 1]
    best = np.unravel_index(int(window.argmax()), window.shape)
    gain = float(window.max() / max(float(fit[y, x]), 1e-3 * float(window.max())))
    return ((int(best[0]) - reach) * factor, (int(best[1]) - reach) * factor), gain


def _edges(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.hypot(cv2.Sobel(values, cv2.CV_32F, 1, 0), cv2.Sobel(values, cv2.CV_32F, 0, 1))
