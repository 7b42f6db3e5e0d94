"""Agreement: published examples, and intervals that hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr

from modicum.evaluation.agreement import agreement

# Peak expiratory flow, large and mini meter, first readings (Bland and Altman 1986, Lancet 327:307, table).
LARGE = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]


def test_bland_and_altmans_own_example() -> None:
    found = agreement(LARGE, MINI)
    assert found["bias"] == pytest.approx(-2.1, abs=0.05)
    spread = (found["limits"][1] - found["bias"]) / 1.96
    assert spread == pytest.approx(38.8, abs=0.05)
    assert found["bias_ci95"] == pytest.approx([-22.0, 17.8], abs=0.15)  # the paper: -22.0 to 17.8
    assert found["pearson"] == pytest.approx(0.94, abs=0.005)


def test_the_intraclass_correlation_of_a_published_table() -> None:
    # Shrout and Fleiss 1979, table 2, judges 1 and 2 of six targets; ICC(A,1) by hand from its mean squares
    x, y = np.array([9.0, 6, 8, 7, 10, 6]), np.array([2.0, 1, 4, 1, 5, 2])
    table = np.stack([x, y], 1)
    rows, columns = table.mean(1), table.mean(0)
    msr, msc = 2 * rows.var(ddof=1), 6 * columns.var(ddof=1)
    mse = ((table - rows[:, None] - columns + table.mean()) ** 2).sum() / 5
    expected = (msr - mse) / (msr + mse + 2 * (msc - mse) / 6)
    assert agreement(x, y)["icc"] == pytest.approx(expected)
    assert expected == pytest.approx(24 / 191)  # on paper: MSR 4.6833, MSC 80.0833, MSE .6833


def test_the_intervals_hold_the_truth_in_19_of_20() -> None:
    rng = np.random.default_rng(0)
    n, between, within, bias = 25, 10.0, 3.0, 1.0
    inside = {"bias": 0, "upper": 0, "icc": 0, "pearson": 0}
    sd = within * np.sqrt(2)
    icc = between**2 / (between**2 + within**2 + bias**2 / 2)
    r = between**2 / (between**2 + within**2)
    for _ in range(400):
        truth = rng.normal(50, between, n)
        x, y = truth + rng.normal(bias, within, n), truth + rng.normal(0, within, n)
        found = agreement(x, y)
        inside["bias"] += found["bias_ci95"][0] <= bias <= found["bias_ci95"][1]
        inside["upper"] += found["limits_ci95"][1][0] <= bias + 1.96 * sd <= found["limits_ci95"][1][1]
        inside["icc"] += found["icc_ci95"][0] <= icc <= found["icc_ci95"][1]
        inside["pearson"] += found["pearson_ci95"][0] <= r <= found["pearson_ci95"][1]
    assert all(0.92 <= count / 400 <= 0.99 for count in inside.values()), inside


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=4, max_size=40), st.integers(1, 4))
def test_figures_are_those_of_the_plain_formulas(pairs: list[tuple[int, int]], each: int) -> None:
    x, y = np.array(pairs, float).T
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return
    found = agreement(x, y, [str(n // each) for n in range(len(x))])
    d = x - y
    assert found["bias"] == pytest.approx(d.mean(), abs=1e-9)
    assert found["limits"] == pytest.approx([d.mean() - 1.96 * d.std(ddof=1), d.mean() + 1.96 * d.std(ddof=1)], abs=1e-6)
    assert found["absolute_error"] == pytest.approx(np.abs(d).mean())
    assert found["pearson"] == pytest.approx(pearsonr(x, y).statistic, abs=1e-6)
    table = np.stack([x, y], 1)
    between, raters = 2 * table.mean(1).var(ddof=1), len(x) * table.mean(0).var(ddof=1)
    rest = ((table - table.mean(1)[:, None] - table.mean(0) + table.mean()) ** 2).sum() / (len(x) - 1)
    if (below := between + rest + 2 * (raters - rest) / len(x)) > 1e-6:
        assert found["icc"] == pytest.approx((between - rest) / below, abs=1e-6)


def test_slices_of_one_patient_are_not_counted_as_many() -> None:
    rng = np.random.default_rng(1)
    patients, each = 12, 20
    groups = [str(p) for p in np.repeat(np.arange(patients), each)]
    held = {"patients": 0, "slices": 0}
    for _ in range(200):
        y = rng.uniform(5, 50, patients * each)
        x = y + np.repeat(rng.normal(1, 2, patients), each) + rng.normal(0, 1, y.size)  # each patient has an error of his own
        for name, found in (("patients", agreement(x, y, groups)), ("slices", agreement(x, y))):
            held[name] += found["bias_ci95"][0] <= 1 <= found["bias_ci95"][1]
    assert 0.88 <= held["patients"] / 200 <= 0.99, held
    assert held["slices"] / 200 < 0.6, held
    intervals = agreement(x, y, groups)
    for figure, interval in (("pearson", "pearson_ci95"), ("icc", "icc_ci95")):
        assert intervals[interval][0] < intervals[figure] < intervals[interval][1]  # type: ignore[literal-required]
    assert np.isnan(agreement(x, y, ["a"] * len(x))["bias_ci95"]).all()


def test_perfect_agreement_has_an_interval() -> None:
    """Rounding leaves next to nothing of variances that are 0, and no warning."""
    values = np.random.default_rng(0).uniform(1, 4, 20)
    with np.errstate(all="raise"):
        found = agreement(values, values * (1 + 1e-16))
        assert (found["icc"], found["icc_ci95"]) == (pytest.approx(1), [1, 1])
        assert agreement(values, values * (1 + 1e-9))["icc_ci95"] == pytest.approx([1, 1])


def test_what_does_not_exist_is_nan() -> None:
    assert np.isnan(agreement([1.0], [1.0])["limits"]).all()
    assert np.isnan(agreement([], [])["bias"])
    same = agreement([1.0, 2.0, 3.0, 5.0], [1.0, 2.0, 3.0, 5.0])
    assert same["bias"] == 0
    assert same["icc"] == pytest.approx(1.0)
    assert agreement([1.0, 2.0], [0.0, 4.0])["relative_error"] == pytest.approx(0.5)
    assert agreement([1.0, 2.0], [0.0, 4.0])["relative_bias"] == pytest.approx(-0.5)
    assert agreement([1.0, 2.0], [0.0, 4.0])["absolute_error"] == pytest.approx(1.5)
    with pytest.raises(ValueError, match="2 measurements"):
        agreement([1.0, 2.0], [1.0])
