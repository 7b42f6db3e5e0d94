"""Temperature: it finds what was done to the logits, changes no order, and looks only at pixels that count."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modicum.inference.calibration import drawn, fitted_temperature, tempered, with_background

RNG = np.random.default_rng


@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_what_was_done_to_the_logits_is_undone(classes: int, temperature: float) -> None:
    rng = RNG(0)
    logits = rng.normal(0, 1.5, (classes + 1, 60, 80))
    honest = torch.softmax(torch.tensor(logits), 0).numpy()
    truth = np.array([rng.choice(classes + 1, p=p) for p in honest.reshape(classes + 1, -1).T]).reshape(60, 80)
    told = torch.softmax(torch.tensor(logits * temperature), 0).numpy()[1:].astype(np.float16)
    found = fitted_temperature([drawn(told, truth.astype(np.uint8), None, rng)])
    assert found == pytest.approx(temperature, rel=0.06)
    assert np.abs(tempered(told, temperature).astype(float) - honest[1:]).max() < 0.04  # float16 is coarse next to 1


@given(st.floats(0.2, 5), st.integers(1, 3), st.integers(0, 99))
def test_order_halves_and_zeros_stay(temperature: float, classes: int, seed: int) -> None:
    every = RNG(seed).dirichlet(np.full(classes + 1, 0.5), (5, 7)).transpose(2, 0, 1)
    probability = every[1:].astype(np.float16)
    changed = tempered(probability, temperature)
    assert ((changed >= 0) & (changed <= 1)).all()
    before, after = (with_background(p.astype(np.float32)) for p in (probability, changed))
    best = before.argmax(0)[None]
    assert (np.take_along_axis(after, best, 0) >= after.max(0) - 1e-3).all()
    flat = probability[0].ravel().argsort()
    if classes == 1:
        assert (np.diff(changed[0].ravel()[flat].astype(float)) >= 0).all()
    plain = np.array([[[0.0, 0.5]]], np.float16)
    assert tempered(plain, temperature).ravel().tolist() == pytest.approx([0.0, 0.5])


def test_pixels_that_do_not_count_are_not_drawn() -> None:
    truth = np.zeros((200, 200), np.uint8)
    truth[:100] = 1
    probability = np.where(truth, 0.9, 0.1)[None].astype(np.float16)
    outside = np.ones((200, 200), bool)
    outside[:, :150] = False
    probability[:, outside] = 0.0
    told, true = drawn(probability, truth, ~outside, RNG(0))
    assert len(true) == 10_000
    assert told[:, 1].min() > 0.05
    assert np.array_equal(told[:, 1] > 0.5, true == 1)


def test_without_foreground_nothing_can_be_told() -> None:
    empty = drawn(np.full((1, 5, 5), 0.3, np.float16), np.zeros((5, 5), np.uint8), None, RNG(0))
    assert fitted_temperature([empty]) == 1.0
    assert fitted_temperature([]) == 1.0
