"""Every metric against scikit-learn and MONAI, and every edge case by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as sk

from modicum.evaluation.metrics import OVERLAP_METRICS, binary_metrics

masks = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
    lambda shape: st.tuples(*(arrays(np.bool_, shape) for _ in range(3)))
)


def blob(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(rng.normal(size=shape), 2.5) > 0.03


@settings(max_examples=150, deadline=None)
@given(masks)
def test_overlap_metrics_are_those_of_scikit_learn(three):
    prediction, truth, valid = three
    found = binary_metrics(prediction, truth, valid, distances=False)
    t, p = truth[valid], prediction[valid]
    if t.size == 0:
        assert all(math.isnan(v) for v in found.values())
        return
    empty = 1.0 if not (t.any() or p.any()) else 0.0
    assert found["dice"] == pytest.approx(sk.f1_score(t, p, zero_division=empty))
    assert found["iou"] == pytest.approx(sk.jaccard_score(t, p, zero_division=empty))
    assert found["precision"] == pytest.approx(sk.precision_score(t, p, zero_division=empty))
    assert found["recall"] == pytest.approx(sk.recall_score(t, p, zero_division=empty))
    assert found["specificity"] == pytest.approx(sk.recall_score(~t, ~p, zero_division=1.0))
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(t, p))
    assert found["thresholded_jaccard"] == (found["iou"] if found["iou"] >= 0.65 else 0)
    assert set(found) == set(OVERLAP_METRICS)


@pytest.mark.parametrize("shape", [(40, 53), (14, 17, 12)])
@pytest.mark.parametrize("seed", range(6))
def test_dice_and_hausdorff_are_those_of_monai(shape, seed):
    torch = pytest.importorskip("torch")
    from monai.metrics import compute_hausdorff_distance
    from monai.metrics.meandice import compute_dice

    rng = np.random.default_rng(seed)
    prediction, truth = blob(rng, shape), blob(rng, shape)
    found = binary_metrics(prediction, truth)
    p, t = (torch.from_numpy(m)[None, None].float() for m in (prediction, truth))
    assert found["dice"] == pytest.approx(float(compute_dice(p, t)), abs=1e-6)
    theirs = float(compute_hausdorff_distance(p, t, include_background=True, percentile=95))
    assert found["hd95"] == pytest.approx(theirs, abs=1e-4)


def test_hausdorff_of_two_squares_known_by_hand():
    truth, prediction = np.zeros((30, 30), bool), np.zeros((30, 30), bool)
    truth[5, 5] = prediction[8, 9] = True
    assert binary_metrics(prediction, truth)["hd95"] == pytest.approx(5.0)


def test_hausdorff_counts_only_valid_pixels():
    truth, prediction, valid = (np.zeros((20, 20), bool) for _ in range(3))
    truth[2:6, 2:6] = prediction[2:6, 2:6] = valid[:10] = True
    prediction[18, 18] = True  # outside the field of view
    assert binary_metrics(prediction, truth, valid)["hd95"] == 0


def test_nothing_there_and_nothing_found_is_perfect():
    empty = np.zeros((5, 5), bool)
    found = binary_metrics(empty, empty)
    assert all(found[m] == 1 for m in OVERLAP_METRICS)
    assert found["hd95"] == 0


@pytest.mark.parametrize("empty_one", ["truth", "prediction"])
def test_one_empty_mask(empty_one):
    empty, some = np.zeros((5, 5), bool), np.zeros((5, 5), bool)
    some[2, 2] = True
    found = binary_metrics(*((some, empty) if empty_one == "truth" else (empty, some)))
    assert [found[m] for m in ("dice", "iou", "thresholded_jaccard", "precision", "recall")] == [0] * 5
    assert math.isnan(found["hd95"])
    assert found["accuracy"] == pytest.approx(24 / 25)


def test_everything_is_object():
    full = np.ones((4, 4), bool)
    found = binary_metrics(full, full)
    assert found["specificity"] == found["dice"] == 1
    assert found["hd95"] == 0


def test_no_valid_pixel_has_no_figures():
    some = np.ones((4, 4), bool)
    assert all(math.isnan(v) for v in binary_metrics(some, some, ~some).values())


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="differ in shape"):
        binary_metrics(np.ones((2, 3), bool), np.ones((3, 2), bool))
