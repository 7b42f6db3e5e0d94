"""Stacked hourglass: shapes, its published size, deep supervision, and how one stack hands on to the next."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from modicum.errors import ModicumError
from modicum.inference import ready
from modicum.networks import NETWORKS

SMALL = {"name": "hourglass", "stacks": 3, "width": 8, "depth": 2}


def small(channels: int = 1, outputs: int = 1, **options: int) -> nn.Module:
    torch.manual_seed(0)
    return NETWORKS.build({**SMALL, **options}, channels, outputs)


@pytest.mark.parametrize("size", [(64, 64), (70, 33), (17, 90), (2, 3)])
def test_every_stack_answers_in_training_and_the_last_one_later(size: tuple[int, int]) -> None:
    network, images = small(2, 2), torch.randn(4, 2, *size)
    assert network(images).shape == (4, 6, *size)
    assert network.eval()(images).shape == (4, 2, *size)


def test_the_last_channels_in_training_are_the_last_stacks() -> None:
    network, images = small(1, 2).eval(), torch.randn(1, 1, 40, 50)
    later = network(images)
    network.training = True  # the network alone: batch norm stays as it is
    every = network(images)
    assert torch.equal(every[:, -2:], later)
    assert not torch.allclose(every[:, :2], later)


@pytest.mark.parametrize("back", ["features_back", "heatmaps_back"])
def test_a_stack_learns_of_the_one_before_in_both_ways(back: str) -> None:
    network, images = small(stacks=2).eval(), torch.randn(1, 1, 32, 32)
    before = network(images)
    nn.init.zeros_(getattr(network, back)[0].weight)
    assert not torch.allclose(network(images), before)


def test_gradients_reach_every_parameter() -> None:
    network = small(3, 1)
    network(torch.randn(4, 3, 64, 64)).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 1e-6, name  # more than rounding leaves of a gradient that is zero


def test_as_large_as_published() -> None:
    # Sun et al. 2019, arXiv:1902.09212, table 1: the 8-stage hourglass has 25.1 M parameters for the 17 points of COCO.
    parameters = sum(p.numel() for p in NETWORKS.build("hourglass", 3, 17).parameters())
    assert parameters == pytest.approx(25.1e6, rel=0.015)


def test_all_halvings_are_there() -> None:
    """What happens in one corner is known in the other, whatever lies between."""
    network = small(stacks=1, depth=4).eval()
    images = torch.zeros(1, 1, 128, 128)
    changed = images.clone()
    changed[..., :8, :8] = 5
    difference = (network(images) - network(changed)).abs()
    assert difference[..., -16:, -16:].min() > 0
    shallow = small(stacks=1, depth=1).eval()
    assert (shallow(images) - shallow(changed))[..., -16:, -16:].abs().max() == 0


def test_half_precision_is_close() -> None:
    network, images = small(1, 1, width=32).eval(), torch.randn(2, 1, 50, 64)
    with torch.no_grad():
        exact = network(images)
        with torch.autocast("cpu", torch.bfloat16):
            rough = network(images)
    assert rough.dtype == torch.float32
    assert (rough - exact).abs().max() < 0.05 * exact.abs().max()


def test_weights_travel_and_folding_changes_nothing() -> None:
    network, images = small(), torch.randn(4, 1, 64, 64)
    network(images)  # running statistics away from their start
    travelled = NETWORKS.build(SMALL, 1, 1).eval()
    travelled.load_state_dict(network.state_dict())
    odd = torch.randn(2, 1, 61, 50)
    with torch.no_grad():
        expected = network.eval()(odd)
        assert torch.equal(travelled(odd), expected)
        folded = ready(network)
        assert torch.allclose(folded(odd), expected, atol=1e-4)
    count = [sum(isinstance(m, nn.BatchNorm2d) for m in n.modules()) for n in (folded, network)]
    assert count[0] < count[1]  # those that follow a convolution


def test_the_smallest_there_is() -> None:
    assert small(stacks=1, width=2, depth=1).eval()(torch.randn(1, 1, 9, 9)).shape == (1, 1, 9, 9)


@pytest.mark.parametrize("wrong", [{"stacks": 0}, {"width": 1}, {"depth": 0}])
def test_options_that_cannot_be_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ModicumError, match=next(iter(wrong))):
        NETWORKS.resolve({"name": "hourglass", **wrong})
