"""Which choice is taken where several are as good as the best."""

from __future__ import annotations

import numpy as np

from modicum.evaluation.curves import ProbabilityHistogram, steady_choice, steady_threshold


def histogram(valid: bool) -> ProbabilityHistogram:
    rng = np.random.default_rng(0)
    truth = rng.random((20, 20)) < 0.3
    probability = np.clip(0.5 + (truth - 0.5) * 0.6 + rng.normal(0, 0.1, truth.shape), 0, 1).astype(np.float16)
    found = ProbabilityHistogram()
    found.add(probability, truth, np.full(truth.shape, valid))
    return found


def test_pictures_without_a_pixel_that_counts_tell_nothing() -> None:
    told = [histogram(True)] * 4
    assert steady_threshold([*told, histogram(False)]) == steady_threshold(told)
    dice = np.array([[0.2, 0.8, 0.7], [0.3, 0.7, 0.8], [np.nan] * 3])
    assert steady_choice(dice, np.array([1.0, 0.5, 0.0])) == steady_choice(dice[:2], np.array([1.0, 0.5, 0.0])) == 2


def test_pictures_of_one_patient_count_as_one() -> None:
    """Ten slices of somebody are no ten people: what suits them alone moves nothing."""
    one, others = [0.9, 0.5], [[0.6, 0.62], [0.7, 0.71]]
    distance = np.array([1.0, 0.0])
    assert steady_choice(np.array([one] * 10), distance) == 0
    assert steady_choice(np.array([one] * 10), distance, ["a"] * 10) == 1
    assert steady_choice(np.array([*([one] * 10), *others]), distance) == 0
    assert steady_choice(np.array([*([one] * 10), *others]), distance, [*("a" * 10), "b", "c"]) == 1
    told = [histogram(True)] * 4
    assert steady_threshold(told, ["a"] * 4) == 0.5
    assert steady_threshold(told, list("abcd")) == steady_threshold(told)
