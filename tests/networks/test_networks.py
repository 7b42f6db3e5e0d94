"""Networks: shapes, parameter counts, gradients everywhere, and that they can learn one batch."""

from __future__ import annotations

import pytest
import torch

from by_heart import learn
from modicum.inference import ready
from modicum.losses import LOSSES
from modicum.networks import NETWORKS

SMALL = {"name": "unet", "widths": [8, 16, 32, 64]}


@pytest.mark.parametrize(
    ("spec", "channels", "outputs", "parameters"),
    [
        (SMALL, 3, 1, 121_177),  # the prototype of ../shared/PEERS.md
        ("unet", 3, 2, 31_037_698),  # milesial/Pytorch-UNet, 3 channels, 2 classes, transposed up-sampling
    ],
)
def test_parameter_counts(spec: str | dict, channels: int, outputs: int, parameters: int) -> None:
    assert sum(p.numel() for p in NETWORKS.build(spec, channels, outputs).parameters()) == parameters


@pytest.mark.parametrize("up", ["transposed", "bilinear"])
@pytest.mark.parametrize("size", [(64, 64), (32, 96)])
def test_shape_and_gradients(up: str, size: tuple[int, int]) -> None:
    network = NETWORKS.build({**SMALL, "up": up}, 2, 3)
    answer = network(torch.randn(2, 2, *size))
    assert answer.shape == (2, 3, *size)
    answer.square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_one_batch_is_learned_by_heart() -> None:
    torch.manual_seed(0)
    network = NETWORKS.build(SMALL, 1, 1)
    target = (torch.rand(2, 1, 8, 8) > 0.5).float().repeat_interleave(4, 2).repeat_interleave(4, 3)[:, 0]
    images = target[:, None] + 0.1 * torch.randn(2, 1, 32, 32)
    assert learn(network, images, target, LOSSES.build("dice_ce"), rate=1e-2, steps=60) < 0.1


@pytest.mark.parametrize("size", [(200, 200), (50, 71), (64, 33), (3, 5), (1, 1)])
def test_any_size_of_picture(size: tuple[int, int]) -> None:
    network = NETWORKS.build({"name": "unet", "widths": [4] * 6}, 2, 3).eval()  # halves five times
    assert network(torch.randn(2, 2, *size)).shape == (2, 3, *size)


def test_what_is_missing_to_a_multiple_is_mirrored_and_cut_off() -> None:
    torch.manual_seed(0)
    network = NETWORKS.build(SMALL, 1, 1).eval()
    images = torch.randn(1, 1, 29, 42)
    by_hand = torch.nn.functional.pad(images, (0, 6, 0, 3), mode="reflect")
    assert torch.equal(network(images), network(by_hand)[..., :29, :42])


@pytest.mark.parametrize("name", list(LOSSES))
@pytest.mark.parametrize("outputs", [1, 3])
def test_every_loss_takes_the_answer_to_a_padded_picture(name: str, outputs: int) -> None:
    network = NETWORKS.build({"name": "unet", "widths": [4, 4, 4]}, 1, outputs)
    target = torch.randint(0, max(2, outputs), (2, 21, 30), dtype=torch.uint8)
    LOSSES.build(name)(network(torch.randn(2, 1, 21, 30)), target).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_padding_gives_no_parameter_another_name() -> None:
    names = {key.split(".")[0] for key in NETWORKS.build(SMALL, 1, 1).state_dict()}
    assert names == {"down", "up", "out"}


@pytest.mark.parametrize("size", [(64, 64), (61, 50)])
def test_folding_batch_norm_changes_nothing(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = NETWORKS.build(SMALL, 3, 1)
    network(torch.randn(8, 3, 32, 32))  # running statistics away from their start
    folded = ready(network)
    images = torch.randn(2, 3, *size)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    with torch.no_grad():
        assert torch.allclose(folded(images), network.eval()(images), atol=1e-4)
