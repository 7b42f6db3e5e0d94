"""Batches of labelled pictures: made again wherever they are asked for."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from modicum.augment import POLICIES
from modicum.images.intensity import Intensity
from modicum.supervision.labelled import LabelledPictures
from modicum.training.batches import Batch
from modicum.views import VIEWS, TrainingPicture


def source(view: str) -> LabelledPictures:
    rng, pictures = np.random.default_rng(0), []
    for number in range(5):
        label = np.zeros((40, 40), np.uint8)
        label[10:22, 8 + number : 24 + number] = 1
        picture = TrainingPicture(str(number), rng.integers(0, 255, (40, 40, 3), np.uint8), label)
        pictures.append(VIEWS.build({"name": view, "size": 16}).prepare(picture))
    shown, intensity = VIEWS.build({"name": view, "size": 16}), Intensity((0.5,) * 3, (0.25,) * 3)
    return LabelledPictures(pictures, POLICIES.build("strong"), view=shown, intensity=intensity, batch_size=3, seed=0)


def equal(one: Batch, other: Batch) -> bool:
    return torch.equal(one.images, other.images) and torch.equal(one.target, other.target)


@pytest.mark.parametrize("view", VIEWS)
def test_batches_go_to_processes_that_share_nothing(view: str) -> None:
    """Where processes are not forked (macOS, Windows, Python 3.14), workers get their source through pickle."""
    own = source(view)
    own.batch(0)
    there = pickle.loads(pickle.dumps(own))
    assert all(equal(own.batch(step), there.batch(step)) for step in (3, 0, 1))


def test_each_round_shows_every_picture_once_in_an_order_of_its_own() -> None:
    own = source("whole")
    numbers = [n for step in range(10) for n in own.numbers(step)]
    rounds = [tuple(numbers[i : i + 5]) for i in range(0, 30, 5)]
    assert all(sorted(one) == list(range(5)) for one in rounds)
    assert len(set(rounds)) > 3
    assert own.numbers(0) == numbers[:3]
