"""What of a box is the object: GrabCut, which tells the colours inside from those around it."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Box = tuple[slice, slice]

_SIDE = 128  # pixels of the longer side of what is looked at
_MARGIN = 0.5  # of the box's sides, looked at around it
_ROUNDS = 5
_LEAST = 0.5  # below this share of its box what was found is no object


def inside_of(box: Box, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """The pixels of a box (h, w) that belong to its object, in a picture (H, W, C).

    GrabCut (Rother et al. 2004) begins with the box as likely object and with its surroundings as certain background, as
    in Khoreva et al. 2017 (arXiv:1603.07485). Where it finds next to nothing, the ellipse in the box is the object.
    """
    height, width = (side.stop - side.start for side in box)
    top, left = (max(0, side.start - round(_MARGIN * size)) for side, size in zip(box, (height, width), strict=True))
    shown = pixels[top : box[0].stop + round(_MARGIN * height), left : box[1].stop + round(_MARGIN * width)]
    state = np.full(shown.shape[:2], cv2.GC_BGD, np.uint8)
    own = slice(box[0].start - top, box[0].stop - top), slice(box[1].start - left, box[1].stop - left)
    state[own] = cv2.GC_PR_FGD
    inside = _grabcut(shown, state)[own]
    if inside.mean() >= _LEAST:
        return inside
    y, x = ((2 * np.arange(size) + 1) / size - 1 for size in (height, width))
    return np.asarray(y[:, None] ** 2 + x**2 <= 1)


def _grabcut(pixels: npt.NDArray[np.uint8], state: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """What GrabCut takes for the object (h, w) in pixels (h, w, C), looked at in small."""
    scale = min(1.0, _SIDE / max(state.shape))
    size = max(1, round(scale * state.shape[1])), max(1, round(scale * state.shape[0]))
    small = cv2.resize(pixels[..., :3], size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], -1)
    seen = np.repeat(small[..., :1], 3, axis=2) if small.shape[2] < 3 else small
    begun = cv2.resize(state, size, interpolation=cv2.INTER_NEAREST_EXACT)
    if not (begun == cv2.GC_BGD).any() or not (begun == cv2.GC_PR_FGD).any():
        return np.asarray(state == cv2.GC_PR_FGD)
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(seen, begun, (0, 0, 1, 1), *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)  # the rectangle is not looked at
    found = np.isin(begun, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    return np.asarray(cv2.resize(found, state.shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT) > 0)
