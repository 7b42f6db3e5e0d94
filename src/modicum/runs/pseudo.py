"""Unlabelled pictures as they teach: with the labels that a model gives them, or as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from modicum.bundle import Bundle, class_numbers
from modicum.console import say
from modicum.datasets.case import Case
from modicum.errors import Finding
from modicum.evaluation import PseudoLabelled
from modicum.images import write_mask
from modicum.images.intensity import working_pixels
from modicum.recipes import Recipe
from modicum.runs.material import Material, Training
from modicum.runs.predicting import mask_values
from modicum.runs.unlabelled import Unlabelled, contents, read_unlabelled
from modicum.supervision import PseudoLabels
from modicum.supervision.pseudo import Judged, judged, share_range, sure
from modicum.views import VIEWS, TrainingPicture

_SHOWN, _THUMB = 8, 200  # examples of kept and of rejected pictures each, and the longer side of one


def taught_pictures(teacher: Bundle, cases: Sequence[Case], training: Training, material: Material) -> Unlabelled:
    """The unlabelled pictures as they teach; of pseudo-labels those that can be believed.

    For pseudo-labels writes `pseudo-labels/NAME.png` and `pseudo-labels.csv` with what decided.
    """
    if any(c.slice is not None for c in cases):
        teacher = teacher.unfinished  # a slice is no volume
    recipe, part = training.recipe, training.part
    settings, view = recipe.taught_by.unlabelled, VIEWS.build(recipe.view)
    channels, images, folder = material.intensity.channels, recipe.images, training.folder.path
    seen = contents(cases)
    if not isinstance(settings, PseudoLabels):
        keep = _placed(teacher, recipe) if view.localised else view.prepare
        pictures, findings = read_unlabelled(cases, keep, channels, images=images, folder=folder)
        return Unlabelled(pictures, seen, findings=findings)
    labels = _PseudoLabelling(teacher, settings, training, material)
    pictures, findings = read_unlabelled(cases, labels.keep, channels, images=images, folder=folder)
    table = pd.DataFrame([{**asdict(d), "kept": d.kept} for d in labels.decisions])
    training.folder.write(f"{part}pseudo-labels.csv", table.to_csv(index=False))
    done = Unlabelled(pictures, seen, labels.decisions, labels.allowed, labels.examples, findings)
    say(f"- {done.words}")
    return done if pictures else replace(done, findings=[*findings, _none_believed(part)])


def _placed(teacher: Bundle, recipe: Recipe) -> Callable[[TrainingPicture], TrainingPicture]:
    """For a view that looks at objects: they are where the teacher finds them."""
    segmenter, view = teacher.segmenter(prepared=True), VIEWS.build(recipe.view)

    def keep(picture: TrainingPicture) -> TrainingPicture:
        probability = segmenter.look(picture.image).probability
        return view.prepare(replace(picture, label=class_numbers(probability, teacher, picture.image)))

    return keep


class _PseudoLabelling:
    """Labels one picture after the other and remembers what was decided, and the first few of each kind."""

    def __init__(self, teacher: Bundle, settings: PseudoLabels, training: Training, material: Material) -> None:
        self.teacher, self.settings, self.view = teacher, settings, VIEWS.build(training.recipe.view)
        self.segmenter = teacher.segmenter(prepared=True)
        self.masks = training.folder.path / training.part / "pseudo-labels"
        self.masks.mkdir(parents=True, exist_ok=True)
        self.allowed = share_range([_share(p) for p in material.train], settings.share_range)
        self.decisions: list[Judged] = []
        self._shown: dict[bool, list[PseudoLabelled]] = {True: [], False: []}

    @property
    def examples(self) -> list[PseudoLabelled]:
        return [*self._shown[True], *self._shown[False]]

    def keep(self, picture: TrainingPicture) -> TrainingPicture | None:
        """The picture with its pseudo-label, if that can be believed."""
        probability = self.segmenter.look(picture.image).probability.astype(np.float32)
        numbers = class_numbers(probability, self.teacher, picture.image)
        valid = None if picture.valid is None else picture.valid.astype(bool)
        decided = judged(picture.case_id, probability, numbers, valid, self.allowed, self.settings.confidence)
        self.decisions.append(decided)
        self._show(decided, picture.image, numbers)
        write_mask(self.masks / f"{picture.case_id.replace('/', '_')}.png", mask_values(numbers, self.teacher))
        if not decided.kept:
            return None
        counts = picture.valid
        if self.settings.unsure:
            believed = sure(probability, numbers, self.settings)
            counts = believed if counts is None else counts * believed
        return self.view.prepare(replace(picture, label=numbers, valid=counts))

    def _show(self, decided: Judged, pixels: npt.NDArray[np.uint8], numbers: npt.NDArray[np.uint8]) -> None:
        if len(self._shown[decided.kept]) == _SHOWN:
            return
        scale = _THUMB / max(numbers.shape)
        size = max(1, round(numbers.shape[1] * scale)), max(1, round(numbers.shape[0] * scale))
        image = np.asarray(cv2.resize(working_pixels(pixels, 3), size, interpolation=cv2.INTER_AREA), np.uint8)
        mask = np.asarray(cv2.resize(numbers, size, interpolation=cv2.INTER_NEAREST), np.uint8)
        shown = PseudoLabelled(decided.case_id, image, mask, decided.share, decided.confidence, decided.reason)
        self._shown[decided.kept].append(shown)


def _share(picture: TrainingPicture) -> float:
    """Foreground among the pixels that count."""
    counts = np.ones(picture.label.shape, bool) if picture.valid is None else picture.valid > 0
    return float((picture.label[counts] > 0).mean()) if counts.any() else 0.0


def _none_believed(part: str) -> Finding:
    return Finding(
        "warning",
        "no-pseudo-label-believed",
        f"none of the pseudo-labels could be believed ({part}pseudo-labels.csv says why): labelled pictures alone taught.",
        remedy="Wider bounds: --set 'supervision.share_range=[0,1]' --set supervision.confidence=0",
    )
