"""What recolouring may change: neighbouring slices alike, how high a slice lies never."""

from __future__ import annotations

import numpy as np
import pytest

from modicum.augment import POLICIES
from modicum.images.intensity import Intensity
from modicum.images.volumes.slicing import Slicing
from modicum.supervision.labelled import LabelledPictures
from modicum.views import VIEWS, TrainingPicture


def batches(slicing: Slicing, channels: int, name: str = "patches") -> tuple[np.ndarray, Intensity]:
    """(N, C, 16, 16) of uniform pictures whose last channel is the height 51, and their normalisation."""
    pictures = []
    for number in range(6):
        image = np.full((16, 16, channels), 90 + 10 * number, np.uint8)
        if slicing.depth:
            image[..., -1] = 51
        pictures.append(TrainingPicture(str(number), image, np.zeros((16, 16), np.uint8)))
    intensity = Intensity(tuple([0.5] * channels), tuple([0.25] * channels))
    view, policy = VIEWS.build({"name": name, "size": 16}), POLICIES.build({"name": "strong", "strength": 2.0})
    source = LabelledPictures(pictures, policy, view=view, intensity=intensity, batch_size=6, seed=0, slicing=slicing)
    return np.concatenate([source.batch(step).images.numpy() for step in range(4)]), intensity


@pytest.mark.parametrize("view", ["patches", "whole", "crops"])  # beyond the border of a slice that was turned, too
def test_how_high_a_slice_lies_is_no_colour(view: str) -> None:
    seen, _ = batches(Slicing(depth=True), 2, view)
    assert seen[:, 1] == pytest.approx((51 / 255 - 0.5) / 0.25, abs=1e-6)
    assert seen[:, 0].std() > 0.1


def test_neighbours_are_recoloured_alike_and_colours_are_not() -> None:
    neighbours, _ = batches(Slicing(neighbours=1), 3)
    colours, _ = batches(Slicing(), 3)
    spread = [(s.mean((2, 3)).max(1) - s.mean((2, 3)).min(1)).mean() for s in (neighbours, colours)]
    assert spread[0] < 0.02  # noise alone
    assert spread[1] > 0.1
