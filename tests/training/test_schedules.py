"""Learning-rate schedules: the shapes they should have, and agreement with PyTorch's."""

from __future__ import annotations

import math

import pytest
import torch

from modicum.training.schedules import SCHEDULES


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("constant", [1, 1, 1]),
        ("cosine", [1, 0.5, 0]),
        ({"name": "one_cycle", "warm_up": 0.0}, [1, 0.5, 0]),
        ({"name": "multi_step", "milestones": [0.5, 0.9]}, [1, 0.1, 0.01]),
    ],
)
def test_schedules(spec: str | dict, expected: list[float]) -> None:
    schedule = SCHEDULES.build(spec)
    assert [schedule(p, []) for p in (0.0, 0.5, 1.0)] == pytest.approx(expected, abs=1e-9)


def test_one_cycle_rises_then_falls_as_pytorchs_does() -> None:
    steps = 1000
    theirs = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    reference = torch.optim.lr_scheduler.OneCycleLR(
        theirs, 1.0, total_steps=steps, pct_start=0.1, div_factor=25, final_div_factor=1e9, cycle_momentum=False
    )
    ours = SCHEDULES.build("one_cycle")
    for step in range(steps - 1):
        assert ours(step / (steps - 1), []) == pytest.approx(theirs.param_groups[0]["lr"], abs=0.02)
        theirs.step()
        reference.step()


def test_plateau_drops_as_pytorchs_does() -> None:
    losses = [1.0, 0.9, 0.9, 0.95, 0.91, 0.8, 0.81, 0.82, 0.83, 0.84]
    theirs = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    reference = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, factor=0.1, patience=2, threshold=0.0)
    ours = SCHEDULES.build({"name": "plateau", "patience": 3})
    for number, loss in enumerate(losses, 1):
        reference.step(loss)
        assert ours(0.0, losses[:number]) == pytest.approx(theirs.param_groups[0]["lr"])
    assert not math.isclose(ours(0.0, losses), 1.0)
