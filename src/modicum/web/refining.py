"""From a box and scribbles to an object: GrabCut (Rother et al. 2004), which begins with what is most likely.

That is what a random walker says where there are scribbles, else the network where there is one, else all of the box.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

UNKNOWN, OUTSIDE, INSIDE = 0, 1, 2  # what a seed says of its pixel
_MOST = 512  # pixels, the longer edge: a second on one core
_ROUNDS = 4
_WALKED = 160  # pixels, the longer edge, for the first guess
_CONTRAST = 300.0  # how much a difference of colour holds the walker up


def refine(
    picture: Pixels, seeds: Pixels, box: tuple[int, int, int, int], probability: npt.NDArray[np.float32] | None = None
) -> npt.NDArray[np.bool_]:
    """The object that a box and scribbles mean.

    Args:
        picture: (H, W, 3), 8 bits.
        seeds: (H, W): UNKNOWN, OUTSIDE or INSIDE.
        box: top, left, bottom, right in pixels, the last two exclusive; nothing outside it belongs to the object.
        probability: (H, W), 0..1, of the object, for pixels without a seed.

    Returns:
        (H, W), True on the object.
    """
    region = _around(box, picture.shape[:2])
    shown, marks = picture[region], seeds[region].copy()
    within = np.zeros(picture.shape[:2], np.bool_)
    within[box[0] : box[2], box[1] : box[3]] = True
    marks[~within[region]] = OUTSIDE
    size = shown.shape[1], shown.shape[0]
    scale = min(1.0, _MOST / max(size))
    small = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    guess = (
        None
        if probability is None
        else np.asarray(cv2.resize(probability[region], small, interpolation=cv2.INTER_AREA), np.float32)
    )
    found = _cut(
        np.asarray(cv2.resize(shown, small, interpolation=cv2.INTER_AREA), np.uint8), _shrunk(marks, small), guess
    ).astype(np.float32)
    result = np.zeros(picture.shape[:2], np.bool_)
    result[region] = np.asarray(cv2.resize(found, size, interpolation=cv2.INTER_LINEAR)) > 0.5
    return np.asarray((result | (seeds == INSIDE)) & within & (seeds != OUTSIDE), np.bool_)


def _cut(picture: Pixels, marks: Pixels, guess: npt.NDArray[np.float32] | None) -> npt.NDArray[np.bool_]:
    if (marks == INSIDE).any() and (marks == OUTSIDE).any():
        guess = _walked(picture, marks)
    likely = np.full(marks.shape, cv2.GC_PR_FGD, np.uint8)
    if guess is not None and len(np.unique(guess[marks == UNKNOWN] > 0.5)) == 2:
        likely = np.where(guess > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    state = likely.copy()
    state[marks == OUTSIDE], state[marks == INSIDE] = cv2.GC_BGD, cv2.GC_FGD
    both = np.isin(state, (cv2.GC_FGD, cv2.GC_PR_FGD))
    if both.all() or not both.any():
        return np.asarray(both, np.bool_)  # there is nothing to tell it from
    cv2.setRNGSeed(0)
    cv2.grabCut(picture, state, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), _ROUNDS, cv2.GC_INIT_WITH_MASK)
    return np.asarray(np.isin(state, (cv2.GC_FGD, cv2.GC_PR_FGD)), np.bool_)


def _walked(picture: Pixels, marks: Pixels) -> npt.NDArray[np.float32]:
    """From scribbles a first guess, 0..1, of the object: to which of them a random walker comes first (Grady 2006)."""
    from skimage.segmentation import random_walker

    size = marks.shape[1], marks.shape[0]
    scale = min(1.0, _WALKED / max(size))
    small = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    seeds = _shrunk(marks, small)
    if len(np.unique(seeds)) < 3:  # nothing is unknown
        return np.asarray(marks == INSIDE, np.float32)
    shown = cv2.resize(picture, small, interpolation=cv2.INTER_AREA).astype(np.float64) / 255
    found = random_walker(shown, seeds, beta=_CONTRAST, mode="cg_j", prob_tol=0.1, channel_axis=-1)
    return np.asarray(cv2.resize((found == INSIDE).astype(np.float32), size, interpolation=cv2.INTER_LINEAR), np.float32)


def _shrunk(marks: Pixels, size: tuple[int, int]) -> Pixels:
    """Seeds in a smaller picture; a thin scribble stays."""
    small = np.full(size[::-1], UNKNOWN, np.uint8)
    for mark in (OUTSIDE, INSIDE):
        share = cv2.resize((marks == mark).astype(np.float32), size, interpolation=cv2.INTER_AREA)
        small[share > 0.05] = mark
    return small


def _around(box: tuple[int, int, int, int], shape: tuple[int, ...]) -> tuple[slice, slice]:
    """A box with a margin of a quarter: GrabCut learns there what the background looks like."""
    top, left, bottom, right = box
    down, across = max(8, (bottom - top) // 4), max(8, (right - left) // 4)
    return slice(max(0, top - down), min(shape[0], bottom + down)), slice(max(0, left - across), min(shape[1], right + across))
