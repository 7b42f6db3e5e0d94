"""Masks drawn on pictures, in colours that colour-blind people can tell apart (Okabe and Ito 2008)."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.uint8] | npt.NDArray[np.bool_]
Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]  # top, left, bottom, right: the outer edges of its pixels, bottom and right exclusive

CLASS_COLOURS: tuple[Colour, ...] = (
    (0, 158, 115), (230, 159, 0), (86, 180, 233), (204, 121, 167), (240, 228, 66), (0, 114, 178), (213, 94, 0),
)  # fmt: skip
RIGHT: Colour = (0, 158, 115)  # green: found
EXCESS: Colour = (230, 97, 20)  # vermilion: found, but not there
MISSED: Colour = (86, 180, 233)  # blue: there, but not found
CONFUSED: Colour = (240, 228, 66)  # yellow: there, but of another class
HALO: Colour = (20, 20, 20)  # about small marks, so that they are seen on any picture


def class_colour(number: int) -> Colour:
    """Colour of class 1, 2, ...; they repeat after the last."""
    return CLASS_COLOURS[(number - 1) % len(CLASS_COLOURS)]


def overlay(
    image: Picture, mask: Numbers, *, opacity: float = 0.35, contour: int = 1, colours: Sequence[Colour] = CLASS_COLOURS
) -> Picture:
    """A mask laid over a picture: a veil of colour with a full outline.

    Args:
        image: (H, W, 3) uint8, or (H, W) grey.
        mask: (H, W) class numbers, 0 background.
        opacity: of the veil, 0..1.
        contour: thickness of the outline inside the object, in pixels; 0 for none.
        colours: of class 1, 2, ...

    Returns:
        (H, W, 3) uint8; the inputs are not changed.
    """
    result = _colour(image).copy()
    _same_size(result, mask)
    for number in _classes(mask):
        colour = np.array(colours[(number - 1) % len(colours)], np.float32)
        inside = np.asarray(mask == number)
        result[inside] = np.rint(result[inside] * (1 - opacity) + colour * opacity).astype(np.uint8)
        if contour:
            result[_rim(inside, contour)] = colour.astype(np.uint8)
    return result


def outlines(image: Picture, mask: Numbers, colour: Colour, thickness: int = 1) -> Picture:
    """The borders of all classes in one colour.

    Args:
        image: (H, W, 3) or (H, W) uint8.
        mask: (H, W) class numbers, 0 background; a border between two classes is drawn once, on the side of the higher.
        colour: of the lines.
        thickness: pixels, inside the object.

    Returns:
        (H, W, 3) uint8; the inputs are not changed.
    """
    result = _colour(image).copy()
    _same_size(result, mask)
    for number in _classes(mask):
        result[_rim(np.asarray(mask >= number), thickness)] = colour
    return result


def box_outline(image: Picture, box: Box, colour: Colour, thickness: int = 1) -> Picture:
    """The border of a box, drawn inside it; where it leaves the picture, along the picture's edge; (H, W, 3) uint8."""
    result = _colour(image).copy()
    height, width = result.shape[:2]
    top, left, bottom, right = (round(edge) for edge in box)
    top, left, bottom, right = max(0, top), max(0, left), min(height, bottom), min(width, right)
    _fill(result, (top, left, min(bottom, top + thickness), right), colour)
    _fill(result, (max(top, bottom - thickness), left, bottom, right), colour)
    _fill(result, (top, left, bottom, min(right, left + thickness)), colour)
    _fill(result, (top, max(left, right - thickness), bottom, right), colour)
    return result


def cross(image: Picture, centre: tuple[float, float], colour: Colour, arm: int = 3, thickness: int = 1) -> Picture:
    """An upright cross with a dark halo about a point (y, x), which may lie outside the picture; (H, W, 3) uint8.

    Args:
        arm: pixels from the middle to each end.
        thickness: of the arms, in pixels; the halo is as wide on each side.
    """
    result = _colour(image).copy()
    half = (thickness - 1) // 2
    y, x = (round(place) - half for place in centre)
    long, across = arm - half, thickness
    for grown, ink in ((thickness, HALO), (0, colour)):
        _fill(result, (y - grown, x - long - grown, y + across + grown, x + across + long + grown), ink)
        _fill(result, (y - long - grown, x - grown, y + across + long + grown, x + across + grown), ink)
    return result


def difference(image: Picture, truth: Numbers, prediction: Numbers, valid: Numbers | None = None) -> Picture:
    """Where a prediction is right (green), too much (vermilion), missing (blue) or of another class (yellow).

    Args:
        image: (H, W, 3) or (H, W) uint8, drawn grey and faint beneath.
        truth: (H, W) class numbers, 0 background.
        prediction: likewise.
        valid: (H, W); pixels outside it do not count and stay uncoloured.

    Returns:
        (H, W, 3) uint8.
    """
    picture = _colour(image)
    _same_size(picture, truth)
    _same_size(picture, prediction)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    result = cv2.cvtColor((grey * 0.45).astype(np.uint8), cv2.COLOR_GRAY2RGB)
    true, found = np.asarray(truth, np.uint8), np.asarray(prediction, np.uint8)
    counts = np.ones(true.shape, bool) if valid is None else np.asarray(valid, bool)
    for where, colour in (
        ((true == found) & (true > 0), RIGHT),
        ((true == 0) & (found > 0), EXCESS),
        ((true > 0) & (found == 0), MISSED),
        ((true > 0) & (found > 0) & (true != found), CONFUSED),
    ):
        result[where & counts] = colour
    return np.asarray(result, np.uint8)


def mask_picture(mask: Numbers, classes: int = 1) -> Picture:
    """A mask by itself: white on black for one class, each class in its colour for several; (H, W, 3) uint8."""
    result: Picture = np.zeros((*mask.shape, 3), np.uint8)
    for number in _classes(mask):
        result[np.asarray(mask == number)] = (240, 240, 240) if classes == 1 else class_colour(number)
    return result


def _rim(inside: npt.NDArray[np.bool_], thickness: int) -> npt.NDArray[np.bool_]:
    """The pixels (H, W) of an object that lie within `thickness` of its border or of the picture's."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * thickness + 1, 2 * thickness + 1))
    inner = cv2.erode(inside.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(inside & (inner == 0))


def _fill(picture: Picture, box: tuple[int, int, int, int], colour: Colour) -> None:
    """Colours the part of a box (top, left, bottom, right) that lies in the picture, in place."""
    top, left, bottom, right = (max(0, edge) for edge in box)
    picture[top:bottom, left:right] = colour


def _classes(mask: Numbers) -> list[int]:
    return [int(n) for n in np.unique(mask) if n]


def _colour(image: Picture) -> Picture:
    if image.dtype != np.uint8:
        raise TypeError(f"the picture must be uint8, not {image.dtype}")
    if image.ndim == 2:
        return np.repeat(image[..., None], 3, axis=2)
    if image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"the picture must be (H, W, 3) or (H, W), not {image.shape}")
    return image


def _same_size(picture: Picture, mask: Numbers) -> None:
    if picture.shape[:2] != mask.shape:
        raise ValueError(f"the picture is {picture.shape[:2]}, the mask {mask.shape}")
