"""The pictures that the page shows: what is known of each, and its pixels as the browser wants them."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from modicum.datasets import Case, Dataset, discover, load_picture
from modicum.datasets.loading import case_size
from modicum.errors import ModicumError
from modicum.images import picture_size, write_mask, write_picture
from modicum.images.formats import is_dicom
from modicum.images.intensity import working_pixels
from modicum.images.volumes import Volume, cached_grid, cached_volume
from modicum.web import labels, volumes
from modicum.web.files import Stamp, stamp, stamps, write_text

State = Literal["unlabelled", "labelled", "predicted", "accepted", "problem"]
Pixels = npt.NDArray[np.uint8]

WORKSHOP = ".modicum"  # the page's own folder in the data: runs and predictions; hidden, so that no layout looks into it


@dataclass(frozen=True)
class Entry:
    """What the page knows of one picture, or of one volume."""

    case: Case  # of a volume its middle slice, under the volume's name
    depth: int | None  # slices of a volume
    height: int
    width: int
    problem: str
    told: dict[str, str]  # author, time and origin of a label from this page

    @property
    def shape(self) -> tuple[int, ...]:
        """Of its label: (H, W), of a volume (D, H, W)."""
        return (self.height, self.width) if self.depth is None else (self.depth, self.height, self.width)

    @property
    def version(self) -> str:
        """Changes with the picture or its label."""
        written, _, renamed = stamp(self.case.image)
        return f"{written}.{renamed}-{labels.tag(self.case)}"

    def state(self, predicted: bool) -> State:
        """In one word."""
        if self.problem:
            return "problem"
        if self.case.labelled:
            return "accepted" if self.told.get("origin") == "accepted" else "labelled"
        return "predicted" if predicted else "unlabelled"


class Collection:
    """The data set in a folder, looked at anew whenever the page is opened or a label appears.

    Raises:
        ModicumError: nothing is there, or nothing in it is understood.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._changing = threading.RLock()
        self._seen: dict[str, Stamp] = {}
        if not self.root.is_dir():
            raise ModicumError("is no folder.", file=root, remedy="Give the folder of your pictures.")
        self.look_again()

    def look_again(self) -> None:
        """Read the folder, if there are other files in it than before, or one of them was written."""
        with self._changing:
            seen = stamps(self.root)
            if seen == self._seen:
                return
            self.dataset: Dataset = discover(self.root)
            self._cases = _wholes(self.dataset.cases)
            self._known: set[Path] = set()  # to lie inside the folder
            self._seen = seen

    def entry(self, name: str) -> Entry:
        """One picture by its id, its label as it is now: another tool may have written it, with other classes.

        Raises:
            KeyError: there is none of that name.
        """
        if any(self._seen.get(str(p), stamp(p)) != stamp(p) for p in self._cases[name].labels):
            self.look_again()
        return self._described(self._cases[name])

    def _described(self, case: Case) -> Entry:
        problem, size, depth = "", (0, 0), None if case.slice is None else 0
        try:
            self._inside(case)
            depth = None if case.slice is None else cached_grid(case.image).shape[0]
            size = _size(case.image, case.slice, stamp(case.image)[0])
            if case.labelled and case.slice is None:
                _same_size(case.labels, size, tuple(stamp(p)[0] for p in case.labels))
        except ModicumError as error:
            problem = f"{Path(error.file).name if error.file else case.id}: {error.problem} {error.remedy or ''}".strip()
        return Entry(case, depth, *size, problem, labels.told_of(case))

    def entries(self) -> list[Entry]:
        """All pictures in the order of their ids."""
        return [self._described(case) for _, case in sorted(self._cases.items())]

    def tag(self, case: Case) -> str:
        """What a label and the meaning of its numbers are known by; saving must name it."""
        return f"{labels.tag(case)}.{self.meaning}"

    @property
    def meaning(self) -> str:
        """The values or colours of the classes one after the other: what was drawn keeps its meaning while more are added."""
        code = self.dataset.code
        return "".join(f"{value}-" for value in code.values or (bytes(colour).hex() for colour in code.colours))

    def numbers(self, case: Case) -> Pixels:
        """Class numbers (H, W) of a label, (D, H, W) of a volume's; `labels.UNMARKED` where it says nothing."""
        self._inside(case)
        if case.slice is not None:
            return volumes.load_whole(case, self.dataset.code, cached_grid(case.image).shape[0])
        return labels.load(case, self.dataset.code)

    @property
    def partly(self) -> bool:
        """Whether labels leave pixels unmarked."""
        return self.dataset.code.unmarked is not None

    def picture(self, case: Case, number: int | None = None, window: volumes.Window | None = None) -> Pixels:
        """(H, W, 3), 8 bits; of a volume a slice: the middle one in the usual window, where nothing else is asked for."""
        self._inside(case)
        if case.slice is not None:
            return volumes.as_picture(self.volume(case), case.slice if number is None else number, window)
        return working_pixels(load_picture(case), 3)

    def volume(self, case: Case) -> Volume:
        """The volume of a case.

        Raises:
            ModicumError: it is a picture, or cannot be read.
        """
        self._inside(case)
        if case.slice is None:
            raise ModicumError("is a picture, and no volume.", file=case.image)
        return cached_volume(case.image)

    def save(self, case: Case, numbers: Pixels, expected: str, origin: labels.Origin, author: str) -> str:
        """Write the label of a case; its new tag.

        Args:
            expected: the tag that the page began with; that of the label alone, where the page knows no class numbers.

        Raises:
            labels.Outdated: somebody else has saved in between.
            labels.OtherClasses: class numbers mean something else by now.
            ModicumError: this label cannot be written or marks nothing, or the layout has no place for it.
        """
        if reason := labels.why_not_editable(case, self.dataset):
            raise ModicumError(reason, file=case.image)
        if self.partly and (numbers == labels.UNMARKED).all():
            raise ModicumError(
                "nothing is marked.", file=case.image, remedy="Draw strokes of each class and of the background."
            )
        path = labels.place(case, self.dataset, self.root)
        if not path.parent.resolve().is_relative_to(self.root):
            raise ModicumError("lies outside of the data folder; nothing is written there.", file=path)
        began, _, meaning = expected.partition(".")
        self._refuse_others(meaning)
        now = self.meaning  # what was drawn means this, whatever else is found in the folder from now on
        try:
            new = labels.save(path, lambda p: _write(p, case, numbers, self.dataset, origin), began, origin, author)
        except labels.Outdated:
            self.look_again()  # a label that is not known yet would be in the way for ever
            self._refuse_others(meaning)
            if path.exists() and path not in self._labels(case):
                raise self._without_place(case) from None
            raise
        if case.labelled:  # what was written here is known
            self._seen.update({str(p): stamp(p) for p in (path, labels.sidecar(path)) if str(p) in self._seen})
        else:
            self._take_up(case, path)
        return f"{new}.{now or self.meaning}"

    def _refuse_others(self, meaning: str) -> None:
        if not self.meaning.startswith(meaning):
            raise labels.OtherClasses

    def name_classes(self, names: list[str], partly: bool | None = None, known: list[str] | None = None) -> None:
        """Give the classes names, and new ones a number, in classes.json.

        Args:
            partly: whether labels leave pixels unmarked; None: as it is.
            known: the names that whoever asks began with; None: whatever they are.

        Raises:
            labels.OtherClasses: they are others by now.
            ModicumError: as `labels.class_table`.
        """
        with self._changing:
            self.look_again()
            if known is not None and tuple(known) != self.dataset.classes:
                raise labels.OtherClasses
            self._name_classes(names, partly)

    def _name_classes(self, names: list[str], partly: bool | None) -> None:
        table = labels.class_table(names, self.dataset, self.partly if partly is None else partly)
        inner = self.dataset.root / "classes.json"  # the one that counts, where it is there
        file = inner if inner.exists() else self.root / "classes.json"
        before = file.read_text("utf-8") if file.exists() else None
        write_text(file, json.dumps(table, indent=1, ensure_ascii=False) + "\n")
        self.look_again()
        if self.dataset.classes == tuple(names):
            return
        if before is None:
            file.unlink()
        else:
            write_text(file, before)
        self.look_again()
        raise ModicumError("the labels of this data set name their classes themselves: they cannot be changed here.")

    def _take_up(self, case: Case, path: Path) -> None:
        """See to it that a new label is found by everybody who reads the folder; else take it back."""
        self.look_again()
        if path not in self._labels(case):
            path.unlink(missing_ok=True)
            labels.sidecar(path).unlink(missing_ok=True)
            self.look_again()
            raise self._without_place(case)

    def _labels(self, case: Case) -> tuple[Path, ...]:
        """The label files of a case as they are known now."""
        return self._cases[case.id].labels if case.id in self._cases else ()

    def _without_place(self, case: Case) -> ModicumError:
        return ModicumError(
            f"the layout of this data set ({self.dataset.layout}) has no place for a label of this picture.",
            file=case.image,
            remedy="Move the picture into the folder images/, and open the page again.",
        )

    def _inside(self, case: Case) -> None:
        for path in {case.image, *case.labels} - self._known:
            if not path.resolve().is_relative_to(self.root):
                raise ModicumError("lies outside of the data folder.", file=path, remedy="Copy it into the folder.")
            self._known.add(path)


