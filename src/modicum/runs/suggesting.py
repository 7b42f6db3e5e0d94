"""`modicum suggest`: which unlabelled pictures to label next, because the model is unsure of them and none is like them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from modicum.bundle import Bundle, class_numbers
from modicum.console import bar, say
from modicum.datasets import discover, load_picture
from modicum.datasets.case import Case, counted
from modicum.errors import ModicumError
from modicum.images import write_picture
from modicum.images.intensity import working_pixels
from modicum.inference import Predictor
from modicum.inference.trust import mean_expected_dice
from modicum.runs.contact_sheet import contact_sheet, thumbnail
from modicum.runs.describing import Description
from modicum.runs.folder import RunFolder
from modicum.runs.pictures import shown_picture

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Suggestion:
    """One picture worth labelling."""

    case: Case
    uncertainty: float  # 1 - the Dice that the model itself expects
    distance: float  # to the nearest picture labelled or suggested before, in standard deviations of the description


def suggest(bundle: Bundle, data: Path, out: Path, *, count: int = 20) -> tuple[Suggestion, ...]:
    """The unlabelled pictures of a data set to label next, the most useful first.

    One after the other, the picture with the largest product of uncertainty and distance to what is labelled or suggested
    already. Writes `suggestions.csv` and the contact sheet `suggestions.png` with the model's outlines.

    Args:
        count: of pictures; fewer where there are not so many.

    Raises:
        ModicumError: nothing is unlabelled, or nothing of it can be read.
    """
    if bundle.recipe.images.block is not None:
        raise ModicumError("this model sees whole volumes; suggestions are for pictures or slices.", remedy="Use a 2D model.")
    dataset = discover(data)
    if not dataset.unlabelled:
        raise ModicumError("every picture has a label.", file=data, remedy="Put pictures without labels beside them.")
    segmenter, describe = bundle.segmenter(), Description(bundle)
    known, cases, unsure, described, thumbs = [], [], [], [], []
    images = bundle.recipe.images
    for case in dataset.labelled:
        try:
            known.append(describe(segmenter.pixels(shown_picture(case, images))))
        except ModicumError as error:
            say(f"left out: {error}")
    with bar(f"Looking at {counted(dataset.unlabelled)}", len(dataset.unlabelled)) as progress:
        for case in dataset.unlabelled:
            try:
                picture = shown_picture(case, images)
                expected, thumb = _look(case, picture, segmenter, bundle)
            except ModicumError as error:
                say(f"left out: {error}")
            else:
                cases.append(case)
                unsure.append(1 - expected)
                thumbs.append(thumb)
                described.append(describe(segmenter.pixels(picture)))
            progress.step()
    if not cases:
        raise ModicumError("none of the unlabelled pictures can be read.", file=data)
    chosen = choose(np.array(unsure), np.stack(described), np.stack(known) if known else None, count)
    found = tuple(Suggestion(cases[i], unsure[i], distance) for i, distance in chosen)
    folder = RunFolder(out)
    rows = [
        {"case": s.case.id, "file": s.case.image, "uncertainty": round(s.uncertainty, 4), "distance": round(s.distance, 3)}
        for s in found
    ]
    folder.write("suggestions.csv", pd.DataFrame(rows).to_csv(index=False))
    sheet = contact_sheet([thumbs[i] for i, _ in chosen], [str(number) for number in range(1, len(chosen) + 1)])
    write_picture(out / "suggestions.png", sheet)
    return found


def choose(uncertainty: Floats, described: Floats, known: Floats | None, count: int) -> list[tuple[int, float]]:
    """(index, distance) of the pictures to label, one after the other by uncertainty times distance.

    Args:
        uncertainty: (n,).
        described: (n, d) of the same pictures; each of the d numbers is divided by its spread.
        known: (m, d) of the labelled pictures, if there are any.
    """
    spread = (described if known is None else np.concatenate([described, known])).std(axis=0)
    told = spread > 1e-9 * max(1.0, float(spread.max(initial=0.0)))  # what is the same everywhere says nothing
    points = described[:, told] / spread[told]
    if known is not None and len(known):
        nearest = np.array([np.linalg.norm(known[:, told] / spread[told] - p, axis=1).min() for p in points])
    else:
        nearest = np.linalg.norm(points - points.mean(axis=0), axis=1)
    free, chosen = np.ones(len(points), bool), []
    for _ in range(min(count, len(points))):
        best = int(np.argmax(np.where(free, (uncertainty + 1e-6) * (nearest + 1e-9), -1.0)))
        chosen.append((best, float(nearest[best])))
        free[best] = False
        nearest = np.minimum(nearest, np.linalg.norm(points - points[best], axis=1))
    return chosen


def _look(case: Case, picture: npt.NDArray[Any], segmenter: Predictor, bundle: Bundle) -> tuple[float, npt.NDArray[np.uint8]]:
    """The Dice that the model expects, classes averaged, and a small picture with its outlines."""
    probability = segmenter.probabilities(picture)
    numbers = class_numbers(probability, bundle if case.slice is None else bundle.unfinished, picture)
    small = thumbnail(working_pixels(load_picture(case), 3), numbers)
    return mean_expected_dice(probability, numbers), small
