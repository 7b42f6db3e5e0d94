"""Prediction: any size, any number of tiles, flips, and the picture's own geometry."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from modicum.errors import ModicumError
from modicum.images.intensity import Intensity, working_pixels
from modicum.inference import Segmenter, ready
from modicum.networks import NETWORKS
from modicum.views import VIEWS, View


class Brightness(nn.Module):
    """A network whose answer is the picture itself: probability = sigmoid(20 (v - .5))."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(20.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scale * (x[:, :1] - 0.5)


def segmenter(spec: dict, *, flips: bool = False) -> Segmenter:
    view = VIEWS.build(spec)
    return Segmenter(Brightness().eval(), view, Intensity((0.0,), (1.0,)), 1, flips=view.flips if flips else ())


@pytest.mark.parametrize("shape", [(50, 70), (97, 33), (300, 411)])
@pytest.mark.parametrize("flips", [False, True])
def test_tiles_give_back_the_picture(shape: tuple[int, int], flips: bool) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 1), dtype=np.uint8)
    probability = segmenter({"name": "patches", "tile": 128, "overlap": 32}, flips=flips).probabilities(picture)
    expected = 1 / (1 + np.exp(-20 * (picture[..., 0] / 255 - 0.5)))
    assert probability.shape == (1, *shape)
    assert np.abs(probability[0].astype(float) - expected).max() < 5e-3


def test_flips_are_undone_before_averaging() -> None:
    picture = np.zeros((64, 64, 1), np.uint8)
    picture[5:20, 30:60] = 255
    for flips in (False, True):
        probability = segmenter({"name": "whole", "size": 64}, flips=flips).probabilities(picture)
        assert np.array_equal(probability[0] > 0.5, picture[..., 0] > 0)


@pytest.mark.parametrize("name", ["whole", "patches"])
def test_a_size_of_two_numbers_serves_inference(name: str) -> None:
    """As a recipe's YAML gives it."""
    picture = np.zeros((192, 256, 1), np.uint8)
    picture[40:120, 60:180] = 255
    probability = segmenter(VIEWS.resolve({"name": name, "size": [96, 128]})).probabilities(picture)
    assert np.array_equal(probability[0] > 0.5, picture[..., 0] > 0)


@pytest.mark.parametrize("view", [{"name": "patches", "tile": 96, "overlap": 32}, {"name": "whole", "size": 50}])
def test_a_deep_network_takes_any_view(view: dict) -> None:
    """Six halvings want multiples of 64; tiles are multiples of 32, whole pictures of any size."""
    network = ready(NETWORKS.build({"name": "unet", "encoder": {"widths": [2] * 7}}, 1, 1))
    deep = Segmenter(network, VIEWS.build(view), Intensity((0.0,), (1.0,)), 1, flips=View.flips)
    probability = deep.probabilities(np.zeros((90, 150, 1), np.uint8))
    assert probability.shape == (1, 90, 150)
    assert np.isfinite(probability).all()


def test_channels_are_matched_or_refused() -> None:
    grey = np.full((4, 4, 1), 7, np.uint8)
    colour = np.dstack([grey, grey, grey + 1])
    assert working_pixels(grey, 3).shape == (4, 4, 3)
    assert working_pixels(np.repeat(grey, 3, 2), 1).shape == (4, 4, 1)
    assert working_pixels(colour, 1, grey=True).shape == (4, 4, 1)
    with pytest.raises(ModicumError, match="3 channels, the model expects 1"):
        working_pixels(colour, 1)


def test_deep_pictures_are_stretched_between_percentiles() -> None:
    deep = (np.random.default_rng(0).normal(30_000, 500, (80, 80, 1))).astype(np.uint16)
    deep[0, 0] = 65_535  # one hot pixel does not decide
    pixels = working_pixels(deep, 1)
    assert pixels.dtype == np.uint8
    assert 100 < np.median(pixels) < 155
    assert pixels.std() > 30


def test_per_picture_normalisation_ignores_the_light() -> None:
    picture = np.random.default_rng(0).integers(60, 120, (32, 32, 3), dtype=np.uint8)
    intensity = Intensity.of([picture], per_picture=True)
    for changed in (picture, picture * 2):
        mean, sd = intensity.scale(changed)
        values = (changed / 255 - mean) / sd
        assert abs(values.mean()) < 1e-5
        assert abs(values.std() - 1) < 1e-2


class Height(nn.Module):
    """A network that looks at the last channel alone: surely foreground where that is 204."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1000.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scale * (0.1 - (x[:, -1:] - 0.8).abs())


def test_a_slice_is_as_high_beyond_its_border() -> None:
    picture = np.dstack([np.zeros((40, 40), np.uint8), np.full((40, 40), 204, np.uint8)])
    mask = np.zeros((40, 40), bool)
    mask[:6, :6] = True
    view, intensity = VIEWS.build({"name": "polar", "size": [32, 32]}), Intensity((0.0, 0.0), (1.0, 1.0))
    for depth in (False, True):
        one = Segmenter(Height().eval(), view, intensity, 1, depth=depth)
        glimpses = one.look(picture, mask).glimpses
        answer = np.stack(list(one.answers(picture, glimpses)))
        assert bool((answer > 0.5).all()) is depth
