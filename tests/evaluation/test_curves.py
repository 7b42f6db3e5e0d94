"""The streaming curves against scikit-learn's, which keeps every pixel."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from modicum.evaluation.curves import ProbabilityHistogram, steady_threshold


def pixels(seed: int, sharpness: float, count: int = 40_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.random(count) < 0.12
    logits = sharpness * (np.where(truth, 1.0, -1.5) + rng.normal(size=count))
    return (1 / (1 + np.exp(-logits))).astype(np.float32), truth


def histogram_of(probability: np.ndarray, truth: np.ndarray) -> ProbabilityHistogram:
    histogram = ProbabilityHistogram()
    histogram.add(probability, truth)
    return histogram


@pytest.mark.parametrize("sharpness", [0.3, 1, 4, 8])  # 8: nearly all probabilities below 1e-3 or above .999
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_areas_agree_with_scikit_learn(sharpness, dtype):
    probability, truth = pixels(1, sharpness)
    probability = probability.astype(dtype)
    histogram = histogram_of(probability, truth)
    assert histogram.auc() == pytest.approx(sk.roc_auc_score(truth, probability), abs=1e-3)
    assert histogram.average_precision() == pytest.approx(sk.average_precision_score(truth, probability), abs=3e-3)


def test_pictures_one_by_one_or_merged_are_all_pixels_together():
    probability, truth = pixels(2, 2)
    whole, one_by_one, merged = histogram_of(probability, truth), ProbabilityHistogram(), ProbabilityHistogram()
    for p, t in zip(np.split(probability, 4), np.split(truth, 4), strict=True):
        one_by_one.add(p.reshape(100, 100), t.reshape(100, 100))
        merged.merge(histogram_of(p, t))
    assert np.array_equal(whole.counts, one_by_one.counts)
    assert np.array_equal(whole.counts, merged.counts)


def test_dice_at_every_threshold_is_that_of_scikit_learn():
    probability, truth = pixels(3, 1)
    thresholds, dice = histogram_of(probability, truth).at_every_threshold("dice")
    assert len(thresholds) == 1023
    for place in range(0, 1023, 73):
        assert dice[place] == pytest.approx(sk.f1_score(truth, probability >= thresholds[place]))
        assert float(np.float16(thresholds[place])) == thresholds[place]  # the same decision on float16 maps


def test_a_threshold_that_every_picture_wants_is_chosen():
    rng = np.random.default_rng(0)
    pictures = []
    for _ in range(12):
        truth = rng.random(4000) < 0.3
        pictures.append(histogram_of(np.where(truth, 0.15, 0.05) + rng.uniform(0, 0.04, 4000), truth))
    assert 0.08 < steady_threshold(pictures) < 0.16


def test_one_odd_picture_does_not_move_the_threshold():
    rng = np.random.default_rng(0)
    truth = rng.random(4000) < 0.3
    good = [histogram_of(np.where(truth, 0.9, 0.1) + rng.uniform(-0.09, 0.09, 4000), truth) for _ in range(5)]
    odd = histogram_of(np.where(truth, 0.02, 0.01), truth)
    assert steady_threshold([*good, odd]) == 0.5
    assert steady_threshold([odd]) == 0.5


def test_confusion_counts_the_pixel_on_the_threshold_as_foreground():
    found = histogram_of(np.array([0.0, 0.25, 0.5, 0.75, 1.0]), np.array([0, 0, 1, 0, 1], bool)).confusion(0.5)
    assert [found[c] for c in ("tp", "fp", "fn", "tn")] == [2, 1, 0, 2]


def test_perfect_separation_has_the_whole_area():
    assert histogram_of(np.array([0.2, 0.8]), np.array([False, True])).auc() == 1


def test_curves_run_from_corner_to_corner():
    fpr, tpr, thresholds = histogram_of(*pixels(4, 1)).roc()
    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)
    assert (np.diff(fpr) >= 0).all() and (np.diff(thresholds) < 0).all()
    precision, recall, _ = histogram_of(*pixels(4, 1)).precision_recall()
    assert precision[0] == 1 and recall[-1] == 1


def test_only_one_class_has_no_area():
    histogram = histogram_of(np.array([0.2, 0.8]), np.array([False, False]))
    assert math.isnan(histogram.auc()) and math.isnan(histogram.average_precision())
    assert steady_threshold([histogram, histogram]) == 0.5
    assert math.isnan(ProbabilityHistogram().auc())


def test_invalid_pixels_do_not_count():
    histogram = ProbabilityHistogram()
    histogram.add(np.array([[0.9, 0.1]]), np.array([[False, True]]), np.array([[True, False]]))
    assert (histogram.negatives, histogram.positives) == (1, 0)


def test_what_is_refused():
    with pytest.raises(ValueError, match="not a number"):
        histogram_of(np.array([np.nan]), np.array([True]))
    with pytest.raises(ValueError, match="shape"):
        histogram_of(np.zeros((2, 2)), np.zeros((2, 3), bool))
    with pytest.raises(ValueError, match="bins"):
        ProbabilityHistogram(8).merge(ProbabilityHistogram(16))
    with pytest.raises(ValueError, match="bins"):
        ProbabilityHistogram(1)


def test_reliability_is_that_of_scikit_learn():
    rng = np.random.default_rng(3)
    probability = rng.beta(0.4, 0.7, 40_000)
    truth = rng.random(40_000) < probability**1.5
    histogram = histogram_of(probability, truth)
    told, foreground, many = histogram.reliability()
    expected_foreground, expected_told = calibration_curve(truth, probability, n_bins=15)
    assert np.abs(told - expected_told).max() < 1e-3
    assert np.abs(foreground - expected_foreground).max() < 2e-3
    share = np.histogram(probability, np.linspace(0, 1, 16))[0] / 40_000
    assert many == pytest.approx(share * 40_000, abs=40)
    error = np.sum(share * np.abs(expected_foreground - expected_told))
    assert histogram.calibration_error() == pytest.approx(error, abs=1e-3)
    assert np.isnan(ProbabilityHistogram().calibration_error())


@pytest.mark.parametrize("temperature", [0.6, 2.0])
def test_what_it_was_before_the_temperature_is_told_without_a_second_look(temperature):
    rng = np.random.default_rng(4)
    logits = rng.normal(0, 2, (100, 100))
    truth = rng.random(logits.shape) < 1 / (1 + np.exp(-logits))
    before = histogram_of(1 / (1 + np.exp(-logits)), truth)
    after = histogram_of(1 / (1 + np.exp(-logits / temperature)), truth)
    assert after.calibration_error(temperature) == pytest.approx(before.calibration_error(), abs=3e-3)
    assert after.calibration_error() > before.calibration_error() + 0.02
