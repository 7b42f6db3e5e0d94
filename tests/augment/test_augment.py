"""Augmentation: the mask stays on its picture, values stay sane, the same seed gives the same change."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from modicum.augment import POLICIES, Policy, borrowed_levels, random_levels, random_map
from modicum.geometry import sample
from modicum.images.intensity import Intensity
from modicum.supervision.labelled import LabelledPictures
from modicum.views import VIEWS, TrainingPicture

EVERY = [*POLICIES, {"name": "strong", "bend": 1.0}]


def blob(seed: int, shape: tuple[int, int] = (120, 140)) -> TrainingPicture:
    """A picture whose bright part is exactly its label."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape)
    label = np.zeros(shape, np.uint8)
    for _ in range(3):
        cy, cx, r = rng.uniform(20, 100), rng.uniform(20, 120), rng.uniform(8, 22)
        label[(y - cy) ** 2 + (x - cx) ** 2 < r**2] = 1
    return TrainingPicture("a", np.repeat(40 + 160 * label[..., None], 3, axis=2).astype(np.uint8), label)


@pytest.mark.parametrize("policy", EVERY, ids=str)
@pytest.mark.parametrize("view", ["whole", "patches"])
def test_the_mask_stays_on_its_picture(policy: str | dict, view: str) -> None:
    shown = VIEWS.build({"name": view, "size": 96})
    picture = shown.prepare(blob(1))
    intensity = Intensity.of([picture.image], per_picture=False)
    source = LabelledPictures([picture], POLICIES.build(policy), view=shown, intensity=intensity, batch_size=4, seed=3)
    for step in range(6):
        batch = source.batch(step)
        for image, target in zip(batch.images, batch.target, strict=True):
            grey, mask = image.mean(0).numpy(), target.numpy() > 0
            if 0 < mask.mean() < 1:
                bright = grey > (grey[mask].mean() + grey[~mask].mean()) / 2
                overlap = 2 * (bright & mask).sum() / (bright.sum() + mask.sum())
                assert overlap > 0.93


@pytest.mark.parametrize("policy", EVERY, ids=str)
def test_batches_depend_on_seed_and_number_only(policy: str | dict) -> None:
    view = VIEWS.build({"name": "patches", "size": 64})
    pictures = [view.prepare(blob(i)) for i in range(3)]
    intensity = Intensity.of([p.image for p in pictures], per_picture=True)

    def batch(seed: int, step: int) -> np.ndarray:
        source = LabelledPictures(pictures, POLICIES.build(policy), view=view, intensity=intensity, batch_size=4, seed=seed)
        return source.batch(step).images.numpy()

    assert np.array_equal(batch(0, 5), batch(0, 5))
    assert not np.array_equal(batch(0, 5), batch(1, 5))
    assert not np.array_equal(batch(0, 5), batch(0, 6))
    assert np.isfinite(batch(0, 5)).all()


def test_every_picture_is_shown_once_a_round() -> None:
    view = VIEWS.build({"name": "whole", "size": 32})
    pictures = [TrainingPicture(str(i), np.full((32, 32, 1), i * 20, np.uint8), np.zeros((32, 32), np.uint8)) for i in range(7)]
    intensity = Intensity((0.0,), (1.0,))
    source = LabelledPictures(pictures, POLICIES.build("none"), view=view, intensity=intensity, batch_size=7, seed=0)
    for step in range(3):
        shown = sorted(np.rint(source.batch(step).images[:, 0, 0, 0].numpy() * 255 / 20).astype(int).tolist())
        assert shown == list(range(7))


def test_no_change_gives_the_normalised_picture() -> None:
    picture = blob(0, (64, 64))
    view = VIEWS.build({"name": "whole", "size": 64})
    intensity = Intensity.of([picture.image], per_picture=False)
    batch = LabelledPictures([picture], POLICIES.build("none"), view=view, intensity=intensity, batch_size=1, seed=0).batch(0)
    expected = (picture.image / 255 - np.array(intensity.mean)) / np.array(intensity.sd)
    assert np.abs(batch.images[0].permute(1, 2, 0).numpy() - expected).max() < 1e-4
    assert abs(float(batch.images.mean())) < 1e-3
    assert abs(float(batch.images.std()) - 1) < 1e-2


def test_ranges_are_kept() -> None:
    policy = POLICIES.build("retina")
    rng = np.random.default_rng(0)
    scales, angles = [], []
    for _ in range(300):
        matrix = np.linalg.inv(random_map(policy, (100, 100), rng).matrix[:2, :2])
        scales.append(abs(np.linalg.det(matrix)) ** 0.5)
        angles.append(matrix)
    assert 0.89 < min(scales) < 0.92
    assert 1.08 < max(scales) < 1.11


def test_brightness_factor_scales_the_mean() -> None:
    levels = np.linspace(0, 1, 256, dtype=np.float32)[:, None]
    mean = np.array([0.4], np.float32)
    changed = random_levels(Policy(brightness=(0.5, 0.5)), levels, mean, np.random.default_rng(0))
    assert np.allclose(changed, levels - 0.2, atol=1e-6)


def test_borrowed_colours_are_those_of_the_other_picture() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(80, 150, (40, 40, 3), dtype=np.uint8)
    own, other = (
        (np.array(a, np.float32), np.array(b, np.float32))
        for a, b in (
            ((pixels / 255).mean((0, 1)), (pixels / 255).std((0, 1))),
            ((0.5, 0.3, 0.6), (0.05, 0.1, 0.15)),
        )
    )
    levels = np.repeat(np.linspace(0, 1, 256, dtype=np.float32)[:, None], 3, axis=1)
    for share, wanted in ((1.0, other), (0.0, own)):
        seen = cv2.LUT(pixels, borrowed_levels(levels, own, other, share)[None])
        assert np.allclose(seen.mean((0, 1)), wanted[0], atol=1e-3)
        assert np.allclose(seen.std((0, 1)), wanted[1], atol=1e-3)


def test_labels_keep_their_classes_under_bending() -> None:
    label = np.random.default_rng(0).choice(np.array([0, 2, 5], np.uint8), (80, 80))
    policy = POLICIES.build({"name": "strong", "bend": 1.0})
    for seed in range(10):
        by = random_map(policy, (80, 80), np.random.default_rng(seed))
        assert set(np.unique(sample(label, by, nearest=True))) <= {0, 2, 5}
