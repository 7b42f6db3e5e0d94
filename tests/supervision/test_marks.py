"""Learning from marks: unmarked pixels cost nothing of themselves, and neighbours of like colour are drawn together."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from modicum.losses import LOSSES
from modicum.supervision.marks import Marks, disagreement, marked_alone
from modicum.views import VIEWS, TrainingPicture


def batch(channels: int = 1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    answer = torch.randn(2, channels, 12, 14, generator=generator, requires_grad=True)
    target = torch.randint(0, max(2, channels), (2, 12, 14), generator=generator)
    valid = torch.rand(2, 12, 14, generator=generator) < 0.1
    return answer, target, valid, torch.randn(2, 3, 12, 14, generator=generator)


@pytest.mark.parametrize("loss", ["dice_ce", "bce", "ce", "focal", "tversky", "mse"])
@pytest.mark.parametrize("channels", [1, 3])
def test_unmarked_pixels_get_no_gradient_from_the_loss(loss: str, channels: int) -> None:
    answer, target, valid, images = batch(channels)
    Marks(LOSSES.build(loss), 0.0).cost(answer, target, valid, images).backward()
    assert answer.grad is not None
    felt = answer.grad.abs().sum(1) > 0
    assert not felt[~valid].any()
    assert felt[valid].any()


@pytest.mark.parametrize("channels", [1, 3])
def test_the_loss_is_the_mean_over_marked_pixels(channels: int) -> None:
    answer, target, valid, _ = batch(channels)
    pixels = [answer[n, :, y, x][None, :, None] for n, y, x in valid.nonzero().tolist()]
    truths = [target[n, y, x][None, None] for n, y, x in valid.nonzero().tolist()]
    mean = torch.stack([LOSSES.build("ce")(p, t) for p, t in zip(pixels, truths, strict=True)]).mean()
    assert torch.allclose(marked_alone(LOSSES.build("ce"), answer, target, valid), mean)


def test_a_batch_without_any_mark_costs_nothing() -> None:
    answer, target, valid, _ = batch()
    cost = marked_alone(LOSSES.build("dice_ce"), answer, target, torch.zeros_like(valid))
    cost.backward()
    assert float(cost) == 0
    assert answer.grad is not None
    assert not answer.grad.any()


def test_a_border_costs_least_where_the_picture_has_one() -> None:
    images = torch.zeros(1, 3, 20, 20)
    images[..., 10:] = 4.0
    columns = torch.arange(20).expand(1, 1, 20, 20)
    costs = [float(disagreement(torch.where(columns >= place, 9.0, -9.0), images)) for place in (6, 10, 14)]
    assert costs[1] < 0.05 * costs[0]
    assert costs[0] == pytest.approx(costs[2], rel=1e-4)


def test_one_class_is_two_classes_with_the_background() -> None:
    answer, _, _, images = batch()
    two = torch.cat([torch.zeros_like(answer), answer], dim=1)
    assert torch.allclose(disagreement(answer, images), disagreement(two, images), atol=1e-6)


def test_thin_strokes_stay_when_a_picture_is_made_small() -> None:
    label, valid = np.zeros((128, 128), np.uint8), np.zeros((128, 128), np.uint8)
    label[40, 20:100] = 1
    valid[40, 20:100] = valid[80, 20:100] = 1
    kept = VIEWS.build({"name": "whole", "size": 16}).prepare(
        TrainingPicture("a", np.zeros((128, 128, 1), np.uint8), label, valid)
    )
    assert kept.valid is not None
    assert kept.valid.sum() == 2 * 11
    assert (kept.label[kept.valid > 0] == 1).sum() == 11
