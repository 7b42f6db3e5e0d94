"""Losses against their formulas, and pixels that do not count."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from modicum.losses import LOSSES, leave_out

SETS = [(1, 1), (4, 3)]  # channels of the answer, classes


def example(channels: int, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, channels, 24, 20, generator=generator)
    return logits, torch.randint(0, classes + 1, (3, 24, 20), generator=generator).to(torch.uint8)


@pytest.mark.parametrize(("channels", "classes"), SETS)
@pytest.mark.parametrize("name", [n for n in LOSSES if n != "heatmap"])
def test_right_answers_cost_less_and_gradients_flow(name: str, channels: int, classes: int) -> None:
    loss = LOSSES.build(name)
    logits, target = example(channels, classes)
    right = (F.one_hot(target.long(), channels).movedim(-1, 1) if channels > 1 else (target > 0)[:, None]).float()
    certain = 20 * (2 * right - 1)
    assert float(loss(certain, target)) < 0.02 < float(loss(logits, target)) < float(loss(-certain, target))
    logits.requires_grad_()
    loss(logits, target).backward()
    assert logits.grad is not None
    assert logits.grad.abs().sum() > 0


def test_dice_is_its_formula() -> None:
    logits, target = example(1, 1)
    p, t = logits.sigmoid()[:, 0].numpy(), (target > 0).numpy()
    expected = 1 - np.mean([(2 * (p[i] * t[i]).sum() + 1) / (p[i].sum() + t[i].sum() + 1) for i in range(3)])
    assert float(LOSSES.build("dice")(logits, target)) == pytest.approx(expected, abs=1e-5)


def test_focal_is_its_formula() -> None:
    logits, target = example(1, 1)
    p = logits.sigmoid()[:, 0]
    right = torch.where(target > 0, p, 1 - p)
    expected = (-((1 - right) ** 2) * right.log()).mean()
    assert float(LOSSES.build("focal")(logits, target)) == pytest.approx(float(expected), rel=1e-4)


def test_softmax_cross_entropy_is_pytorchs() -> None:
    logits, target = example(4, 3)
    assert float(LOSSES.build("ce")(logits, target)) == pytest.approx(float(F.cross_entropy(logits, target.long())))


@pytest.mark.parametrize(("channels", "classes"), SETS)
@pytest.mark.parametrize("name", ["dice", "ce", "dice_ce", "focal"])
def test_pixels_outside_the_field_of_view_teach_nothing(name: str, channels: int, classes: int) -> None:
    logits, target = example(channels, classes)
    logits.requires_grad_()
    valid = torch.zeros(3, 24, 20, dtype=torch.bool)
    valid[:, 4:18, 3:15] = True
    LOSSES.build(name)(*leave_out(logits, target, valid)).backward()
    assert logits.grad is not None
    assert logits.grad[~valid[:, None].expand_as(logits)].abs().max() == 0
    assert logits.grad[valid[:, None].expand_as(logits)].abs().max() > 0
