"""The interval holds the truth as often as it says, and patients count, not pictures."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modicum.evaluation.statistics import bootstrap_interval, summarise


def test_simple_figures():
    found = summarise([0.5, 0.7, 0.7, 0.9])
    assert found["mean"] == pytest.approx(0.7) and found["median"] == pytest.approx(0.7)
    assert found["sd"] == pytest.approx(0.163, abs=1e-3) and found["n"] == found["groups"] == 4
    low, high = found["ci95"]
    assert 0.5 <= low < 0.7 < high <= 0.9


def test_undefined_values_are_left_out_and_counted():
    found = summarise([0.5, math.nan, 0.7])
    assert (found["n"], found["undefined"]) == (2, 1)
    assert found["mean"] == pytest.approx(0.6)


@pytest.mark.parametrize("values", [[], [math.nan], [0.8], [0.8, 0.7, 0.9]])
def test_too_few_values_have_no_interval(values):
    found = summarise(values)
    assert all(math.isnan(v) for v in found["ci95"]) and math.isnan(found["sd"]) == (len(values) < 2)


def test_many_pictures_of_one_patient_have_no_interval():
    assert all(math.isnan(v) for v in summarise([0.7, 0.8, 0.9], ["a", "a", "a"])["ci95"])


def test_equal_values_have_an_interval_of_no_width():
    assert summarise([0.8] * 5)["ci95"] == pytest.approx([0.8, 0.8])


def test_the_same_seed_gives_the_same_interval():
    values = np.random.default_rng(0).random(20)
    assert summarise(values, seed=3) == summarise(values, seed=3)
    assert summarise(values, seed=3)["ci95"] != summarise(values, seed=4)["ci95"]


@pytest.mark.parametrize("n", [6, 20])
def test_the_interval_holds_the_true_mean_as_often_as_it_says(n):
    rng = np.random.default_rng(2)
    groups = np.arange(n)
    held = 0
    for _ in range(600):
        low, high = bootstrap_interval(rng.beta(8, 2, n), groups)
        held += low <= 0.8 <= high
    assert 0.90 <= held / 600 <= 0.98  # plain percentiles: .85 for 6 pictures


def test_alike_pictures_of_few_patients_make_the_interval_wider():
    rng = np.random.default_rng(2)
    patients = np.repeat(np.arange(8), 10)
    values = 0.8 + 0.05 * rng.normal(size=8)[patients] + 0.01 * rng.normal(size=80)
    by_patient = summarise(values, [str(p) for p in patients])["ci95"]
    by_picture = summarise(values)["ci95"]
    assert np.ptp(by_patient) > 2 * np.ptp(by_picture)


def test_groups_of_different_size_keep_the_mean_over_pictures():
    found = summarise([0.9, 0.9, 0.9, 0.5, 0.5, 0.9], ["a", "a", "a", "b", "c", "d"])
    assert found["mean"] == pytest.approx(4.6 / 6) and found["groups"] == 4
    low, high = found["ci95"]
    assert low == pytest.approx(0.5) and high == pytest.approx(0.9)


def test_groups_must_fit_the_values():
    with pytest.raises(ValueError, match="groups"):
        summarise([0.5, 0.6], ["a"])
