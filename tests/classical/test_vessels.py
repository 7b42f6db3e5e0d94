"""Vessel filters: they answer to lines in every direction, and their level is that of the best Dice."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from modicum.classical import METHODS
from modicum.classical.cosfire import _strongest_near
from modicum.classical.responses import as_probability, best_level, knots
from modicum.views import TrainingPicture

FILTERS = ("matched_filter", "bcosfire", "frangi")


def branches(seed: int, *, dark: bool = True) -> TrainingPicture:
    """Lines four pixels wide in all directions, blurred and noisy."""
    rng = np.random.default_rng(seed)
    label = np.zeros((120, 140), np.uint8)
    for angle in rng.uniform(0, np.pi, 5):
        centre = rng.uniform(30, 100, 2)
        reach = 60 * np.array([np.cos(angle), np.sin(angle)])
        start, end = ((centre + side * reach).astype(int).tolist() for side in (-1, 1))
        cv2.line(label, start, end, 1, 4)
    soft = cv2.GaussianBlur(label.astype(np.float32), (0, 0), 1)
    image = 120 + (-1 if dark else 1) * 50 * soft + rng.normal(0, 10, label.shape)
    return TrainingPicture(f"b{seed}", np.clip(image, 0, 255).astype(np.uint8)[..., None], label)


@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("name", FILTERS)
def test_lines_are_found(name: str, dark: bool) -> None:
    method = METHODS.build({"name": name, "dark": dark})
    state = method.fit([branches(0, dark=dark), branches(1, dark=dark)], 1, 0)
    other = branches(2, dark=dark)
    probability = method.probabilities(other.image, state)[0]
    found = probability >= 0.5
    assert roc_auc_score(other.label.ravel(), probability.ravel()) > 0.9
    assert 2 * (found & (other.label > 0)).sum() / (found.sum() + other.label.sum()) > (0.6 if name == "frangi" else 0.75)
    wrong = METHODS.build({"name": name, "dark": not dark})
    assert roc_auc_score(other.label.ravel(), wrong.probabilities(other.image, state)[0].ravel()) < 0.7


@pytest.mark.parametrize("name", FILTERS)
def test_a_turned_picture_gives_a_turned_answer(name: str) -> None:
    method, one = METHODS.build(name), branches(3)
    state = method.fit([one], 1, 0)
    straight = method.probabilities(one.image, state)[0]
    turned = method.probabilities(np.ascontiguousarray(np.rot90(one.image)), state)[0]
    inside = np.s_[30:-30, 30:-30]
    assert np.rot90(turned, -1)[inside] == pytest.approx(straight[inside], abs=0.12)


def test_the_strongest_nearby_answer_is_that_of_a_search() -> None:
    values = np.random.default_rng(0).normal(size=(9, 11)).astype(np.float32)
    y, x = np.indices(values.shape)
    found, sigma = _strongest_near(values, 1.5), 1.5
    far = np.ceil(3 * sigma)
    for place in ((4, 5), (0, 0), (8, 3)):
        near = (abs(y - place[0]) <= far) & (abs(x - place[1]) <= far)
        weighed = values - ((y - place[0]) ** 2 + (x - place[1]) ** 2) / (2 * sigma**2)
        assert found[place] == pytest.approx(weighed[near].max(), abs=1e-5)


def test_pictures_without_vessels_teach_that_there_are_none() -> None:
    response = np.random.default_rng(0).normal(size=400)
    assert (as_probability(response, knots([(response, np.zeros(400, bool))])) >= 0.5).sum() <= 1


@given(st.integers(0, 10_000), st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_the_level_is_that_of_the_best_mean_dice(seed: int, pictures: int) -> None:
    rng = np.random.default_rng(seed)
    known = []
    for _ in range(pictures):
        foreground = rng.random(300) < 0.3
        known.append((rng.normal(foreground * 1.5, 1), foreground))

    def dice(level: float) -> float:
        return float(np.mean([2 * ((r >= level) & f).sum() / ((r >= level).sum() + f.sum()) for r, f in known]))

    level = best_level(known)
    assert dice(level) >= max(dice(t) for t in np.concatenate([r for r, _ in known])) - 0.01
    scale = knots(known)
    assert np.all(np.diff(scale) >= 0)
    values = np.sort(rng.normal(size=50))
    probability = as_probability(values, scale)
    assert np.all(np.diff(probability) >= 0)
    assert np.array_equal(probability >= 0.5, values >= scale[len(scale) // 2])
