"""Mask R-CNN where torchvision works, and a clear word where it does not."""

from __future__ import annotations

import pytest
import torch

from modicum.errors import ModicumError
from modicum.networks import NETWORKS
from modicum.networks.mask_rcnn import _logits, _objects, _torchvision
from modicum.recipes import load
from networks.small import small

try:
    _torchvision()
    MISSING = ""
except ModicumError as error:
    MISSING = str(error)

needs_torchvision = pytest.mark.skipif(bool(MISSING), reason=MISSING)


@pytest.mark.skipif(not MISSING, reason="torchvision works here")
def test_without_torchvision_it_says_what_to_do() -> None:
    with pytest.raises(ModicumError, match=r"needs torchvision.*modicum\[detection\].*small-crops"):
        NETWORKS.build("mask_rcnn", 3, 1)
    assert load("mask-rcnn").network["name"] == "mask_rcnn"  # what is trained can be read all the same


def squares() -> tuple[torch.Tensor, torch.Tensor]:
    """Two pictures with three objects, and their class numbers."""
    torch.manual_seed(0)
    target = torch.zeros(2, 64, 64, dtype=torch.uint8)
    target[0, 8:40, 16:48], target[1, 24:56, 8:32], target[1, 4:14, 40:60] = 1, 1, 1
    return target[:, None].float() + 0.1 * torch.randn(2, 1, 64, 64), target


def test_objects_are_the_components_of_each_class() -> None:
    target = squares()[1][1]
    target[10:14, 50:60] = 2
    found = _objects(target)
    assert found["labels"].tolist() == [1, 1, 2]
    assert sorted(found["boxes"].int().tolist()) == [[8, 24, 32, 56], [40, 4, 60, 14], [50, 10, 60, 14]]
    assert torch.equal(sum(m * k for m, k in zip(found["masks"], found["labels"], strict=True)).int(), target.int())
    none = _objects(torch.zeros(8, 9, dtype=torch.uint8))
    assert (none["boxes"].shape, none["masks"].shape) == ((0, 4), (0, 8, 9))


def test_logits_keep_the_probabilities_order() -> None:
    probability = torch.tensor([0.0, 0.2, 0.9]).view(1, 1, 1, 3)
    assert torch.allclose(_logits(probability, 1).sigmoid(), probability, atol=1e-3)
    two = torch.tensor([[0.0, 0.9, 0.2], [0.0, 0.3, 0.8]]).view(1, 2, 1, 3)
    assert _logits(two, 3).argmax(dim=1).flatten().tolist() == [0, 1, 2]


@needs_torchvision
def test_one_batch_is_learned_by_heart() -> None:
    images, target = squares()
    network = NETWORKS.build(small("mask_rcnn"), 1, 1)
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(80):
        loss = network.cost(images, target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        found = network.eval()(images)[:, 0] > 0
    overlap = 2 * (found & (target > 0)).sum() / (found.sum() + (target > 0).sum())
    assert overlap > 0.8


@needs_torchvision
@pytest.mark.parametrize(("channels", "outputs", "size"), [(3, 4, (50, 71)), (2, 1, (64, 33))])
def test_the_answer_has_the_size_of_the_picture(channels: int, outputs: int, size: tuple[int, int]) -> None:
    network = NETWORKS.build(small("mask_rcnn"), channels, outputs).eval()
    with torch.no_grad():
        answer = network(torch.randn(2, channels, *size))
    assert answer.shape == (2, outputs, *size)
    assert answer.isfinite().all()


@needs_torchvision
def test_pictures_without_objects_teach_too() -> None:
    network = NETWORKS.build(small("mask_rcnn"), 1, 1)
    loss = network(torch.randn(2, 1, 64, 64))
    loss.backward()
    assert loss.isfinite()
