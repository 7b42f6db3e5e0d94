"""`modicum suggest`: which unlabelled pictures to label next, because the model is unsure of them and none is like them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from modicum.bundle import Bundle, class_numbers
from modicum.console import bar, say
from modicum.datasets import discover, load_picture
from modicum.datasets.case import Case, counted
from modicum.errors import ModicumError
from modicum.evaluation import overlay
from modicum.images import write_picture
from modicum.images.intensity import working_pixels
from modicum.inference import Predictor
from modicum.runs.folder import RunFolder
from modicum.runs.pictures import shown_picture
from modicum.starts.pooled import Pooled

_SIDE = 128  # of the picture that is described
_TILE, _ROW = 240, 5  # pixels of a picture in the contact sheet, pictures in a row

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
    segmenter, describe = bundle.segmenter(), _Description(bundle)
    cases, unsure, described, thumbs = [], [], [], []
    images = bundle.recipe.images
    known = [describe(segmenter.pixels(shown_picture(c, images))) for c in dataset.labelled]
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
    write_picture(out / "suggestions.png", _sheet([thumbs[i] for i, _ in chosen]))
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


def expected_dice(probability: Floats, found: npt.NDArray[np.bool_]) -> float:
    """The Dice that a map of probabilities (H, W) promises for the mask made of it.

    Sum of the probabilities in the mask, twice, over their whole sum and the mask's area. Where nothing was found, the
    probability that nothing is there, exp(-sum), as if pixels were independent.
    """
    area, whole = float(found.sum()), float(probability.sum())
    return 2 * float(probability[found].sum()) / (whole + area) if area else float(np.exp(-whole))


def _look(case: Case, picture: npt.NDArray[Any], segmenter: Predictor, bundle: Bundle) -> tuple[float, npt.NDArray[np.uint8]]:
    """The Dice that the model expects, classes averaged, and a small picture with its outlines."""
    probability = segmenter.probabilities(picture)
    numbers = class_numbers(probability, bundle if case.slice is None else bundle.unfinished, picture)
    promised = [expected_dice(p.astype(np.float64), numbers == k) for k, p in enumerate(probability, 1)]
    shape = numbers.shape
    scale = _TILE / max(shape)
    size = max(1, round(shape[1] * scale)), max(1, round(shape[0] * scale))
    small = np.asarray(cv2.resize(working_pixels(load_picture(case), 3), size, interpolation=cv2.INTER_AREA), np.uint8)
    mask = np.asarray(cv2.resize(numbers, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    return float(np.mean(promised)), overlay(small, mask)


class _Description:
    """What the model's encoder sees in a whole picture; without one, its colours in a 4x4 grid."""

    def __init__(self, bundle: Bundle) -> None:
        self.intensity = bundle.intensity
        try:
            self.pooled: Pooled | None = Pooled(bundle.network().eval())
        except ModicumError:
            self.pooled = None

    @torch.inference_mode()
    def __call__(self, pixels: npt.NDArray[np.uint8]) -> Floats:
        small = cv2.resize(pixels, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).reshape(_SIDE, _SIDE, -1)
        if self.pooled is None:
            return np.asarray(cv2.resize(small, (4, 4), interpolation=cv2.INTER_AREA), np.float64).ravel()
        mean, sd = self.intensity.scale(pixels)
        image = ((small / 255 - mean) / sd).astype(np.float32)
        return np.asarray(self.pooled(torch.from_numpy(image).permute(2, 0, 1)[None])[0].double().numpy())


def _sheet(thumbs: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
    """Pictures in rows of five, numbered."""
    rows = -(-len(thumbs) // _ROW)
    sheet = np.full((rows * _TILE, _ROW * _TILE, 3), 255, np.uint8)
    for number, thumb in enumerate(thumbs):
        y, x = (number // _ROW) * _TILE, (number % _ROW) * _TILE
        sheet[y : y + thumb.shape[0], x : x + thumb.shape[1]] = thumb
        for colour, width in (((0, 0, 0), 4), ((255, 255, 255), 1)):
            cv2.putText(sheet, str(number + 1), (x + 8, y + 26), cv2.FONT_HERSHEY_SIMPLEX, 0.8, colour, width, cv2.LINE_AA)
    return sheet
