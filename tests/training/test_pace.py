"""The pace by a clock that the test moves."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from modicum.errors import ModicumError
from modicum.training.pace import Pace


def test_the_budget_that_a_refusal_names_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("modicum.training.pace.time", SimpleNamespace(monotonic=lambda: now))

    def run(seconds: float) -> Pace:
        nonlocal now
        pace = Pace(None, seconds, 100)
        pace.begin()
        while not pace.done:
            now += 5.0 if pace.step == 0 else 1.0  # the first step warms up
            pace.advance()
        return pace

    with pytest.raises(ModicumError, match="too short") as refused:
        run(40.0)
    assert now < 15.0
    needed = re.search(r"--budget (\d+)s", str(refused.value))
    assert needed is not None
    assert int(needed[1]) < 80
    assert run(float(needed[1])).step >= 50


def test_a_budget_that_the_first_step_uses_up_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("modicum.training.pace.time", SimpleNamespace(monotonic=lambda: now))
    pace = Pace(None, 0.5, 2)
    pace.begin()
    now = 1.0
    with pytest.raises(ModicumError, match=r"0\.5 s is too short: about 1 steps fit, 2 are the least"):
        pace.advance()


@pytest.mark.parametrize(("pictures", "epochs"), [(2, (40, 44)), (30, (33, 34)), (100_000, (10, 11))])
def test_by_the_clock_there_are_ten_to_forty_epochs_however_many_pictures(
    monkeypatch: pytest.MonkeyPatch, pictures: int, epochs: tuple[int, int]
) -> None:
    now = 0.0
    monkeypatch.setattr("modicum.training.pace.time", SimpleNamespace(monotonic=lambda: now))
    pace, found = Pace(None, 1000.0, pictures), 0
    pace.begin()
    while not pace.done:
        start = pace.step
        while not pace.done and pace.step - start < pace.epoch_steps:
            now += 1.0
            pace.advance()
        pace.lay_out()
        found += 1
    assert 990 <= pace.step <= 1001
    assert epochs[0] <= found <= epochs[1] + 1
