"""What one running page works with: the pictures, the trainings, and what the newest model says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
from fastapi import Depends, Request

from modicum.errors import ModicumError
from modicum.web import labels
from modicum.web.collection import WORKSHOP, Collection, Entry
from modicum.web.predictions import Predictions
from modicum.web.trainings import Run, Trainings


@dataclass(frozen=True)
class Masked:
    """The mask that there is of a picture."""

    numbers: npt.NDArray[np.uint8]  # class numbers (H, W), of a volume (D, H, W)
    origin: str  # "labelled", "labelled in part", "accepted" or "predicted by RUN"
    quality: float | None = None  # of a prediction: the Dice that is to be expected


class Studio:
    """All of a data folder.

    Raises:
        ModicumError: the folder holds no data set that is understood.
    """

    def __init__(self, data: Path) -> None:
        self.collection = Collection(data)
        self.workshop = self.collection.root / WORKSHOP
        self.trainings = Trainings(self.collection.root, self.workshop)
        self.predictions = Predictions(self.workshop, lambda: self.collection.meaning)

    def mask(self, entry: Entry, run: Run | None) -> Masked | None:
        """The label of a picture, else what the model of a run said of it, if it was asked.

        Raises:
            ModicumError: the picture or its label has a problem.
        """
        if entry.problem:
            raise ModicumError(entry.problem)
        if entry.case.labelled:
            numbers = self.collection.numbers(entry.case)
            unmarked = numbers == labels.UNMARKED
            origin = "labelled in part" if unmarked.any() else entry.state(False)
            return Masked(np.where(unmarked, np.uint8(0), numbers), origin)
        judged = self.predictions.judged(run, entry.case)
        if run is None or judged is None:
            return None
        numbers = self.predictions.numbers(run, entry.case, len(self.collection.dataset.classes))
        return Masked(numbers, f"predicted by {run.number}", judged.quality)


def _studio(request: Request) -> Studio:
    found: Studio = request.app.state.studio
    return found


TheStudio = Annotated[Studio, Depends(_studio)]
