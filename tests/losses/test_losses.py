"""Losses against their formulas, and pixels that do not count."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.losses import DiceLoss
from scipy import ndimage
from skimage import measure
from torch.nn import functional as F

from modicum.losses import LOSSES, leave_out
from modicum.losses.borders import border_distance
from modicum.losses.overlap import one_hot
from modicum.losses.weight_map import gap_weights

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


@pytest.mark.parametrize(("channels", "shape"), [(1, (3, 9, 8)), (3, (3, 9, 8)), (4, (2, 5, 6, 7))])
@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("smoothing", [1.0, 1e-5])
def test_dice_is_monais(channels: int, shape: tuple[int, ...], batch: bool, smoothing: float) -> None:
    generator = torch.Generator().manual_seed(channels)
    logits = torch.randn(shape[0], channels, *shape[1:], generator=generator, requires_grad=True)
    target = torch.randint(0, max(2, channels), shape, generator=generator)
    target[0] = 0  # a picture without any object
    how = {"sigmoid": True} if channels == 1 else {"softmax": True, "include_background": False}
    theirs = DiceLoss(**how, smooth_nr=smoothing, smooth_dr=smoothing, batch=batch)(logits, one_hot(target, channels))
    ours = LOSSES.build({"name": "dice", "smoothing": smoothing, "batch": batch})(logits, target)
    assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-7)
    gradients = [torch.autograd.grad(loss, logits, retain_graph=True)[0] for loss in (ours, theirs)]
    assert torch.allclose(*gradients, rtol=1e-4, atol=1e-8)


def test_focal_is_its_formula() -> None:
    logits, target = example(1, 1)
    p = logits.sigmoid()[:, 0]
    right = torch.where(target > 0, p, 1 - p)
    expected = (-((1 - right) ** 2) * right.log()).mean()
    assert float(LOSSES.build("focal")(logits, target)) == pytest.approx(float(expected), rel=1e-4)


@pytest.mark.parametrize(("channels", "classes"), SETS)
def test_focal_weighs_foreground_by_alpha(channels: int, classes: int) -> None:
    logits, target = example(channels, classes)
    foreground = target > 0
    chances = torch.cat([1 - logits.sigmoid(), logits.sigmoid()], dim=1) if channels == 1 else logits.softmax(dim=1)
    right = chances.gather(1, target.long()[:, None])[:, 0]
    cost = -((1 - right) ** 2) * right.log() * torch.where(foreground, 0.8, 0.2)
    found = LOSSES.build({"name": "focal", "alpha": 0.8})(logits, target)
    assert float(found) == pytest.approx(float(cost.mean()) / channels, rel=1e-4)  # MONAI's mean goes over the channels, too


def test_softmax_cross_entropy_is_pytorchs() -> None:
    logits, target = example(4, 3)
    assert float(LOSSES.build("ce")(logits, target)) == pytest.approx(float(F.cross_entropy(logits, target.long())))


def test_binary_cross_entropy_asks_for_the_probabilities_that_are_read_later() -> None:
    """Of several classes those of the softmax: where a pixel is class 1 with chance .7, the least cost is at .7."""
    target = (torch.arange(100) >= 30).to(torch.uint8).reshape(1, 10, 10)
    for chance, cheapest in ((0.6, False), (0.7, True), (0.8, False)):
        logits = torch.tensor([1 - chance, chance, 1e-9]).log().view(1, 3, 1, 1).expand(1, 3, 10, 10).clone().requires_grad_()
        LOSSES.build("bce")(logits, target).backward()
        assert logits.grad is not None
        assert bool(logits.grad[:, 1].sum().abs() < 1e-4) == cheapest
    logits, target = example(4, 3)
    p, t = logits.softmax(1), one_hot(target, 4)
    assert float(LOSSES.build("bce")(logits, target)) == pytest.approx(float(F.binary_cross_entropy(p, t)), rel=1e-5)


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


def weight_map_by_brute_force(target: np.ndarray, border: float, sigma: float) -> np.ndarray:
    """The formula of U-Net's paper, pixel by pixel, with the distance to every pixel of every object."""
    numbers = measure.label(target > 0, connectivity=2)
    weights = np.zeros(target.shape)
    for y, x in np.argwhere(target == 0):
        distances = sorted(np.hypot(*(np.argwhere(numbers == n) - (y, x)).T).min() for n in range(1, numbers.max() + 1))
        if len(distances) > 1:
            weights[y, x] = border * np.exp(-((distances[0] + distances[1]) ** 2) / (2 * sigma**2))
    return weights


@pytest.mark.parametrize("seed", range(4))
def test_the_weight_map_is_its_formula(seed: int) -> None:
    rng = np.random.default_rng(seed)
    target = np.zeros((31, 40), np.uint8)
    for _ in range(2 + seed):
        y, x = rng.integers(0, 26, 2)
        target[y : y + rng.integers(2, 7), x : x + rng.integers(2, 7)] = 1 + seed % 2
    assert np.allclose(gap_weights(target, 10, 5), weight_map_by_brute_force(target, 10, 5), atol=1e-3)