def described(dataset: Dataset, name: str) -> dict[str, Any]:
    """What the page says about the data set as a whole."""
    findings = [f"{Path(f.file).name if f.file else ''}: {f.message}" for f in dataset.findings if f.severity != "note"]
    return {
        "name": name,
        "layout": dataset.layout,
        "classes": dataset.classes,
        "partly": dataset.code.unmarked is not None,
        "notes": dataset.notes,
        "findings": findings,
    }


def _wholes(cases: Sequence[Case]) -> dict[str, Case]:
    """The cases by name; a volume as its middle slice, under its own."""
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.volume or case.id, []).append(case)
    return {name: replace(own[len(own) // 2], id=name) for name, own in groups.items()}


def _write(path: Path, case: Case, numbers: Pixels, dataset: Dataset, origin: labels.Origin) -> None:
    """Class numbers as a label file with the values that the data set's labels have."""
    if case.slice is not None and is_dicom(case.image):  # its segments have numbers and names of their own
        volumes.write_whole(case, numbers, path, dataset.classes, origin)
        return
    values = labels.with_unnamed(labels.encoded(numbers, dataset.code), case, dataset.code)
    if case.slice is None:
        (write_picture if values.ndim == 3 else write_mask)(path, values)
    else:
        volumes.write_whole(case, values, path, dataset.classes, origin)


@lru_cache(maxsize=50_000)
def _size(image: Path, slice: int | None, changed: int) -> tuple[int, int]:
    return case_size(Case("", image, slice=slice))


@lru_cache(maxsize=50_000)
def _same_size(paths: tuple[Path, ...], size: tuple[int, int], changed: tuple[int, ...]) -> None:
    for path in paths:
        if (found := picture_size(path)) != size:
            raise ModicumError(f"is {found[1]}x{found[0]} pixels, its picture {size[1]}x{size[0]}.", file=path)
