"""Cells of a comparison: each is one run, of one recipe on some of the labels; the test pictures are the same for all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from modicum.datasets import discover, make_split
from modicum.datasets.case import Case, Dataset
from modicum.errors import ModicumError
from modicum.evaluation import dice_by_case


@dataclass(frozen=True)
class Cell:
    """One run."""

    recipe: str
    labels: str  # "10" labelled pictures, those that are set aside for validation among them; "3p": of 3 patients; "all"
    repetition: int  # draws the labelled pictures and seeds the training

    @property
    def key(self) -> str:
        return f"{Path(self.recipe).stem}-{self.labels}-{self.repetition}"


@dataclass(frozen=True)
class Frame:
    """What is the same for all cells."""

    data: Path
    minutes: float | None
    changes: tuple[str, ...]
    left_out: tuple[str, ...] = ()  # cases that cannot be used, or shall not
    test_share: float = 0.2  # of the patients, where the data set prescribes no test set

    def dataset(self) -> Dataset:
        """The data set, with its test pictures as a prescribed part."""
        whole = discover(self.data)
        whole = replace(whole, cases=tuple(c for c in whole.cases if c.id not in self.left_out))
        test = {*make_split(whole, seed=0, test_share=self.test_share).test}
        return replace(whole, cases=tuple(replace(c, part="test" if c.id in test else None) for c in whole.cases))


@dataclass(frozen=True)
class Result:
    """What a finished cell reached, or why it did not."""

    cell: Cell
    labels: int  # labelled pictures that it was given
    dice: dict[str, float]  # of each test picture, classes averaged
    patients: dict[str, str]
    error: str = ""


def cells(recipes: Sequence[str], labels: Sequence[str], repetitions: int) -> Iterator[Cell]:
    """All of them, every recipe's first repetitions first, so that an early look shows all."""
    for repetition in range(repetitions):
        for size in dict.fromkeys(labels):
            for recipe in recipes:
                yield Cell(recipe, size, repetition)


def with_labels(dataset: Dataset, labels: str, repetition: int) -> Dataset:
    """The data set with so many labelled pictures besides those of the test; the others lose their labels and stay.

    Patients are drawn, and of the last one as many pictures as are wanted; more labels of one repetition contain the fewer.

    Raises:
        ModicumError: there are not so many.
    """
    pool = _in_drawn_order([c for c in dataset.labelled if c.part != "test"], repetition)
    patients = list(dict.fromkeys(c.patient or c.id for c in pool))
    there = len(patients) if labels.endswith("p") else len(pool)
    if labels != "all" and int(labels.rstrip("p")) > there:
        raise ModicumError(
            f"there are {there} labelled {'patients' if labels.endswith('p') else 'pictures'} besides those of the test, "
            f"fewer than {labels.rstrip('p')}.",
            file=dataset.root,
            remedy=f"Give --labels at most {there}{'p' if labels.endswith('p') else ''}, or all.",
        )
    if labels.endswith("p"):
        pool = [c for c in pool if (c.patient or c.id) in patients[: int(labels[:-1])]]
    elif labels != "all":
        pool = pool[: int(labels)]
    kept = {c.id for c in pool} | {c.id for c in dataset.labelled if c.part == "test"}
    cases = tuple(c if c.id in kept or not c.labelled else replace(c, labels=()) for c in dataset.cases)
    return replace(dataset, cases=cases)


def _in_drawn_order(pool: Sequence[Case], repetition: int) -> list[Case]:
    patients = sorted({c.patient or c.id for c in pool})
    order = np.random.default_rng((repetition, 3)).permutation(len(patients))
    place = {patients[index]: number for number, index in enumerate(order)}
    return sorted(pool, key=lambda c: (place[c.patient or c.id], c.id))


def run_cell(cell: Cell, frame: Frame, folder: Path) -> Result:
    """Train and test one cell in `folder/KEY`, or go on with it; an error is part of the result.

    A cell that is finished is read, not repeated.
    """
    from modicum.runs.train import train

    try:
        dataset = with_labels(frame.dataset(), cell.labels, cell.repetition)
        run = train(
            dataset, folder / cell.key, recipe=cell.recipe, budget=frame.minutes, changes=frame.changes, seed=cell.repetition
        )
        table = pd.read_csv(run.folder / "cases.csv", dtype={"case": str, "patient": str}, keep_default_na=False)
        table = table.assign(**{m: pd.to_numeric(table[m]) for m in ("dice", "accuracy")})  # "" where there is none
        dice = {str(case): float(d) for case, d in dice_by_case(table).dropna().items()}
        if not dice:
            raise ModicumError("no pixel of any test picture counts.", file=run.folder / "cases.csv")
        patients = {str(row["case"]): str(row["patient"] or row["case"]) for _, row in table.iterrows()}
        given = run.summary["counts"]["train"] + run.summary["counts"]["val"]
        return Result(cell, given, dice, patients)
    except Exception as error:  # one failing cell must not lose the others
        said = f"{type(error).__name__}: {error}" if not isinstance(error, ModicumError) else str(error)
        return Result(cell, 0, {}, {}, said)