def test_borders_and_gaps_of_volumes_are_those_of_pictures_where_nothing_changes_from_slice_to_slice() -> None:
    """Deeper than wide, so that what lies above and below the volume is farther than any border."""
    target = np.zeros((20, 24), np.uint8)
    target[4:14, 3:9] = target[5:15, 13:20] = 1
    volume = np.repeat(target[None], 24, axis=0)
    assert np.allclose(border_distance(volume > 0), border_distance(target > 0), atol=1e-5)
    assert np.allclose(gap_weights(volume, 10, 5), gap_weights(target, 10, 5), atol=1e-3)
    apart = np.zeros((9, 6, 6), np.uint8)
    apart[[2, 5]] = 1
    assert set(np.flatnonzero(gap_weights(apart, 10, 5)[:, 3, 3] > 1)) >= {3, 4}
    assert not gap_weights(apart, 10, 5)[[2, 5]].any()


def test_the_gap_between_two_objects_weighs_most_and_one_object_has_none() -> None:
    target = np.zeros((20, 30), np.uint8)
    target[5:15, 5:13] = target[5:15, 15:25] = 1
    weights = gap_weights(target, 10, 5)
    y, x = np.unravel_index(weights.argmax(), weights.shape)
    assert (5 <= y < 15, x) in {(True, 13), (True, 14)}
    target[:, 13:] = 0
    assert not gap_weights(target, 10, 5).any()


def test_weighted_cross_entropy_lets_both_classes_weigh_the_same() -> None:
    target = torch.zeros(1, 20, 20, dtype=torch.uint8)
    target[0, :2] = 1  # a tenth
    loss = LOSSES.build({"name": "weighted_ce", "border": 0})
    wrong_one, wrong_other = torch.full((1, 1, 20, 20), -3.0), torch.full((1, 1, 20, 20), 3.0)
    assert float(loss(wrong_one, target)) == pytest.approx(float(loss(wrong_other, target)), rel=1e-4)
    plain = LOSSES.build({"name": "weighted_ce", "border": 0, "balance": False})
    assert float(plain(wrong_one, target)) == pytest.approx(float(LOSSES.build("bce")(wrong_one, target)), rel=1e-5)


def test_tversky_is_dice_at_a_half_and_can_punish_what_is_missed() -> None:
    logits, target = example(1, 1)
    even = LOSSES.build({"name": "tversky", "false_positives": 0.5, "false_negatives": 0.5, "smoothing": 1e-5})
    dice = LOSSES.build({"name": "dice", "smoothing": 1e-5})
    assert float(even(logits, target)) == pytest.approx(float(dice(logits, target)), abs=1e-4)
    target = torch.zeros(1, 20, 20, dtype=torch.uint8)
    target[0, 5:15, 5:15] = 1
    sign = 40.0 * (target > 0).float()[:, None] - 20
    missed, too_much = sign.clone(), sign.clone()
    missed[0, 0, 5:7, 5:15], too_much[0, 0, 15:17, 5:15] = -20, 20  # the same number of pixels
    tversky = LOSSES.build("tversky")
    assert float(tversky(missed, target)) > 1.5 * float(tversky(too_much, target))


def line(broken: bool, thin: bool) -> torch.Tensor:
    mask = torch.zeros(1, 1, 32, 48)
    mask[..., 16 if thin else 15 : 18, 4:44] = 1
    if broken:
        mask[..., 22:26] = 0
    return mask


def test_an_interrupted_vessel_costs_more_than_a_thinner_one() -> None:
    target = line(broken=False, thin=False)[:, 0].to(torch.uint8)
    broken, thin = 40 * line(True, False) - 20, 40 * line(False, True) - 20
    cldice, dice = LOSSES.build({"name": "cldice", "share": 1.0}), LOSSES.build("dice")
    assert float(dice(thin, target)) > float(dice(broken, target))  # which has more wrong pixels
    assert float(cldice(thin, target)) < 0.5 * float(cldice(broken, target))


@pytest.mark.parametrize("name", ["boundary", "hausdorff"])
def test_an_error_far_from_the_border_costs_more(name: str) -> None:
    target = torch.zeros(1, 48, 48, dtype=torch.uint8)
    target[0, 4:20, 4:20] = 1
    sign = 40.0 * (target > 0).float()[:, None] - 20
    near, far = sign.clone(), sign.clone()
    near[0, 0, 20:22, 4:20], far[0, 0, 40:42, 30:46] = 20, 20
    loss = LOSSES.build(name)
    assert float(loss(sign, target)) < 1e-3
    assert float(loss(far, target)) > 1.1 * float(loss(near, target))


def test_distance_from_the_border_is_scipys() -> None:
    mask = np.random.default_rng(0).random((25, 40)) > 0.7
    expected = (ndimage.distance_transform_edt(mask) + ndimage.distance_transform_edt(~mask)) / 40
    assert np.allclose(border_distance(mask), expected, atol=1e-3)
    assert not border_distance(np.ones((4, 4), bool)).any()
