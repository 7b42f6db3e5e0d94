"""Comparisons: corrections and effects against their definitions, intervals that hold what they promise, honest outlooks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.evaluation.comparison import contrast, drawn_means, holm, mean_interval, rank_biserial
from modicum.evaluation.power_law import fitted, outlook
from modicum.evaluation.report.comparison import conclusions
from modicum.evaluation.statistics import paired_difference


def test_holm_on_a_worked_example() -> None:
    # Holm 1979: sorted p times m, m - 1, ...; made monotone
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    found = holm([0.5, float("nan"), 0.6])
    assert found[0] == pytest.approx(1.0)
    assert np.isnan(found[1])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_never_makes_p_smaller_and_keeps_the_order(p: list[float]) -> None:
    corrected = np.array(holm(p))
    assert (corrected >= np.array(p) - 1e-12).all()
    assert (corrected <= 1).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(corrected[order]) >= -1e-12).all()
    assert corrected.min() == pytest.approx(min(1.0, min(p) * len(p)))


def test_rank_biserial_by_hand() -> None:
    # ranks 1, 2, 3, 4 of .1, .2, .3, .4: gains 2 + 3 + 4, loss 1
    assert rank_biserial([-0.1, 0.2, 0.3, 0.4, 0.0]) == pytest.approx((9 - 1) / 10)
    assert rank_biserial([0.0, 0.0]) == 0.0
    assert rank_biserial([1.0, 2.0]) == 1.0


def test_the_interval_holds_the_true_mean_in_19_of_20() -> None:
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(300):
        pictures, repetitions = rng.normal(0, 0.1, (1, 25)), rng.normal(0, 0.03, (5, 1))
        dice = 0.8 + pictures + repetitions + rng.normal(0, 0.05, (5, 25))
        _, (low, high) = mean_interval(dice, [str(i) for i in range(25)])
        inside.append(low <= 0.8 <= high)
    assert 0.92 <= np.mean(inside) <= 0.99


def test_few_repetitions_do_not_make_a_difference_of_chance() -> None:
    """Three draws of labels, as a user makes them: tests over pictures alone would find a difference in a quarter of cases."""
    rng = np.random.default_rng(2)
    found = []
    for _ in range(300):
        difference = rng.normal(0, 0.1, (1, 80)) + rng.normal(0, 0.03, (3, 1)) + rng.normal(0, 0.1, (3, 80))
        found.append(contrast(difference, np.zeros((3, 80)), [str(i) for i in range(80)]))
    assert np.mean([c["p"] < 0.05 for c in found]) < 0.09
    assert np.mean([c["wilcoxon"] < 0.05 for c in found]) > 0.12
    assert all((c["p"] < 0.05) == (not c["ci95"][0] <= 0 <= c["ci95"][1]) for c in found)


def test_pictures_of_few_patients_do_not_make_a_difference_of_chance() -> None:
    """Ten patients with ten pictures each, alike within a patient: a test over pictures finds something in a third of cases."""
    rng = np.random.default_rng(0)
    patients = [f"p{i // 10}" for i in range(100)]
    several, single = [], []
    for _ in range(300):
        difference = np.repeat(rng.normal(0, 0.05, 10), 10) + rng.normal(0, 0.05, 100)
        several.append(contrast(difference[None], np.zeros((1, 100)), patients))
        single.append(paired_difference(difference, np.zeros(100), patients)["p"])
    assert np.mean(np.array(single) < 0.05) < 0.09
    assert [c["p"] for c in several] == [c["wilcoxon"] for c in several] == pytest.approx(single)
    one_of_two = np.repeat([0.1, -0.3], [9, 1])
    of_patients = paired_difference(one_of_two, np.zeros(10), [*"aaaaaaaaab"])
    assert paired_difference(one_of_two, np.zeros(10))["p"] < 0.1 < of_patients["p"]


def test_one_test_patient_gives_no_interval() -> None:
    mean, interval = mean_interval(np.array([[0.8, 0.9], [0.7, 0.8]]), ["a", "a"])
    assert mean == pytest.approx(0.8)
    assert np.isnan(interval).all()


@pytest.mark.parametrize("repetitions", [1, 3])
def test_a_patient_with_many_pictures_counts_once(repetitions: int) -> None:
    dice = np.tile(np.repeat([0.5, 0.9, 0.9, 0.9], [20, 1, 1, 1]), (repetitions, 1)) + 0.01 * np.arange(repetitions)[:, None]
    mean, (low, high) = mean_interval(dice, [*("a" * 20), "b", "c", "d"])
    assert mean == pytest.approx(dice[:, [0, 20, 21, 22]].mean())
    assert low < mean < high


def test_patients_are_drawn_whole() -> None:
    rng = np.random.default_rng(0)
    by_patient = np.repeat(rng.normal(0.8, 0.1, 6), 20)[None]
    patients = [str(i // 20) for i in range(120)]
    alone = drawn_means(by_patient, [str(i) for i in range(120)]).std()
    together = drawn_means(by_patient, patients).std()
    assert together > 3 * alone
    assert drawn_means(by_patient, patients).mean() == pytest.approx(by_patient.mean(), abs=0.01)


def test_a_contrast_finds_what_is_there_and_nothing_else() -> None:
    rng = np.random.default_rng(1)
    reference = rng.uniform(0.5, 0.9, (3, 40))
    better = reference + 0.04 + rng.normal(0, 0.02, (3, 40))
    found = contrast(better, reference, [str(i) for i in range(40)])
    assert found["mean"] == pytest.approx(0.04, abs=0.01)
    assert found["ci95"][0] > 0.02
    assert found["p"] < 0.001
    assert found["wilcoxon"] < 1e-6
    assert found["effect"] > 0.9
    same = contrast(reference + rng.normal(0, 0.02, (3, 40)), reference, [str(i) for i in range(40)])
    assert same["ci95"][0] < 0 < same["ci95"][1]


@given(st.floats(0.6, 0.95), st.floats(0.2, 1.5), st.floats(0.2, 1.5))
def test_a_power_law_is_found_again(best: float, gap: float, steepness: float) -> None:
    sizes = [5, 10, 20, 40, 80]
    dice = np.array([best - gap * n**-steepness for n in sizes])
    (found,) = fitted(sizes, dice[None])
    predicted = found[0] - found[1] * 160.0 ** -found[2]
    assert predicted == pytest.approx(best - gap * 160**-steepness, abs=0.01)


def test_an_outlook_is_wider_than_what_was_seen_and_never_falls_with_more_labels() -> None:
    rng = np.random.default_rng(0)
    sizes, dice = [5, 10, 20], np.array([0.6, 0.7, 0.76])
    drawn = dice + rng.normal(0, 0.02, (500, 3))
    near, far = outlook(sizes, dice, drawn, [40, 80])
    assert 0.76 < near.dice < far.dice < 1
    assert far.ci95[1] - far.ci95[0] > near.ci95[1] - near.ci95[0] > 4 * 0.02 / 2
    assert near.ci95[0] < near.dice < near.ci95[1]
    assert outlook([5, 10], dice[:2], drawn[:, :2], [40]) == []
    falling = outlook(sizes, dice[::-1].copy(), drawn[:, ::-1], [40])[0]
    assert falling.dice == pytest.approx(dice.mean(), abs=0.02)  # no promise where more labels did not help


def test_the_conclusion_says_chance_where_it_is_chance() -> None:
    def row(mean: float, low: float, high: float, p: float) -> dict[str, object]:
        difference = {"mean": mean, "ci95": [low, high], "p_holm": p, "wilcoxon_holm": p, "effect": 0.5}
        return {"recipe": "b", "labels": 5, "dice": 0.8, "ci95": [0.7, 0.9], "repetitions": 3, "difference": difference}

    def said(*values: float) -> str:
        return conclusions({"recipes": ["a", "b"], "rows": [row(*values)], "ahead": {}})[0]

    assert "adds .060 Dice" in said(0.06, 0.03, 0.09, 0.001)
    assert "loses .060 Dice" in said(-0.06, -0.09, -0.03, 0.001)
    assert "cannot be told" in said(0.06, 0.03, 0.09, 0.2)
    assert "cannot be told" in said(0.01, -0.02, 0.04, 0.5)


def test_of_one_patient_no_test_is_possible_however_many_repetitions() -> None:
    rng = np.random.default_rng(0)
    dice = rng.uniform(0.5, 1, (3, 5))
    assert np.isnan(contrast(dice, dice - 0.1, ["one"] * 5)["p"])
    assert contrast(dice, dice, ["a", "b", "c", "d", "e"])["p"] == 1
