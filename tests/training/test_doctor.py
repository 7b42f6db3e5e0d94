"""The training doctor on courses that went wrong in each of the known ways, and on a healthy one."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from modicum.training.doctor import diagnose, rare_classes
from modicum.training.loop import EpochRecord


def course(
    train: list[float],
    val: list[float] | None = None,
    dice: list[float] | None = None,
    predicted: float = 0.1,
    true: float = 0.1,
) -> list[EpochRecord]:
    val = val or train
    dice = dice or [min(0.9, 1 - loss) for loss in val]
    return [
        EpochRecord(i + 1, 100 * (i + 1), t, v, d, predicted, true, 1e-3, 1.0, float(i))
        for i, (t, v, d) in enumerate(zip(train, val, dice, strict=True))
    ]


FALLING = [0.9 * math.exp(-0.2 * i) + 0.1 for i in range(20)]


def kinds(history: list[EpochRecord], own: bool = True) -> set[str]:
    return {f.kind for f in diagnose(history, own_validation=own)}


def test_a_healthy_course_gets_no_finding() -> None:
    assert kinds(course(FALLING)) == set()


def test_document_s_accuracy_of_one_half_for_fifty_epochs() -> None:
    """slides-unet-capstone: binary cross-entropy stays at ln 2, half of the pixels are called foreground."""
    noise = np.random.default_rng(0).normal(0, 1e-3, 50)
    found = diagnose(course((0.693 + noise).tolist(), dice=[0.18] * 50, predicted=0.5, true=0.1), own_validation=True)
    assert {f.kind for f in found} == {"not-learning", "no-better-than-chance"}
    assert all(f.severity == "error" and f.remedy for f in found)
    assert "0.693" in found[0].message


def test_empty_and_full_predictions() -> None:
    assert "all-empty" in kinds(course(FALLING, predicted=0.0001))
    assert "all-full" in kinds(course(FALLING, predicted=0.995))


@pytest.mark.parametrize(("predicted", "kind"), [(0.0, "all-empty"), (1.0, "all-full")])
def test_empty_and_full_predictions_are_seen_after_one_epoch(predicted: float, kind: str) -> None:
    assert kinds(course([0.7], predicted=predicted)) == {kind}


def test_large_objects_are_judged_by_what_is_left_to_gain() -> None:
    """Where nine tenths of a picture are foreground, calling all of it so has a Dice of .947."""
    assert kinds(course(FALLING, dice=[0.99] * 20, predicted=0.9, true=0.9)) == set()
    assert kinds(course(FALLING, dice=[0.948] * 20, predicted=0.97, true=0.9)) == {"no-better-than-chance"}


def test_overfitting_needs_validation_pictures_of_its_own() -> None:
    val = [*FALLING[:6], *(FALLING[5] + 0.05 * i for i in range(14))]
    assert kinds(course(FALLING, val)) == {"overfitting"}
    assert kinds(course(FALLING, val), own=False) == set()


def test_a_rate_that_is_too_high() -> None:
    jumping = [loss * (1.3 if i % 2 else 1.0) for i, loss in enumerate([0.8 - 0.02 * i for i in range(20)])]
    assert "rate-too-high" in kinds(course(jumping))


def test_a_training_that_hardly_began() -> None:
    assert {f.kind for f in diagnose([replace(course([0.9])[0], step=6)], own_validation=False)} == {"too-few-steps"}


def test_nothing_is_said_too_early() -> None:
    assert kinds(course([0.7, 0.7, 0.7])) == set()


@pytest.mark.parametrize(("places", "expected"), [(1, ["rare"]), (4, [])])
def test_rare_classes(places: int, expected: list[str]) -> None:
    target = torch.ones(20, 8, 8, dtype=torch.uint8)
    target[:places, 0, 0] = 2
    found = rare_classes([target], ["common", "rare"])
    assert [f.message.split("'")[1] for f in found] == expected
