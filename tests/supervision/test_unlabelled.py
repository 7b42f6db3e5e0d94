"""What unlabelled pictures teach: which pseudo-labels are believed, and what the averaged network is sure of."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from modicum.augment import POLICIES, moved_only, recoloured
from modicum.images.intensity import Intensity
from modicum.losses import LOSSES
from modicum.supervision import SUPERVISIONS, Consistency, PseudoLabels
from modicum.supervision.consistency import Agreement, cut_mix
from modicum.supervision.labelled import LabelledPictures
from modicum.supervision.mixed import Beside, Mixed
from modicum.supervision.pseudo import judged, share_range, sure
from modicum.training.batches import Batch, Looks
from modicum.views import VIEWS, TrainingPicture


def test_the_range_of_shares_holds_19_of_20_new_pictures() -> None:
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(4000):
        shares = np.exp(rng.normal(-3, 0.4, 9))
        low, high = share_range(shares[:8].tolist())
        inside.append(low <= shares[8] <= high)
    assert np.mean(inside) == pytest.approx(0.95, abs=0.01)


def test_the_range_of_shares_at_its_edges() -> None:
    assert share_range([0.1]) == pytest.approx((0.1 / 3, 0.3))
    assert share_range([0.0, 0.0]) == (0.0, 1.0)
    assert share_range([0.0, 0.2, 0.21])[0] == 0.0
    assert share_range([0.5, 0.01])[1] <= 1.0
    assert share_range([0.5], (0.2, 0.3)) == (0.2, 0.3)


def test_a_pseudo_label_is_believed_by_share_and_confidence() -> None:
    probability = np.full((1, 10, 10), 0.1, np.float32)
    probability[0, :2] = 0.8
    numbers = (probability[0] > 0.5).astype(np.uint8)
    found = judged("a", probability, numbers, None, (0.1, 0.3), 0.75)
    assert (found.share, found.kept) == (0.2, True)
    assert found.confidence == pytest.approx(0.8)
    assert "share" in judged("a", probability, numbers, None, (0.3, 0.4), 0.75).reason
    assert "confidence" in judged("a", probability, numbers, None, (0.1, 0.3), 0.85).reason
    half = np.zeros((10, 10), bool)
    half[:, :5] = True
    half[:2, :4] = False  # only 2 of 42 pixels that count are foreground
    assert judged("a", probability, numbers, half, (0.1, 0.3), 0.75).share == pytest.approx(2 / 42)
    nothing = judged("a", probability * 0, numbers * 0, None, (0.0, 0.3), 0.75)
    assert nothing.kept


def test_confidence_of_several_classes_is_that_of_the_class_found() -> None:
    probability = np.zeros((2, 1, 4), np.float32)
    probability[0, 0] = [0.9, 0.1, 0.0, 0.0]
    probability[1, 0] = [0.0, 0.7, 0.0, 0.0]
    found = judged("a", probability, np.array([[1, 2, 0, 0]], np.uint8), None, (0, 1), 0)
    assert found.confidence == pytest.approx(0.8)


def test_unsure_pixels_do_not_teach() -> None:
    settings = SUPERVISIONS.build({"name": "pseudo_labels", "unsure": 0.2}).unlabelled
    assert isinstance(settings, PseudoLabels)
    probability = np.array([[[0.0, 0.25, 0.35, 0.5, 0.65, 0.75, 1.0]]])
    assert sure(probability, (probability[0] >= 0.5).astype(np.uint8), settings).tolist() == [[1, 1, 0, 0, 0, 1, 1]]
    low = (probability[0] >= 0.2).astype(np.uint8)  # a low threshold: what lies above it is foreground, but not surely
    assert sure(probability, low, settings).tolist() == [[1, 0, 0, 0, 0, 1, 1]]
    two = np.array([[[0.8, 0.1]], [[0.1, 0.6]]])
    assert sure(two, np.array([[1, 2]], np.uint8), settings).tolist() == [[1, 0]]


@given(st.floats(0, 1), st.integers(0, 10_000))
def test_cutmix_keeps_picture_label_and_sureness_together(probability: float, seed: int) -> None:
    torch.manual_seed(seed)
    owner = torch.arange(4, dtype=torch.float32).view(4, 1, 1, 1).expand(4, 2, 12, 17)
    label = torch.arange(4, dtype=torch.uint8).view(4, 1, 1).expand(4, 12, 17)
    mixed, labels, sureness = cut_mix(probability, owner, label, label > 1)
    assert torch.equal(mixed[:, 0], labels.float())
    assert torch.equal(sureness, labels > 1)
    for place in range(4):
        pasted = labels[place] != place
        assert set(labels[place].unique().tolist()) <= {place, (place - 1) % 4}
        rows, columns = pasted.any(1), pasted.any(0)
        assert pasted.sum() == rows.sum() * columns.sum()  # one rectangle
        assert pasted.sum() <= 0.45 * pasted.numel() or min(pasted.shape) < 3
    if probability == 0:
        assert torch.equal(mixed, owner)


def agreement(**options: object) -> Agreement:
    settings = SUPERVISIONS.build({"name": "consistency", **options}).unlabelled
    assert isinstance(settings, Consistency)
    return Agreement(settings, LOSSES.build("bce"), 1)


def test_only_what_the_teacher_is_sure_of_teaches() -> None:
    more = agreement(cutmix=0.0, warm_up=0.0)
    logits = torch.tensor([[-5.0, 5.0, 0.0, 2.0]]).view(1, 1, 1, 4)
    network = nn.Conv2d(1, 1, 1)
    looks = Looks(torch.zeros(1, 1, 1, 4), torch.zeros(1, 1, 1, 4))
    with torch.no_grad():
        network.weight.zero_()
        network.bias.zero_()
    cost = more.cost(network, lambda images: logits, looks, 1.0)
    assert float(cost.detach()) == pytest.approx(2 * np.log(2) / 4, rel=1e-4)  # two of four pixels, at probability .5
    assert more.shares() == pytest.approx((0.25, 0.25))
    assert more.shares() == (0.0, 0.0)
    seen = Looks(looks.weak, looks.strong, torch.tensor([[[True, False, True, True]]]))  # the surely bright one does not count
    cost = more.cost(network, lambda images: logits, seen, 1.0)
    assert float(cost.detach()) == pytest.approx(np.log(2) / 4, rel=1e-4)
    assert more.shares() == pytest.approx((1 / 3, 0.0))


def test_the_weight_grows_to_its_full_size() -> None:
    more = agreement(weight=2.0, warm_up=0.5)
    weights = [more._weight(p) for p in np.linspace(0, 1, 11)]
    assert weights[0] < 0.02
    assert weights == sorted(weights)
    assert weights[5] == weights[-1] == 2.0


def test_unlabelled_pictures_stop_teaching_when_validation_falls() -> None:
    more = agreement(tolerance=0.05)
    rising = [0.9, 0.5, 0.4, 0.3, 0.3, 0.5, 0.6, 0.6, 0.65, 0.7, 0.72, 0.71, 0.7, 0.73]  # it loses much at first
    assert not more.stopped(rising)
    assert not more.stopped([*rising, 0.5, 0.74, 0.74])  # one bad epoch
    fallen = [*rising, 0.6, 0.6, 0.6]
    assert more.stopped(fallen)
    assert more.stopped([*fallen, 0.9, 0.9, 0.9])  # for good


def pictures(count: int, valid: bool = False) -> list[TrainingPicture]:
    rng = np.random.default_rng(count)
    label = np.zeros((32, 32), np.uint8)
    label[8:20, 8:20] = 1
    counts = np.ones((32, 32), np.uint8) if valid else None
    return [TrainingPicture(f"{count}-{i}", rng.integers(0, 255, (32, 32, 3), np.uint8), label, counts) for i in range(count)]


def source(shown: list[TrainingPicture], size: int, policy: str = "strong", look: int = 0) -> LabelledPictures:
    intensity = Intensity.of([p.image for p in shown], per_picture=False)
    view = VIEWS.build({"name": "whole", "size": 32})
    return LabelledPictures(shown, POLICIES.build(policy), view=view, intensity=intensity, batch_size=size, seed=0, look=look)


def test_mixed_batches_hold_both_kinds() -> None:
    mixed = Mixed(source(pictures(3), 2), source(pictures(5, valid=True), 6)).batch(4)
    assert mixed.images.shape[0] == mixed.target.shape[0] == 8
    assert mixed.valid is not None
    assert mixed.valid[:2].all()
    first = source(pictures(3), 2).batch(4)
    assert torch.equal(mixed.images[:2], first.images)


def test_weak_and_strong_looks_are_moved_alike() -> None:
    shown = pictures(4)
    policy = POLICIES.build("strong")
    base = source(shown, 4)
    weak = LabelledPictures(shown, moved_only(policy), view=base.view, intensity=base.intensity, batch_size=4, seed=0, look=1)
    strong = LabelledPictures(
        shown, recoloured(policy, 2.0), view=base.view, intensity=base.intensity, batch_size=4, seed=0, look=1
    )
    for step in range(5):
        one, other = weak.batch(step), strong.batch(step)
        assert torch.equal(one.target, other.target)
        assert not torch.equal(one.images, other.images)
    beside: Batch = Beside(base, weak, strong).batch(2)
    assert beside.unlabelled is not None
    assert beside.unlabelled.strong.shape == (4, 3, 32, 32)
    assert torch.equal(beside.unlabelled.weak, weak.batch(2).images)


def test_looks_show_the_same_pictures_otherwise() -> None:
    shown = pictures(6)
    one, other = source(shown, 3), source(shown, 3, look=1)
    assert [one.shown(i) for i in range(4)] == [other.shown(i) for i in range(4)]
    assert not torch.equal(one.batch(0).images, other.batch(0).images)
    assert sorted(one.shown(0) + one.shown(1)) == sorted(p.case_id for p in shown)
