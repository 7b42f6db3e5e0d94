"""What is shown of a training while it goes on."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from modicum.augment import POLICIES
from modicum.images.intensity import Intensity
from modicum.runs.samples import Samples
from modicum.supervision.labelled import LabelledPictures
from modicum.views import VIEWS, TrainingPicture

GREEN, WHITE = (0, 158, 115), (255, 255, 255)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr("modicum.runs.samples.time.monotonic", lambda: now[0])
    return now


@pytest.fixture
def samples(tmp_path: Path, clock: list[float]) -> Samples:
    """Of three pictures with a square label; the network answers the left half."""
    label = np.zeros((64, 64), np.uint8)
    label[16:48, 16:48] = 1
    pictures = [TrainingPicture(f"{i}", np.full((64, 64, 3), 90, np.uint8), label, None) for i in range(3)]
    intensity = Intensity.of([p.image for p in pictures], per_picture=False)
    view = VIEWS.build({"name": "whole", "size": 64})
    source = LabelledPictures(pictures, POLICIES.build("none"), view=view, intensity=intensity, batch_size=8, seed=0)
    answer = torch.where(torch.arange(64) < 32, 1.0, -1.0).expand(3, 1, 64, 64)
    return Samples(tmp_path / "samples.png", source, lambda network, images: answer)


def test_contours_of_model_and_label_are_seen_and_nothing_random_is_drawn(samples: Samples, tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    samples.take(torch.nn.Identity())
    assert torch.equal(torch.random.get_rng_state(), before)
    strip = cv2.imread(str(tmp_path / "samples.png"))[..., ::-1]
    assert strip.shape == (224, 3 * 224, 3)
    assert tuple(strip[100, 111]) == GREEN  # the right border of the left half
    assert tuple(strip[100, 167]) == WHITE  # the right border of the label
    assert tuple(strip[100, 200]) == (90, 90, 90)


def test_looks_are_rare_enough_to_cost_nothing(samples: Samples, clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[float] = []

    def write(*_: object) -> None:
        written.append(clock[0])
        clock[0] += 0.02  # so long does a look take

    monkeypatch.setattr("modicum.runs.samples.write_picture", write)
    while clock[0] < 60:
        samples.take(torch.nn.Identity())
        clock[0] += 0.3
    assert 15 <= len(written) < 0.01 * 60 / 0.02
