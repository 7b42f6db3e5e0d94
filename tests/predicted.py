"""Predictions as the page keeps them, of a model that is none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from modicum.web.predictions import Judged
from modicum.web.studio import Studio
from modicum.web.trainings import Run

ASKED = {"recipe": "auto", "minutes": 1, "labels": 2, "begun": "today"}


def trained(folder: Path) -> Run:
    """The first training of a data folder, with a file in the place of its model."""
    run = Run(folder / ".modicum/runs", 1)
    run.folder.mkdir(parents=True)
    run.wish.write_text(json.dumps(ASKED))
    run.bundle.touch()
    return run


def predict(studio: Studio, run: Run, masks: dict[str, np.ndarray], quality: float = 0.9, reasons: str = "") -> None:
    """Keep masks as what a model has said of pictures."""
    for name, mask in masks.items():
        case, classes = studio.collection.entry(name).case, studio.collection.dataset.classes
        studio.predictions.keep(run, case, mask, Judged(quality, reasons), studio.predictions.basis(case), classes)
