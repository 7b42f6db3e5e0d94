"""Coarse to fine: that everything lies where it should, with perfect networks inside, and that the whole can learn."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from scipy import ndimage
from torch import nn

from by_heart import learn
from modicum.errors import ModicumError
from modicum.inference import ready
from modicum.losses import LOSSES
from modicum.networks import NETWORKS

INNER = {"name": "unet", "encoder": {"widths": [8, 16, 32]}}
SMALL = {"name": "coarse_to_fine", "size": 16, "inner": INNER}


class Shows(nn.Module):
    """A network that answers with one channel of what it sees, less a half; it remembers what it saw."""

    def __init__(self, channel: int = 0, factor: float = 20.0) -> None:
        super().__init__()
        self.channel, self.factor = channel, factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen = x
        return self.factor * (x[:, self.channel : self.channel + 1] - 0.5)


def perfect(channels: int = 1, *, fine: nn.Module | None = None, **options: Any) -> nn.Module:
    """Coarse to fine with networks inside that know the object by its brightness in channel 0."""
    network = NETWORKS.build({**SMALL, **options}, channels, 1)
    network.coarse, network.fine = Shows(), fine or Shows()
    return network.eval()


def ramps(height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(1, 1, H, W) of which each pixel holds the row, or the column, of its centre."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    return y[None, None], x[None, None]


@pytest.mark.parametrize("shape", [(100, 100), (61, 130), (130, 61)])
@pytest.mark.parametrize("place", ["middle", "first corner", "last corner", "top", "right"])
def test_the_mask_lies_exactly_on_the_object(shape: tuple[int, int], place: str) -> None:
    """With no loss of resolution: a rectangle comes back pixel by pixel."""
    height, width = shape
    rows, columns = 23, 31
    top = {"middle": 17, "first corner": 0, "top": 0}.get(place, height - rows)
    left = {"middle": 19, "first corner": 0, "top": 20}.get(place, width - columns)
    images = torch.zeros(1, 1, *shape)
    images[..., top : top + rows, left : left + columns] = 1
    assert torch.equal(perfect(size=64)(images) > 0, images > 0)


@pytest.mark.parametrize("shape", [(200, 200), (150, 330), (330, 150)])
@pytest.mark.parametrize(("y", "x"), [(0.5, 0.5), (0.3, 0.35), (0.0, 0.5), (1.0, 1.0)])
def test_a_large_object_is_seen_at_less_resolution_but_in_its_place(shape: tuple[int, int], y: float, x: float) -> None:
    rows, columns = ramps(*shape)
    images = (((rows / shape[0] - y) / 0.28) ** 2 + ((columns / shape[1] - x) / 0.25) ** 2 < 1).float()
    found = perfect(size=32)(images)[0, 0].numpy() > 0
    true = images[0, 0].numpy() > 0
    assert found.sum() == pytest.approx(true.sum(), rel=0.02)
    assert ndimage.center_of_mass(found) == pytest.approx(ndimage.center_of_mass(true), abs=0.35)


@pytest.mark.parametrize("size", [8, 16, 64])  # smaller and larger than the box
@pytest.mark.parametrize("axis", [0, 1])
def test_every_pixel_of_the_answer_is_where_it_was_seen(size: int, axis: int) -> None:
    """The fine network shows the row or column that it sees: the answer must say its own."""
    object_ = torch.zeros(1, 1, 96, 160)
    object_[..., 20:60, 70:120] = 1
    ramp = ramps(96, 160)[axis]
    answer = perfect(2, fine=Shows(1, 1.0), size=size, margin=0.1)(torch.cat([object_, ramp], dim=1)) + 0.5
    within = (slice(None), slice(None), slice(28, 52), slice(78, 112))  # away from the ends of the crop, where it is clamped
    assert torch.allclose(answer[within], ramp[within], atol=1e-3)


def test_the_margin_is_a_share_of_the_longer_side() -> None:
    images = torch.zeros(1, 1, 64, 128)
    images[..., 16:32, 40:60] = 1  # whole coarse pixels
    inside = perfect(fine=Shows(0, 1.0), size=32, margin=0.05)(images) > -9  # outside lies -10
    expected = torch.zeros_like(inside)
    expected[..., 10:38, 34:66] = True  # 6.4 pixels more: those whose centres are within
    assert torch.equal(inside, expected)


def test_the_box_ends_with_the_picture() -> None:
    images = torch.zeros(1, 1, 64, 64)
    images[..., :20, 50:] = 1
    inside = perfect(fine=Shows(0, 1.0), size=32, margin=0.1)(images) > -9
    expected = torch.zeros_like(inside)
    expected[..., :26, 44:] = True
    assert torch.equal(inside, expected)


def test_without_an_object_the_whole_picture_is_seen() -> None:
    ramp = ramps(64, 32)[0]
    network = perfect(2, fine=Shows(1, 1.0))
    answer = network(torch.cat([torch.zeros_like(ramp), ramp], dim=1)) + 0.5
    assert torch.allclose(answer[..., 4:-4, :], ramp[..., 4:-4, :], atol=1e-3)
    assert network.fine.seen.shape == (1, 3, 16, 16)


def test_the_probabilities_lie_on_the_crop() -> None:
    """A coarse network whose probability is the picture's own value: the fine one must see the same thing twice."""

    class Logit(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.logit(1e-6)

    network = perfect(margin=0.0)
    network.coarse = Logit()
    network(ramps(60, 90)[1] / 90)
    crop, probability = network.fine.seen[:, :1], network.fine.seen[:, 1:]
    assert crop.min() > 0.5  # the right half
    assert torch.allclose(crop[..., :-2], probability[..., :-2], atol=2e-3)  # at the picture's edge both are clamped


def test_fine_stripes_do_not_alias() -> None:
    images = torch.zeros(1, 2, 150, 100)
    images[:, 1, :, ::2] = 1
    network = perfect(2, fine=Shows(1, 1.0), size=8)
    network(images)
    for seen in (network.coarse.seen, network.fine.seen):
        assert (seen[:, 1] - 0.5).abs().max() < 0.05


def test_each_picture_has_a_box_of_its_own() -> None:
    images = torch.zeros(3, 1, 80, 60)
    images[0, :, 5:15, 5:15] = 1
    images[1, :, 10:75, 10:55] = 1
    together = perfect()(images)
    for picture, answer in zip(images, together, strict=True):
        assert torch.allclose(perfect()(picture[None])[0], answer, atol=1e-5)


def test_several_classes_are_confident_background_outside() -> None:
    class Classes(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            dark = 20 * (0.5 - x[:, :1])
            return torch.cat([dark, -dark, -dark - 1], dim=1)  # background, and two classes that share the foreground

    network = NETWORKS.build({**SMALL, "size": 32}, 1, 3)
    network.coarse = network.fine = Classes()
    images = torch.zeros(1, 1, 70, 50)
    images[..., 20:40, 10:30] = 1
    answer = network(images)
    assert torch.equal(answer[0, :, 0, 49], torch.tensor([10.0, -10.0, -10.0]))
    assert torch.equal(answer.argmax(dim=1)[:, None], (images > 0).long())


@pytest.mark.parametrize("inner", [INNER, {"name": "hourglass", "stacks": 2, "width": 8, "depth": 1}])
@pytest.mark.parametrize("outputs", [1, 3])
def test_shape_and_gradients(inner: dict[str, Any], outputs: int) -> None:
    torch.manual_seed(0)
    network = NETWORKS.build({**SMALL, "inner": inner}, 2, outputs)
    answer = network(torch.randn(3, 2, 45, 70))
    assert answer.shape == (3, outputs, 45, 70)
    answer.square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("size", [(1, 1), (5, 200), (16, 16)])
def test_any_size_of_picture(size: tuple[int, int]) -> None:
    assert NETWORKS.build(SMALL, 2, 3).eval()(torch.randn(2, 2, *size)).shape == (2, 3, *size)


def test_one_batch_is_learned_by_heart_and_half_precision_agrees() -> None:
    """The margin is wide, because a box that cuts the object, as it may at first, makes the course jump."""
    torch.manual_seed(1)
    network = NETWORKS.build({**SMALL, "size": 32, "margin": 0.3}, 1, 1)
    target = torch.zeros(3, 61, 90, dtype=torch.uint8)
    for one, (y, x) in zip(target, [(5, 8), (20, 60), (40, 10)], strict=True):
        one[y : y + 16, x : x + 19] = 1
    images = target[:, None] + 0.2 * torch.randn(3, 1, 61, 90)
    assert learn(network, images, target, LOSSES.build("dice_ce"), rate=1e-2, steps=80) < 0.1
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        rough = network.eval()(images.bfloat16())  # as a training in mixed precision hands them over
    with torch.no_grad():
        exact = network(images)
    assert rough.dtype == torch.float32
    assert ((rough > 0) != (exact > 0)).float().mean() < 0.002


def test_weights_travel_and_folding_changes_nothing() -> None:
    torch.manual_seed(0)
    network, images = NETWORKS.build(SMALL, 1, 2), torch.randn(4, 1, 50, 40)
    network(images)  # running statistics away from their start
    travelled = NETWORKS.build(SMALL, 1, 2).eval()
    travelled.load_state_dict(network.state_dict())
    assert {name.split(".")[0] for name in network.state_dict()} == {"coarse", "fine"}
    with torch.no_grad():
        expected = network.eval()(images)
        assert torch.equal(travelled(images), expected)
        folded = ready(network)
        assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
        for some in (images, torch.randn(1, 1, 33, 90)):  # boxes and shapes are not those of the first call for ever
            assert torch.allclose(folded(some), network(some), atol=1e-4)


def test_the_inner_network_is_resolved() -> None:
    resolved = NETWORKS.resolve("coarse_to_fine")
    assert resolved["inner"] == NETWORKS.resolve("unet")
    some = NETWORKS.resolve({"name": "coarse_to_fine", "inner": {"name": "hourglass", "stacks": 2}})
    assert some["inner"] == {"name": "hourglass", "stacks": 2, "width": 256, "depth": 4}
    assert NETWORKS.resolve(some) == some


@pytest.mark.parametrize(
    ("inner", "named"),
    [
        ("unett", "unett"),
        ({"name": "unet", "wdths": [4]}, "wdths"),
        ({"name": "unet", "encoder": {"widths": [0]}}, "widths"),
        (3, "3"),
    ],
)
def test_an_inner_network_that_cannot_be_is_named(inner: Any, named: str) -> None:
    with pytest.raises(ModicumError, match=named):
        NETWORKS.resolve({"name": "coarse_to_fine", "inner": inner})


def test_a_network_of_volumes_cannot_be_inside() -> None:
    with pytest.raises(ModicumError, match="unet3d"):
        NETWORKS.build({"name": "coarse_to_fine", "inner": "unet3d"}, 1, 1)
