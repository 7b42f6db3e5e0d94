"""The 3D U-Net: any block, voxels of unequal sides, right gradients in half precision, one block by heart."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from by_heart import learn
from modicum.inference import ready
from modicum.losses import LOSSES
from modicum.networks import NETWORKS

SMALL = {"name": "unet3d", "widths": [4, 8, 16, 24]}


@pytest.mark.parametrize("flat", [0, 1, 3])
@pytest.mark.parametrize(("channels", "outputs", "size"), [(1, 1, (16, 32, 32)), (2, 4, (5, 33, 18)), (1, 3, (2, 9, 40))])
def test_the_answer_has_the_size_of_the_block(flat: int, channels: int, outputs: int, size: tuple[int, int, int]) -> None:
    network = NETWORKS.build({**SMALL, "flat": flat}, channels, outputs).eval()
    with torch.no_grad():
        assert network(torch.randn(1, channels, *size)).shape == (1, outputs, *size)


def test_where_it_is_flat_it_looks_at_no_other_slice() -> None:
    torch.manual_seed(0)
    network = NETWORKS.build({**SMALL, "flat": 4}, 1, 1).eval()
    block = torch.randn(1, 1, 6, 16, 16)
    other = block.clone()
    other[:, :, 3] += 1
    with torch.no_grad():
        same = (network(block) - network(other)).abs().amax((0, 1, 3, 4)) < 1e-5
    assert same.tolist() == [True, True, True, False, True, True]


def test_gradients_reach_every_parameter_and_are_right_in_half_precision() -> None:
    for slices in (4, 8, 16):  # the smallest maps have one, one and two
        torch.manual_seed(slices)
        network, images = NETWORKS.build(SMALL, 1, 2), torch.randn(2, 1, slices, 32, 32)
        weight, found = torch.randn(2, 2, slices, 32, 32), []
        for half in (False, True):
            network.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                answer = network(images)
            (answer.float() * weight).sum().backward()
            found.append({n: p.grad.clone() for n, p in network.named_parameters() if p.grad is not None})
        assert set(found[0]) == {n for n, _ in network.named_parameters()}
        for name, exact in found[0].items():
            if name.endswith("weight") and exact.dim() == 5:
                error = (found[1][name] - exact).norm() / exact.norm()
                assert error < 0.6, (slices, name, float(error))


def test_one_block_is_learned_by_heart() -> None:
    torch.manual_seed(1)
    network = NETWORKS.build(SMALL, 1, 1)
    target = torch.zeros(2, 8, 32, 32)
    target[0, 2:6, 8:24, 4:20], target[1, 3:8, 12:28, 8:16] = 1, 1
    images = target[:, None] + 0.1 * torch.randn(2, 1, 8, 32, 32)
    assert learn(network, images, target, LOSSES.build("dice_ce"), rate=1e-2, steps=80) < 0.15


def test_made_ready_it_answers_the_same_without_batch_norm() -> None:
    torch.manual_seed(0)
    network = NETWORKS.build(SMALL, 1, 1)
    network(torch.randn(4, 1, 8, 32, 32))  # running statistics away from their start
    block, folded = torch.randn(1, 1, 7, 30, 21), ready(network)
    assert not any(isinstance(layer, nn.BatchNorm3d) for layer in folded.modules())
    with torch.no_grad():
        assert torch.allclose(folded(block), network.eval()(block), atol=1e-3)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("name", [n for n in LOSSES if n != "heatmap"])
def test_losses_take_blocks(name: str, outputs: int) -> None:
    logits = torch.randn(2, outputs, 6, 12, 10, requires_grad=True)
    LOSSES.build(name)(logits, torch.randint(0, max(2, outputs), (2, 6, 12, 10), dtype=torch.uint8)).backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
