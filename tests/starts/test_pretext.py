"""Tasks without labels: what they show, what they cost, and that their weights fit the network that will use them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from modicum.augment import POLICIES
from modicum.errors import ModicumError
from modicum.images.intensity import Intensity
from modicum.networks import NETWORKS
from modicum.runs.pretraining import _Looks
from modicum.starts import STARTS, copy_alike
from modicum.starts.contrast import MoCo, nt_xent
from modicum.starts.denoise import noisy
from modicum.starts.jigsaw import far_apart, tiled
from modicum.supervision.labelled import LabelledPictures
from modicum.views import VIEWS, TrainingPicture

SMALL = {"name": "unet", "encoder": {"widths": [4, 8, 8]}}
TASKS = ["denoise", {"name": "jigsaw", "orders": 3}, "simclr", {"name": "moco", "memory": 64}]


def build(outputs: int) -> nn.Module:
    return NETWORKS.build(SMALL, 3, outputs)


def shapes(count: int, seed: int) -> torch.Tensor:
    """Pictures of one coloured rectangle each, (count, 3, 36, 36)."""
    rng = np.random.default_rng(seed)
    pictures = np.zeros((count, 3, 36, 36), np.float32)
    for picture in pictures:
        top, left = rng.integers(0, 20, 2)
        picture[:, top : top + 14, left : left + 14] = rng.uniform(0.5, 2, (3, 1, 1))
    return torch.from_numpy(pictures)


@pytest.mark.parametrize("spec", TASKS)
def test_every_task_learns_and_its_weights_fit(spec: str | dict[str, object]) -> None:
    torch.manual_seed(0)
    pretext = STARTS.build(spec).pretext
    assert pretext is not None
    task = pretext.task(build, 3)
    optimiser = torch.optim.Adam(task.parameters(), 3e-3)
    costs = []
    for step in range(150):
        images = shapes(8, step).repeat(1, pretext.looks, 1, 1)
        cost = task.train().cost(images + 0.05 * torch.randn_like(images), torch.arange(8 * step, 8 * step + 8))
        optimiser.zero_grad()
        cost.backward()
        optimiser.step()
        costs.append(float(cost.detach()))
    assert np.mean(costs[-20:]) < 0.9 * np.mean(costs[10:30])
    network = build(1)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    transfer = copy_alike(task.learned(), network)
    encoder = sum(p.numel() for n, p in network.named_parameters() if n.startswith("encoder."))
    assert transfer.copied >= encoder
    after = network.state_dict()
    assert all(not torch.equal(before[k], after[k]) for k in after if k.startswith("encoder.") and k.endswith("weight"))


@pytest.mark.parametrize(("kind", "strength"), [("gaussian", 0.1), ("salt_and_pepper", 0.2), ("speckle", 0.3)])
def test_noise_has_the_strength_that_is_asked_for(kind: str, strength: float) -> None:
    torch.manual_seed(0)
    clean = torch.rand(1, 1, 400, 400) * 0.2 + 0.4
    clean[0, 0, 0, :2] = torch.tensor([-1.0, 3.0])  # the range, which is unit 0..1
    changed = (noisy(clean, (kind,), strength) + 1) / 4  # type: ignore[arg-type]
    unit = (clean + 1) / 4
    inner = (slice(None), slice(None), slice(1, None))
    if kind == "salt_and_pepper":
        replaced = changed[inner] != unit[inner]
        assert float(replaced.float().mean()) == pytest.approx(strength, abs=0.01)
        assert set(changed[inner][replaced].unique().tolist()) == {0.0, 1.0}
        assert float(changed[inner][replaced].mean()) == pytest.approx(0.5, abs=0.02)
        return
    difference = (changed - unit)[inner]
    expected = strength if kind == "gaussian" else strength * float((unit[inner] ** 2).mean()) ** 0.5
    assert float(difference.std()) == pytest.approx(expected, rel=0.03)
    assert abs(float(difference.mean())) < 0.01


def test_orders_of_tiles_are_far_apart_and_all_different() -> None:
    orders = np.array(far_apart(64))
    assert (np.sort(orders, axis=1) == np.arange(9)).all()
    distance = (orders[:, None] != orders[None]).sum(-1)
    np.fill_diagonal(distance, 9)
    assert distance.min() >= 6  # random orders: 4 or less


def test_tiles_lie_in_their_place() -> None:
    places = torch.zeros(1, 1, 90, 90)
    for tile in range(9):
        y, x = 30 * (tile // 3), 30 * (tile % 3)
        places[0, 0, y : y + 30, x : x + 30] = torch.linspace(tile, tile + 0.5, 30)
    torch.manual_seed(0)
    tiles = tiled(places)
    assert tiles.shape == (1, 9, 1, 25, 25)
    assert torch.allclose(tiles.mean(dim=(3, 4)), torch.zeros(1, 9, 1), atol=1e-4)  # brightness gives nothing away
    assert torch.allclose(tiles.std(dim=(3, 4)), torch.ones(1, 9, 1), atol=0.05)


def test_nt_xent_is_what_the_paper_says() -> None:
    torch.manual_seed(0)
    seen = nn.functional.normalize(torch.randn(6, 5), dim=1)
    for which in ([0, 1, 2], [4, 1, 4]):  # of three pictures; of two, one of which is there twice
        expected = 0.0
        for i in range(6):
            twin = (i + 3) % 6
            others = [twin, *(k for k in range(6) if which[k % 3] != which[i % 3])]
            likely = [float(torch.exp(seen[i] @ seen[k] / 0.5)) for k in others]
            expected -= np.log(likely[0] / sum(likely)) / 6
        assert float(nt_xent(seen, torch.tensor(which), 0.5)) == pytest.approx(expected, rel=1e-5)


def test_moco_remembers_the_newest_and_its_copy_follows_slowly() -> None:
    torch.manual_seed(0)
    task = MoCo(build, 3, temperature=0.2, width=4, memory=8, decay=0.9).train()
    first = task.memory.clone()
    images = shapes(3, 1).repeat(1, 2, 1, 1)
    task.cost(images, torch.arange(3))
    assert not torch.equal(task.memory[:3], first[:3])
    assert torch.equal(task.memory[3:], first[3:])
    for _ in range(200):
        task.cost(images, torch.arange(3))
    assert int(task.place) == 201 * 3 % 8
    own, slow = (next(part.parameters()) for part in (task.projected, task.slow))
    with torch.no_grad():
        own.add_(1.0)
    before = slow.clone()
    task.cost(images, torch.arange(3))
    assert torch.allclose(slow - before, 0.1 * (own - before), atol=1e-6)
    assert not any(p.requires_grad for p in task.slow.parameters())


def test_a_task_is_told_which_pictures_it_sees() -> None:
    pictures = [TrainingPicture(str(n), np.full((16, 16, 1), 80 * n, np.uint8), np.zeros((16, 16), np.uint8)) for n in range(3)]
    view, policy, intensity = VIEWS.build({"name": "whole", "size": 16}), POLICIES.build("flips"), Intensity((0.0,), (1.0,))
    sources = (
        LabelledPictures(pictures, policy, view=view, intensity=intensity, batch_size=8, seed=0, look=look) for look in (0, 1)
    )
    batch = _Looks(tuple(sources)).batch(1)
    levels = (batch.images.mean(dim=(2, 3)) * 255 / 80).round()
    assert len(set(batch.target.tolist())) == 3
    assert torch.equal(levels, batch.target[:, None].expand(8, 2).float())


def moco() -> MoCo:
    torch.manual_seed(0)
    return MoCo(build, 3, temperature=0.2, width=4, memory=12, decay=0.9)


def test_moco_does_not_hold_a_picture_against_itself() -> None:
    task, images = moco(), shapes(3, 1).repeat(1, 2, 1, 1)
    for _ in range(8):
        task.cost(images, torch.full((3,), 5))  # nothing else was ever shown
    cost = task.cost(images, torch.full((3,), 5))
    cost.backward()
    assert float(cost.detach()) == 0
    assert float(task.cost(images, torch.tensor([5, 6, 7])).detach()) > 0.1


def test_moco_s_copy_keeps_to_running_statistics() -> None:
    """Whether a picture comes with others or alone, what is remembered of it is the same."""
    task, images = moco(), shapes(3, 1).repeat(1, 2, 1, 1)
    assert task.training  # as it was made: nobody says so to a new network
    for _ in range(2):
        assert not any(layer.training for layer in task.slow.modules())
        task.eval().train()
    task.cost(images, torch.arange(3))
    with torch.no_grad():
        assert torch.allclose(task.slow(images[:1, :3]), task.slow(images[:, :3])[:1], atol=1e-6)


def test_a_network_without_an_encoder_is_told_so() -> None:
    pretext = STARTS.build("jigsaw").pretext
    assert pretext is not None
    with pytest.raises(ModicumError, match="one encoder"):
        pretext.task(lambda outputs: nn.Conv2d(3, outputs, 1), 3)
