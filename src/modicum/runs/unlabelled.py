"""The unlabelled pictures of a training: which they are, what a model makes of them, and what of that can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from modicum.augment import moved_only, recoloured
from modicum.bundle import Bundle, class_numbers
from modicum.console import bar, say
from modicum.datasets.case import Case, Dataset, Split
from modicum.errors import Finding, ModicumError
from modicum.evaluation import PseudoLabelled
from modicum.images import write_mask
from modicum.images.intensity import working_pixels
from modicum.recipes import Recipe
from modicum.runs.folder import RunFolder, digest
from modicum.runs.material import Material
from modicum.runs.pictures import load_unlabelled
from modicum.runs.predicting import expand, mask_values
from modicum.supervision import PseudoLabels
from modicum.supervision.labelled import LabelledPictures
from modicum.supervision.mixed import Beside, Mixed
from modicum.supervision.pseudo import Judged, judged, share_range, sure
from modicum.training.batches import BatchSource
from modicum.views import VIEWS, TrainingPicture

_SHOWN, _THUMB = 8, 200  # examples of kept and of rejected pictures each, and the longer side of one


@dataclass(frozen=True)
class Unlabelled:
    """Unlabelled pictures, ready to teach."""

    pictures: Sequence[TrainingPicture] = ()
    judged: Sequence[Judged] = ()
    allowed: tuple[float, float] = (0.0, 1.0)  # shares of foreground
    examples: Sequence[PseudoLabelled] = ()
    findings: Sequence[Finding] = ()

    @property
    def words(self) -> str:
        """How many were believed, and what decided."""
        kept = sum(j.kept for j in self.judged)
        if not self.judged:
            return f"{len(self.pictures)} unlabelled pictures taught as far as the network was sure of them."
        by_share = sum(j.reason.startswith("share") for j in self.judged)
        return (
            f"{kept} of {len(self.judged)} pseudo-labels were believed. {by_share} had a share of foreground outside "
            f"{self.allowed[0]:.1%} to {self.allowed[1]:.1%}, {len(self.judged) - kept - by_share} too little confidence; "
            "pseudo-labels.csv has all of them."
        )


def unlabelled_cases(dataset: Dataset, split: Split, folder: str | None) -> list[Case]:
    """The data set's unlabelled cases and the pictures of a folder, without those that are in the split.

    Raises:
        ModicumError: there is none.
    """
    cases = list(dataset.unlabelled)
    if folder is not None:
        cases += [Case(f"{path.parent.name}/{path.stem}", path) for path in expand([folder])]
    known = {digest(c.image) for c in dataset.labelled if c.id in {*split.train, *split.val, *split.test}}
    others = [c for c in cases if digest(c.image) not in known]
    if not others:
        raise ModicumError(
            "there are no unlabelled pictures to learn from.",
            file=dataset.root,
            remedy="Put pictures without labels beside the labelled ones, or name their folder, e.g. "
            "--set supervision.folder=PATH (for a start: --set start.folder=PATH)",
        )
    if len(others) < len(cases):
        say(f"- {len(cases) - len(others)} unlabelled pictures are left out: they are labelled pictures of this data set.")
    return others


def read_unlabelled(cases: Sequence[Case], channels: int, *, grey: bool) -> tuple[list[TrainingPicture], list[Finding]]:
    """The pictures at full size; one that cannot be read is a warning.

    Raises:
        ModicumError: none can be read.
    """
    pictures, findings = [], []
    with bar(f"Reading {len(cases)} unlabelled pictures", len(cases)) as progress:
        for case in cases:
            try:
                pictures.append(load_unlabelled(case, channels, grey=grey))
            except ModicumError as error:
                findings.append(Finding("warning", "unlabelled-unreadable", error.problem, str(case.image), error.remedy))
            progress.step()
    if not pictures:
        raise ModicumError("none of the unlabelled pictures can be read.", file=cases[0].image)
    return pictures, findings


def taught_pictures(
    teacher: Bundle, dataset: Dataset, split: Split, recipe: Recipe, material: Material, folder: RunFolder, part: str
) -> Unlabelled:
    """The unlabelled pictures as the teacher labels them; with pseudo-labels those that can be believed.

    Writes `pseudo-labels/NAME.png` and `pseudo-labels.csv` with what decided.
    """
    taught = recipe.taught_by
    settings = taught.unlabelled if isinstance(taught.unlabelled, PseudoLabels) else None
    channels, grey = material.intensity.channels, recipe.images.grey
    cases = unlabelled_cases(dataset, split, taught.folder)
    pictures, findings = read_unlabelled(cases, channels, grey=grey)
    view = VIEWS.build(recipe.view)
    if settings is None and not view.localised:
        return Unlabelled([view.prepare(p) for p in pictures], findings=findings)
    shares = [float((p.label > 0).mean()) for p in material.train]
    allowed = (0.0, 1.0) if settings is None else share_range(shares, settings.share_range)
    kept, decisions, examples = [], [], _Examples()
    segmenter, masks = teacher.segmenter(), folder.path / part / "pseudo-labels"
    masks.mkdir(parents=True, exist_ok=True)
    with bar(f"Labelling {len(pictures)} pictures", len(pictures)) as progress:
        for picture in pictures:
            probability = segmenter.look(picture.image).probability.astype(np.float32)
            numbers = class_numbers(probability, teacher)
            valid = None if picture.valid is None else picture.valid.astype(bool)
            least = 0.0 if settings is None else settings.confidence
            decided = judged(picture.case_id, probability, numbers, valid, allowed, least)
            decisions.append(decided)
            write_mask(masks / f"{picture.case_id.replace('/', '_')}.png", mask_values(numbers, teacher))
            examples.add(decided, picture.image, numbers)
            if decided.kept:
                counts = None if settings is None or not settings.unsure else sure(probability, settings)
                if picture.valid is not None:
                    counts = picture.valid if counts is None else counts * picture.valid
                kept.append(view.prepare(replace(picture, label=numbers, valid=counts)))
            progress.step()
    table = pd.DataFrame([{**asdict(d), "kept": d.kept} for d in decisions])
    folder.write(f"{part}pseudo-labels.csv", table.to_csv(index=False))
    reach = f"foreground {allowed[0]:.1%} to {allowed[1]:.1%}"
    say(f"- {len(kept)} of {len(decisions)} unlabelled pictures are believed ({reach}).")
    if not kept:
        findings.append(_none_believed(part))
    return Unlabelled(kept, decisions, allowed, examples.all, findings)


def with_unlabelled(
    labelled: LabelledPictures, beside: Unlabelled | None, recipe: Recipe, material: Material
) -> tuple[BatchSource, int]:
    """Batches of labelled pictures and of what lies beside them, and how many pictures an epoch has."""
    settings = recipe.taught_by.unlabelled
    if beside is None or settings is None or not beside.pictures:
        return labelled, len(labelled.pictures)
    policy, size = labelled.policy, labelled.batch_size
    if isinstance(settings, PseudoLabels):
        real = max(1, min(round(settings.real * size), size - 1))
        first = material.show(labelled.pictures, policy, batch_size=real)
        second = material.show(beside.pictures, policy, batch_size=max(1, size - real), look=1)
        return Mixed(first, second), len(labelled.pictures) + len(beside.pictures)
    weak = material.show(beside.pictures, moved_only(policy), look=1)
    strong = material.show(beside.pictures, recoloured(policy, settings.strength), look=1)
    return Beside(labelled, weak, strong), len(labelled.pictures)


def _none_believed(part: str) -> Finding:
    return Finding(
        "warning",
        "no-pseudo-label-believed",
        f"none of the pseudo-labels could be believed ({part}pseudo-labels.csv says why): labelled pictures alone taught.",
        remedy="Wider bounds: --set supervision.share_range=[0,1] --set supervision.confidence=0",
    )


class _Examples:
    """The first few of each kind, small."""

    def __init__(self) -> None:
        self._found: dict[bool, list[PseudoLabelled]] = {True: [], False: []}

    def add(self, decided: Judged, pixels: npt.NDArray[np.uint8], numbers: npt.NDArray[np.uint8]) -> None:
        if len(self._found[decided.kept]) == _SHOWN:
            return
        scale = _THUMB / max(numbers.shape)
        size = max(1, round(numbers.shape[1] * scale)), max(1, round(numbers.shape[0] * scale))
        image = np.asarray(cv2.resize(working_pixels(pixels, 3), size, interpolation=cv2.INTER_AREA), np.uint8)
        mask = np.asarray(cv2.resize(numbers, size, interpolation=cv2.INTER_NEAREST), np.uint8)
        shown = PseudoLabelled(decided.case_id, image, mask, decided.share, decided.confidence, decided.reason)
        self._found[decided.kept].append(shown)

    @property
    def all(self) -> list[PseudoLabelled]:
        return [*self._found[True], *self._found[False]]
