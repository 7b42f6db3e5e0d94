"""A network that learns from marks in one picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from modicum.images.intensity import Intensity
from modicum.inference import Ensemble, Segmenter, ready, tuned
from modicum.networks import NETWORKS
from modicum.views import VIEWS

VIEW_SPECS = [{"name": "whole", "size": 64}, {"name": "patches", "size": 64, "tile": 64, "overlap": 16}]


def blind(view: dict, classes: int = 1) -> Segmenter:
    """A network with random weights."""
    torch.manual_seed(0)
    network = NETWORKS.build({"name": "unet", "encoder": {"widths": [8, 16]}}, 3, classes if classes == 1 else classes + 1)
    return Segmenter(ready(network), VIEWS.build(VIEWS.resolve(view)), Intensity((0.5,) * 3, (0.2,) * 3), classes)


def scene() -> tuple[np.ndarray, np.ndarray]:
    picture = np.random.default_rng(0).integers(60, 90, (120, 150, 3), dtype=np.uint8)
    picture[30:70, 40:100] += 100
    return picture, picture[..., 0] > 120


@pytest.mark.parametrize("view", VIEW_SPECS)
@pytest.mark.parametrize("number", [1, 2])
def test_marks_on_some_pixels_teach_all_of_the_picture(view: dict, number: int) -> None:
    picture, truth = scene()
    marks = np.zeros(truth.shape, np.float32)
    marks[40:60, 50:60] = marks[5:15, 10:140] = marks[90:110, 10:140] = 1
    before = blind(view, classes=number)
    first = before.probabilities(picture)
    after = before
    for _ in range(10):  # a network that begins with nothing needs more than one that is trained
        after = tuned(after, picture, truth, marks, number=number)

    def gap(found: np.ndarray) -> float:
        unmarked = marks == 0
        return float(found[number - 1][truth & unmarked].mean() - found[number - 1][~truth & unmarked].mean())

    assert gap(after.probabilities(picture)) > gap(first) + 0.05
    assert np.array_equal(before.probabilities(picture), first), "the model itself stays as it was"


def test_without_any_mark_nothing_changes() -> None:
    picture, truth = scene()
    segmenter = blind(VIEW_SPECS[0])
    assert tuned(segmenter, picture, truth, np.zeros(truth.shape, np.float32)) is segmenter


def test_every_member_of_an_ensemble_learns() -> None:
    picture, truth = scene()
    members = [blind(VIEW_SPECS[0]), blind(VIEW_SPECS[0])]
    after = tuned(Ensemble(members), picture, truth, np.ones(truth.shape, np.float32))
    assert isinstance(after, Ensemble)
    assert not any(np.array_equal(a.probabilities(picture), members[0].probabilities(picture)) for a in after.members)
