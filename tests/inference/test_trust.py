"""What a prediction promises of itself, and what the promise is worth."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from modicum.evaluation.metrics import binary_metrics
from modicum.inference.trust import Signs, Trust, expected_dice, mask_shape, mean_expected_dice

RNG = np.random.default_rng
SHAPE = {"foreground": 0.2, "pieces": 1.0, "raggedness": 4.0}


@pytest.fixture(scope="module")
def trust() -> Trust:
    described = RNG(0).normal(5, 2, (30, 16))
    described[:, 3] = 1.0
    shapes = [{"foreground": f, "pieces": 1.0, "raggedness": 4.0} for f in np.linspace(0.1, 0.3, 30)]
    return Trust.of(described, shapes)


def test_the_expected_dice_is_what_comes_out_on_average() -> None:
    rng = np.random.default_rng(0)
    probability = rng.beta(0.3, 0.6, (40, 40))
    found = probability > 0.5
    reached = [
        binary_metrics(found, rng.random(probability.shape) < probability, None, distances=False)["dice"] for _ in range(300)
    ]
    assert expected_dice(probability, found) == pytest.approx(np.mean(reached), abs=0.01)
    assert expected_dice(probability, found & False) < 1e-6  # something is there, and nothing was found
    assert expected_dice(probability * 0, found & False) == 1.0
    assert expected_dice(found.astype(float), found) == pytest.approx(1.0)


def test_the_sure_background_beside_a_mask_promises_nothing() -> None:
    probability = np.full((2, 100, 100), 0.01, np.float16)
    probability[0, :10, :10] = 0.9
    numbers = (probability[0] > 0.5).astype(np.uint8)
    alone = expected_dice(probability[0, :10, :10].astype(float), numbers[:10, :10] > 0)
    assert mean_expected_dice(probability[:1], numbers) == pytest.approx(alone)
    assert mean_expected_dice(probability, numbers) == pytest.approx(alone)  # a class that is nowhere likely promises nothing
    probability[1, 50:60, 50:60] = 0.3
    assert mean_expected_dice(probability, numbers) == pytest.approx(alone / 2, abs=1e-6)  # of the second nothing was found
    faint = np.where(numbers, 0.05, 0.0)[None]
    assert mean_expected_dice(faint, numbers) == pytest.approx(2 * 0.05 / 1.05)  # whatever the threshold was


def test_shape_of_two_squares() -> None:
    mask = np.zeros((256, 128), bool)
    mask[10:20, 10:20] = mask[50:60, 10:20] = True
    shape = mask_shape(mask)
    assert shape == {"foreground": 200 / 256 / 128, "pieces": 2.0, "raggedness": pytest.approx(72 / 200**0.5)}
    large = mask_shape(np.kron(mask, np.ones((4, 4), bool)))
    assert large == pytest.approx(shape)  # whatever the resolution
    assert mask_shape(mask & False) == {"foreground": 0.0, "pieces": 0.0, "raggedness": 0.0}


def test_pictures_like_those_of_the_training_lie_within_reach(trust: Trust) -> None:
    alike = [trust.distance(x) for x in RNG(1).normal(5, 2, (400, 16))]
    assert 0.01 < np.mean(np.array(alike) > 1) < 0.15
    assert trust.distance(np.full(16, 15.0)) > 2
    one_constant_changed = np.array(trust.mean)
    one_constant_changed[3] += 100
    assert trust.distance(one_constant_changed) == 0


def test_without_weights_the_expected_dice_is_all(trust: Trust) -> None:
    signs = Signs(0.9, distance=7.0, shape={**SHAPE, "foreground": 0.9, "pieces": 3.0})
    assert trust.quality(signs) == 0.9
    assert trust.quality(Signs(0.9)) == 0.9
    told = " ".join(trust.reasons(signs))
    assert "7.0 times as far" in told
    assert "foreground 90.0%, training masks 11.0% to 29.0%" in told
    assert "pieces 3, training masks 1 to 1" in told
    assert "unsure" not in told
    assert trust.reasons(Signs(0.9, 0.95, 0.5, SHAPE)) == []


def test_weights_are_learned_from_many_and_hardly_from_few(trust: Trust) -> None:
    rng = RNG(2)
    mirrored = rng.uniform(0.2, 1, 60)
    signs = [Signs(0.95, m, 0.5, SHAPE) for m in mirrored]  # always as sure, and only the mirror tells
    learned = replace(trust, weights=trust.fitted(signs, mirrored.tolist()))
    quality = np.array([learned.quality(s) for s in signs])
    assert np.abs(quality - mirrored).mean() < 0.05
    few = replace(trust, weights=trust.fitted(signs[:2], [0.9, 0.9]))
    assert few.quality(Signs(0.6, 1.0, 0.5, SHAPE)) == pytest.approx(0.6, abs=0.1)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 9), st.floats(0, 1), st.integers(0, 20))
def test_no_sign_of_trouble_raises_the_quality(expected: float, mirrored: float, far: float, share: float, seed: int) -> None:
    rng = RNG(seed)
    trust = Trust.of(rng.normal(size=(5, 3)), [SHAPE] * 5)
    seen = [Signs(*rng.uniform(size=2), 3 * rng.uniform(), {**SHAPE, "pieces": rng.integers(4)}) for _ in range(20)]
    trust = replace(trust, weights=trust.fitted(seen, rng.uniform(size=20).tolist()))
    signs = Signs(expected, mirrored, far, {**SHAPE, "foreground": share})
    good = Signs(expected, 1.0, 0.0, SHAPE)
    assert 0 <= trust.quality(signs) <= trust.quality(good) <= 1


def test_it_comes_back_from_json(trust: Trust) -> None:
    for one in (trust, replace(trust, weights=(0.0, 1.0, 2.0, 0.0, 0.5))):
        assert TypeAdapter(Trust).validate_json(json.dumps(asdict(one))) == one
