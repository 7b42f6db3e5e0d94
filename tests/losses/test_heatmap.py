"""Heatmaps of centres against a computation pixel by pixel, and that both kinds of loss can be learned."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage

from modicum.losses import LOSSES, leave_out
from modicum.losses.heatmap import gaussian_target
from modicum.networks import NETWORKS

SIGMA = 0.06


def labels() -> torch.Tensor:
    """(3, 30, 44) class numbers: a blob of two classes, three objects of which one is held by a corner, and nothing."""
    target = torch.zeros(3, 30, 44, dtype=torch.uint8)
    target[0, 4:20, 9:17] = 1
    target[0, 15:24, 12:30] = 2
    target[1, 2:7, 3:9] = 1
    target[1, 7:12, 9:11] = 1  # touches the first at a corner
    target[1, 20:29, 30:43] = 1
    target[1, 1, 40] = 2
    return target


def brute_force(target: np.ndarray, objects: str) -> np.ndarray:
    """The heatmap (H, W) of one picture, pixel by pixel."""
    parts, count = ndimage.label(target > 0, np.ones((3, 3)))
    if objects == "one":
        parts, count = (target > 0).astype(int), int((target > 0).any())
    deviation, heat = SIGMA * max(target.shape), np.zeros(target.shape)
    for part in range(1, count + 1):
        y, x = ndimage.center_of_mass(parts == part)
        for row, column in np.ndindex(target.shape):
            value = math.exp(-((row - y) ** 2 + (column - x) ** 2) / (2 * deviation**2))
            heat[row, column] = max(heat[row, column], value)
    return heat


@pytest.mark.parametrize("objects", ["one", "each"])
def test_gaussians_are_those_of_a_computation_pixel_by_pixel(objects: Any) -> None:
    target = labels()
    heat = gaussian_target(target, SIGMA, objects)
    assert heat.shape == target.shape
    for found, label in zip(heat, target, strict=True):
        assert np.allclose(found.numpy(), brute_force(label.numpy(), objects), atol=1e-5)
    assert heat[2].max() == 0  # no foreground


@pytest.mark.parametrize("seed", range(3))
def test_the_peak_is_at_the_centre_of_mass(seed: int) -> None:
    rng = np.random.default_rng(seed)
    label = ndimage.gaussian_filter(rng.normal(size=(70, 101)), 6) > 0.03
    y, x = ndimage.center_of_mass(label)
    heat = gaussian_target(torch.from_numpy(label)[None], 10 / 101, "one")[0].double().numpy()
    offset = -2 * 10**2 * np.log(heat)  # the squared distance from the peak
    rows, columns = np.indices(label.shape)
    assert np.allclose(offset, (rows - y) ** 2 + (columns - x) ** 2, rtol=1e-3, atol=0.05)


def test_many_objects_are_all_there() -> None:
    target = torch.zeros(1, 64, 64, dtype=torch.uint8)
    target[:, ::4, ::4] = 1  # 256 of one pixel
    heat = gaussian_target(target, 0.01, "each")
    assert torch.equal(heat == 1, target == 1)


@pytest.mark.parametrize("pixel", ["mse", "bce"])
def test_the_loss_is_its_formula(pixel: str) -> None:
    target, logits = labels(), torch.randn(3, 4, 30, 44, generator=torch.Generator().manual_seed(0))
    wanted = np.stack([brute_force(one.numpy(), "one") for one in target])[:, None]
    p = logits.double().sigmoid().numpy()
    cost = (p - wanted) ** 2 if pixel == "mse" else -(wanted * np.log(p) + (1 - wanted) * np.log(1 - p))
    assert LOSSES.build({"name": "heatmap", "sigma": SIGMA, "pixel": pixel})(logits, target).item() == pytest.approx(
        cost.mean()
    )


def test_the_standard_deviation_is_8_pixels_of_256() -> None:
    assert LOSSES.resolve("heatmap") == {"name": "heatmap", "sigma": 8 / 256, "objects": "one", "pixel": "mse"}
    target = torch.zeros(1, 100, 256)
    target[0, 50, 128] = 1
    assert gaussian_target(target, 8 / 256, "one")[0, 50, 136].item() == pytest.approx(math.exp(-0.5))


@pytest.mark.parametrize("objects", ["one", "each"])
@pytest.mark.parametrize("pixel", ["mse", "bce"])
def test_the_right_heatmap_costs_least(pixel: str, objects: Any) -> None:
    right = gaussian_target(labels(), SIGMA, objects)[:, None].expand(-1, 2, -1, -1).clamp(1e-4, 1 - 1e-4).logit()
    loss = LOSSES.build({"name": "heatmap", "sigma": SIGMA, "pixel": pixel, "objects": objects})
    for wrong in (right + 0.5, right - 0.5, right.roll(3, dims=2), torch.full_like(right, -9)):
        assert loss(right, labels()) < loss(wrong, labels())


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("pixel", ["mse", "bce"])
def test_pixels_that_do_not_count_cost_and_teach_nothing(pixel: str, channels: int) -> None:
    target = labels()
    logits = torch.randn(3, channels, 30, 44, generator=torch.Generator().manual_seed(0)).requires_grad_()
    valid = torch.zeros(target.shape, dtype=torch.bool)
    valid[:, 3:26, 5:28] = True  # the Gaussian of the first picture reaches beyond
    loss = LOSSES.build({"name": "heatmap", "sigma": 0.3, "pixel": pixel})
    value = loss(*leave_out(logits, target, valid))
    value.backward()
    assert logits.grad is not None
    outside = ~valid[:, None].expand_as(logits)
    assert logits.grad[outside].abs().max() == 0
    assert logits.grad[~outside].abs().min() > 0
    wanted = gaussian_target(target.masked_fill(~valid, 0), 0.3, "one")[:, None].expand_as(logits)
    if pixel == "mse":
        cost = (logits.sigmoid() - wanted) ** 2
    else:
        cost = torch.nn.functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    assert value.item() == pytest.approx(cost[~outside].sum().item() / cost.numel(), rel=1e-5)


@pytest.mark.parametrize("pixel", ["mse", "bce"])
def test_nothing_is_made_on_another_device(pixel: str) -> None:
    loss = LOSSES.build({"name": "heatmap", "pixel": pixel})
    assert loss(torch.randn(2, 3, 8, 9, device="meta"), torch.ones(2, 8, 9, device="meta")).device.type == "meta"


@pytest.mark.parametrize("pixel", ["mse", "bce"])
def test_a_batch_is_learned_by_heart(pixel: str) -> None:
    """The tiny Gaussian must not be lost among the many zeros: peaks stand, and stand in the right place."""
    torch.manual_seed(0)
    network = NETWORKS.build({"name": "hourglass", "stacks": 2, "width": 16, "depth": 2}, 1, 1)
    target = torch.zeros(4, 64, 64, dtype=torch.uint8)
    for one, (y, x) in zip(target, [(5, 8), (20, 40), (45, 10), (30, 28)], strict=True):
        one[y : y + 12, x : x + 9] = 1
    images = target[:, None] + 0.3 * torch.randn(4, 1, 64, 64)
    optimiser, loss = torch.optim.Adam(network.parameters(), 1e-2), LOSSES.build({"name": "heatmap", "pixel": pixel})
    for _ in range(100):
        optimiser.zero_grad()
        value = loss(network(images), target)
        value.backward()
        optimiser.step()
    with torch.no_grad():
        heat = network.eval()(images).sigmoid()[:, 0]
    assert heat.amax(dim=(1, 2)).min() > 0.5
    assert heat.mean() < 0.05
    for found, label in zip(heat.numpy(), target.numpy(), strict=True):
        near = np.where(found > found.max() / 2, found, 0)
        assert ndimage.center_of_mass(near) == pytest.approx(ndimage.center_of_mass(label), abs=1.0)
