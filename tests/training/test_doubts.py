"""Doubtful labels: found when one contradicts the others, and only then."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from modicum.evaluation.metrics import binary_metrics
from modicum.training.batches import Batch
from modicum.training.doubts import agreement, doubtful, doubts


def test_the_one_that_contradicts_is_found() -> None:
    dice = {f"c{i}": 0.9 - 0.01 * i for i in range(10)} | {"wrong": 0.3}
    assert doubtful(dice) == ["wrong"]
    (found,) = doubts(dice, {"wrong": ["labels/wrong.png"]})
    assert found.file == "labels/wrong.png"
    assert 'data.leave_out=["wrong"]' in (found.remedy or "")


def test_nothing_is_said_where_it_cannot_be_known() -> None:
    assert doubtful({"a": 0.9, "b": 0.9, "c": 0.1}) == []  # too few
    assert doubtful({f"c{i}": 0.5 for i in range(9)} | {"x": 0.0}) == []  # the network knows nothing yet
    rng = np.random.default_rng(0)
    assert doubtful({f"c{i}": float(d) for i, d in enumerate(rng.uniform(0.5, 1.0, 40))} | {"x": 0.45}) == []  # all differ
    assert doubts({}, {}) == []


def test_agreement_is_the_dice_of_the_report() -> None:
    torch.manual_seed(0)
    logits, target, valid = torch.randn(5, 1, 9, 9), torch.rand(5, 9, 9) > 0.6, torch.rand(5, 9, 9) > 0.2
    logits[4], target[4] = -1.0, False
    found = agreement(logits, Batch(torch.zeros(5, 1, 9, 9), target.to(torch.uint8), valid))
    assert np.isnan(found[4])
    for i in range(4):
        expected = binary_metrics((logits[i, 0] > 0).numpy(), target[i].numpy(), valid[i].numpy(), distances=False)["dice"]
        assert found[i] == pytest.approx(expected)
    several = torch.zeros(1, 3, 1, 4)
    several[0, 1, 0, :2] = several[0, 2, 0, 2] = 1.0  # answers 1 1 2 0, truth 1 2 2 0
    right = agreement(several, Batch(torch.zeros(1, 1, 1, 4), torch.tensor([[[1, 2, 2, 0]]], dtype=torch.uint8)))
    assert right[0] == pytest.approx(4 / 6)
