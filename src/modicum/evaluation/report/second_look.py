"""What the second network of a two-step method saw, and what each step contributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from modicum.evaluation.pictures import Colour, Numbers, Picture, box_outline, cross, outlines, overlay
from modicum.evaluation.report.data import SecondLook, StepFigures
from modicum.evaluation.report.panels import data_uri
from modicum.evaluation.report.words import chance, figure, interval, signed

ROUGH: Colour = (204, 121, 167)  # purple: what the first network marked
CUT: Colour = (240, 228, 66)  # yellow: the box that is shown
ALSO_CUT: Colour = (215, 215, 215)  # grey: the other boxes
CENTRE: Colour = (255, 255, 255)
ANSWER: Colour = (230, 159, 0)  # orange
TRUTH: Colour = (86, 180, 233)  # blue

_MOST = 6
_LONGEST = 480  # pixels; lines are as wide in every picture because all are drawn at this size
_LINE, _OUTLINE, _ARM = 2, 3, 7
_FRAMES = (0.75, 4 / 3)  # narrowest and widest frame, width by height


def shown_looks(looks: Sequence[SecondLook]) -> list[dict[str, Any]]:
    """The first six, as the page wants them: case, Dice, frame (width by height) and four panels (caption, data URI)."""
    return [
        {
            "case_id": look.case_id,
            "dice": figure("dice", look.dice),
            "frame": f"{min(max(look.image.shape[1] / look.image.shape[0], _FRAMES[0]), _FRAMES[1]):.3f}",
            "panels": [(caption, data_uri(picture)) for caption, picture in drawings(look)],
        }
        for look in looks[:_MOST]
    ]


def drawings(look: SecondLook) -> list[tuple[str, Picture]]:
    """(caption, picture) of what was found, what was shown, its answer and the way back; longest side 480 pixels."""
    look = _at_one_size(look)
    which = f" (1 of {look.views})" if look.views > 1 else ""
    return [
        ("Found" if look.found else "Nothing was found: the whole picture was shown", _found(look)),
        (f"Shown to the second network{which}", look.shown),
        ("Its answer", _compared(look.shown, look.answer, look.shown_truth)),
        ("Back in the picture", _compared(look.image, look.prediction, look.truth)),
    ]


def legend(looks: Sequence[SecondLook]) -> list[tuple[Colour, str]]:
    """(colour, meaning) of what is drawn in the panels of these looks."""
    found = [look for look in looks[:_MOST] if look.found]
    kinds = [(ROUGH, "marked by the first network")] if found else []
    if any(look.centres for look in found):
        kinds.append((CENTRE, "cross: centre"))
    if any(look.boxes for look in found):
        kinds.append((CUT, "cut out and shown"))
    if any(len(look.boxes) > 1 for look in found):
        kinds.append((ALSO_CUT, "also cut out"))
    return [*kinds, (ANSWER, "outline of the answer"), (TRUTH, "outline of the truth")]


def step_rows(steps: Sequence[StepFigures]) -> list[dict[str, Any]]:
    """Name, mark and cells of each step: mean, interval, difference to the first row, its interval, p."""
    rows = []
    for step in steps:
        difference = step.difference or {}
        cells = [
            figure("dice", step.dice.get("mean")),
            interval(step.dice),
            signed(difference.get("mean")),
            interval(difference, with_sign=True),
            chance(difference.get("p")),
        ]
        rows.append({"name": step.name, "upper_bound": step.upper_bound, "cells": cells})
    return rows


def _found(look: SecondLook) -> Picture:
    """The picture under a veil of the rough mask, with boxes and centres; bare where nothing was found."""
    if not look.found:
        return look.image
    picture = overlay(look.image, look.rough != 0, contour=_LINE, colours=(ROUGH,))
    for box in look.boxes[:0:-1]:
        picture = box_outline(picture, box, ALSO_CUT, _LINE)
    for box in look.boxes[:1]:
        picture = box_outline(picture, box, CUT, _LINE)
    for centre in look.centres:
        picture = cross(picture, centre, CENTRE, _ARM, _LINE)
    return picture


def _compared(picture: Picture, answer: Numbers, truth: Numbers) -> Picture:
    """Both outlines: the truth's twice as wide beneath the answer's, so that it is seen where they agree."""
    return outlines(outlines(picture, truth, TRUTH, 2 * _OUTLINE), answer, ANSWER, _OUTLINE)


def _at_one_size(look: SecondLook) -> SecondLook:
    """Pictures, masks and places enlarged or made smaller until the longest side is 480 pixels."""
    image = _resized(look.image)
    y, x = image.shape[0] / look.image.shape[0], image.shape[1] / look.image.shape[1]
    return replace(
        look,
        image=image,
        rough=_resized_mask(look.rough),
        centres=tuple(((c[0] + 0.5) * y - 0.5, (c[1] + 0.5) * x - 0.5) for c in look.centres),
        boxes=tuple((top * y, left * x, bottom * y, right * x) for top, left, bottom, right in look.boxes),
        shown=_resized(look.shown),
        answer=_resized_mask(look.answer),
        shown_truth=_resized_mask(look.shown_truth),
        prediction=_resized_mask(look.prediction),
        truth=_resized_mask(look.truth),
    )


def _resized(picture: Picture) -> Picture:
    smaller = max(picture.shape[:2]) > _LONGEST
    return np.asarray(cv2.resize(picture, _size(picture), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR))


def _resized_mask(mask: Numbers) -> Picture:
    return np.asarray(cv2.resize(mask.astype(np.uint8), _size(mask), interpolation=cv2.INTER_NEAREST_EXACT))


def _size(picture: Numbers) -> tuple[int, int]:
    """(width, height) with the longest side 480."""
    height, width = picture.shape[:2]
    scale = _LONGEST / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))
