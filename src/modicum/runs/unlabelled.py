"""The unlabelled pictures of a training: which they are, how they are read, and how they come into its batches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modicum.augment import moved_only, recoloured
from modicum.console import bar, say
from modicum.datasets.case import Case, Dataset, Split, counted
from modicum.datasets.examination import examine_picture
from modicum.datasets.inputs import PassedOver, expand
from modicum.datasets.layouts.found import stem
from modicum.datasets.loading import case_size
from modicum.datasets.patients import guess_patients
from modicum.datasets.remembered import remembered
from modicum.errors import Finding, ModicumError
from modicum.evaluation import PseudoLabelled
from modicum.images.digest import digest
from modicum.recipes import Recipe
from modicum.recipes.axes import Images
from modicum.runs.material import Material
from modicum.runs.pictures import load_unlabelled
from modicum.runs.shelf import shelved
from modicum.supervision import PseudoLabels
from modicum.supervision.labelled import LabelledPictures
from modicum.supervision.mixed import Beside, Mixed
from modicum.supervision.pseudo import Judged, Range
from modicum.training.batches import BatchSource
from modicum.views import TrainingPicture


@dataclass(frozen=True)
class Unlabelled:
    """Unlabelled pictures, ready to teach."""

    pictures: Sequence[TrainingPicture] = ()
    seen: Mapping[str, str] = field(default_factory=dict)  # name and content of each
    judged: Sequence[Judged] = ()  # pseudo-labels
    allowed: Range = (0.0, 1.0)  # shares of foreground
    examples: Sequence[PseudoLabelled] = ()
    findings: Sequence[Finding] = ()

    @property
    def words(self) -> str:
        """How many were believed, and what decided."""
        kept = sum(j.kept for j in self.judged)
        if not self.judged:
            return f"{len(self.seen)} unlabelled pictures taught as far as the network was sure of them."
        by_share = sum(j.reason.startswith("share") for j in self.judged)
        return (
            f"{kept} of {len(self.judged)} pseudo-labels were believed. {by_share} had a share of foreground outside "
            f"{self.allowed[0]:.1%} to {self.allowed[1]:.1%}, {len(self.judged) - kept - by_share} too little confidence; "
            "pseudo-labels.csv has all of them."
        )


def unlabelled_cases(dataset: Dataset, split: Split, folder: str | None) -> list[Case]:
    """The data set's unlabelled cases and the pictures of a folder, each once.

    Left out are the labelled pictures, by their pixels, and those of patients who validate or test, as far as names tell.
    """
    tested = {*split.val, *split.test, *(c.id for c in dataset.labelled if c.part == "test")}  # prescribed ones are in no fold
    held_out = {c.patient for c in dataset.labelled if c.id in tested and c.patient}
    cases = [c for c in dataset.unlabelled if c.patient not in held_out]
    if folder is not None:
        passed_over = PassedOver()
        found = expand([folder], passed_over)
        patients, _ = guess_patients([c.id for c in dataset.labelled], [stem(path) for path in found])
        away = {name.casefold() for name in held_out}
        kept = [p for p in found if stem(p) not in tested and not _names(p, Path(folder), patients[stem(p)]) & away]
        cases += [Case(f"{path.parent.name}/{path.name}", path) for path in kept]
        for sentence in passed_over.told("Not learned from"):
            say(sentence)
        if len(kept) < len(found):
            say(f"Not learned from: {len(found) - len(kept)} pictures that have the names of patients who validate or test.")
    return _others(cases, dataset.labelled)


def _names(path: Path, folder: Path, patient: str) -> set[str]:
    """Under which its patient may be known: of the guess, of folders, or the beginning of the file's name."""
    folders = path.relative_to(folder).parts[:-1] if path.is_relative_to(folder) else (path.parent.name,)
    pieces = re.split(r"([_ .-]+)", stem(path))
    beginnings = ("".join(pieces[: n + 1]) for n in range(0, len(pieces), 2))
    return {name.casefold() for name in (patient, folder.name, *folders, *beginnings)}


def _others(cases: Sequence[Case], labelled: Sequence[Case]) -> list[Case]:
    """Each picture once, and none that is a labelled one: the same file, or, in another format, the same pixels."""
    files, sizes = {digest(c.image) for c in labelled}, {size for c in labelled if (size := _size(c)) is not None}
    pixels = {_pixels(c) for c in labelled} if any(_size(c) in sizes for c in cases) else set()
    found: dict[tuple[str, int | None], Case] = {}
    with bar("Comparing unlabelled pictures with the labelled ones", len(cases)) as progress:
        for case in cases:
            content = digest(case.image)
            if content not in files and not (_size(case) in sizes and _pixels(case) in pixels):
                found.setdefault((content, case.slice), case)
            progress.step()
    return list(found.values())


def _size(case: Case) -> tuple[int, int] | None:
    try:
        return None if case.slice is not None else case_size(case)
    except ModicumError:
        return None  # told when it is read


def _pixels(case: Case) -> str:
    """A hash of a picture's pixels, remembered; of what is no picture, or cannot be read, that of its file."""
    if case.slice is not None:
        return digest(case.image)
    return remembered("pixels", [case.image], lambda: examine_picture(case).digest) or digest(case.image)


def contents(cases: Sequence[Case]) -> dict[str, str]:
    """Name and content of unlabelled pictures, as a bundle remembers what it has seen."""
    return {f"unlabelled: {c.id}": digest(c.image) for c in cases}


def read_unlabelled(
    cases: Sequence[Case],
    keep: Callable[[TrainingPicture], TrainingPicture | None],
    channels: int,
    *,
    images: Images,
    folder: Path,
) -> tuple[list[TrainingPicture], list[Finding]]:
    """The pictures as they are worth keeping, read one after the other; one that cannot be read is a warning.

    Args:
        keep: from a picture at full size; None for one that is not wanted.
        folder: where those are set down that are too many for the memory (`shelved`).

    Raises:
        ModicumError: none can be read.
    """
    findings: list[Finding] = []

    def read() -> Iterator[TrainingPicture]:
        for case in cases:
            try:
                found = keep(load_unlabelled(case, channels, images=images))
            except ModicumError as error:
                findings.append(Finding("warning", "unlabelled-unreadable", error.problem, str(case.image), error.remedy))
            else:
                if found is not None:
                    yield found
            progress.step()

    with bar(f"Reading {counted(cases, 'unlabelled')}", len(cases)) as progress:
        pictures = shelved(read(), folder)
    if len(findings) == len(cases):
        first = findings[0]
        raise ModicumError(
            f"none of the unlabelled pictures can be used: {first.message}", file=first.file, remedy=first.remedy
        )
    return pictures, findings


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
