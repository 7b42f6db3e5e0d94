"""What one running page works with: the pictures, the trainings, and what the newest model says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from modicum.web.collection import WORKSHOP, Collection
from modicum.web.predictions import Predictions
from modicum.web.trainings import Trainings


class Studio:
    """All of a data folder.

    Raises:
        ModicumError: the folder holds no data set that is understood.
    """

    def __init__(self, data: Path) -> None:
        self.collection = Collection(data)
        workshop = self.collection.root / WORKSHOP
        self.trainings = Trainings(self.collection.root, workshop)
        self.predictions = Predictions(workshop)


def _studio(request: Request) -> Studio:
    found: Studio = request.app.state.studio
    return found


TheStudio = Annotated[Studio, Depends(_studio)]
