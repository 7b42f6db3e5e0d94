"""Finishing steps: what each keeps, adds and never does."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage.filters import apply_hysteresis_threshold
from skimage.morphology import disk, isotropic_closing

from modicum.errors import ModicumError
from modicum.inference.finishing import FINISHERS, Evidence
from modicum.inference.finishing import finished as finished_with
from modicum.inference.finishing.contours import boxes
from modicum.inference.finishing.morphology import closed

Y, X = np.indices((64, 80))
DISC = (Y - 30) ** 2 + (X - 40) ** 2 < 15**2
NUMBERS = hnp.arrays(np.uint8, st.one_of(st.just((12, 14)), st.just((4, 9, 10))), elements=st.integers(0, 2))


def finished(numbers: np.ndarray, steps: list[dict[str, Any]], *probability: np.ndarray, **more: Any) -> np.ndarray:
    return finished_with(numbers, steps, Evidence(*probability, **more))


@pytest.mark.parametrize("name", list(FINISHERS))
@given(numbers=NUMBERS)
@settings(max_examples=15, deadline=None)
def test_no_step_invents_a_class_or_changes_a_shape(name: str, numbers: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    probability = rng.uniform(0, 0.5, (2, *numbers.shape)).astype(np.float16)
    spacing = (3.0, 1.0, 1.0) if numbers.ndim == 3 else None
    if name == "inside_field":  # is for pictures
        numbers = numbers if numbers.ndim == 2 else numbers[0]
        image, spacing = np.full((*numbers.shape, 3), 9, np.uint8), None
    else:
        image = rng.normal(size=numbers.shape)
    done = finished(numbers, [{"name": name}], probability, image=image, spacing=spacing)
    assert done.shape == numbers.shape
    assert done.dtype == np.uint8
    assert set(np.unique(done)) <= {0, *np.unique(numbers)}


@pytest.mark.parametrize("name", ["snake", "region_growing", "guided_filter", "dual_threshold", "tissue_range", "inside_field"])
def test_a_step_without_what_it_needs_says_so(name: str) -> None:
    with pytest.raises(ModicumError, match=name):
        finished(DISC.astype(np.uint8), [{"name": name}])


def test_a_region_becomes_its_tissue() -> None:
    values = np.array([[-210, -200, -100], [-30, -29, 40]])
    numbers = np.array([[1, 1, 2], [2, 1, 0]], np.uint8)
    fat = finished(numbers, [{"name": "tissue_range"}], image=values[..., None])
    assert fat.tolist() == [[0, 1, 2], [2, 0, 0]]
    assert np.array_equal(finished(fat, [{"name": "tissue_range"}], image=values), fat)
    with pytest.raises(ModicumError, match="must be below"):
        finished(numbers, [{"name": "tissue_range", "least": 0}], image=values)


def test_components() -> None:
    mask = np.zeros((20, 30), np.uint8)
    mask[1:9, 1:9], mask[12:15, 12:15], mask[18, 28], mask[3, 3] = 1, 1, 1, 0
    mask[11:19, 20:26] = 2
    (largest,) = [finished(mask, [{"name": "largest"}])]
    assert (largest == 1).sum() == 63
    assert np.array_equal(largest == 2, mask == 2)  # each class for itself
    assert (finished(mask, [{"name": "largest", "count": 2}]) == 1).sum() == 72
    assert (finished(mask, [{"name": "remove_small", "area": 10}]) == 1).sum() == 63
    assert (finished(mask, [{"name": "remove_small", "area": 9 / 600}]) == 1).sum() == 72  # a share of the picture
    assert finished(mask, [{"name": "fill_holes"}])[3, 3] == 1
    assert finished(mask, [{"name": "fill_holes", "area": 1}])[3, 3] == 1
    mask[4, 3] = 0
    assert finished(mask, [{"name": "fill_holes", "area": 1}])[3, 3] == 0
    steps = [{"name": "fill_holes"}, {"name": "largest"}]
    assert (finished(mask, steps) == 1).sum() == 64


def test_other_classes_in_a_hole_stay() -> None:
    mask = np.ones((9, 9), np.uint8)
    mask[0], mask[4, 4], mask[4, 5] = 0, 2, 0
    done = finished(mask, [{"name": "fill_holes"}])
    assert done[4, 4] == 2
    assert done[4, 5] == 1


@given(hnp.arrays(np.bool_, (18, 21)), st.floats(1, 4))
@settings(max_examples=40, deadline=None)
def test_closing_is_that_of_scikit_image_away_from_the_edge(mask: np.ndarray, radius: float) -> None:
    wide = np.pad(mask, 12)
    assert np.array_equal(closed(wide, radius), isotropic_closing(wide, radius))


def test_closing_joins_and_opening_parts() -> None:
    line = np.zeros((20, 40), np.uint8)
    line[9:12, :18], line[9:12, 21:] = 1, 1
    joined = finished(line, [{"name": "closing", "radius": 3}])
    assert ndimage.label(joined)[1] == 1
    assert joined[10].all()  # up to the edge
    discs = cv2.dilate(line, disk(6))
    discs[:, 17:22] = 0
    discs[10, 17:22] = 1
    assert ndimage.label(finished(discs, [{"name": "opening", "radius": 2}]))[1] == 2


def test_closing_in_a_volume_measures_in_pixels_of_the_slices() -> None:
    volume = np.zeros((9, 16, 16), np.uint8)
    volume[[2, 5], 4:12, 4:12] = 1
    assert finished(volume, [{"name": "closing", "radius": 3}], spacing=(1.0, 1.0, 1.0))[3, 8, 8] == 1
    assert finished(volume, [{"name": "closing", "radius": 3}], spacing=(5.0, 1.0, 1.0))[3, 8, 8] == 0


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_dual_threshold_with_one_neighbour_is_hysteresis(seed: int) -> None:
    noise = np.random.default_rng(seed).normal(size=(30, 32))
    probability = ndimage.gaussian_filter(noise, 1.5)
    probability = ((probability - probability.min()) / np.ptp(probability))[None].astype(np.float16)
    sure = (probability[0] >= 0.7).astype(np.uint8)
    grown = finished(sure, [{"name": "dual_threshold", "low": 0.5}], probability)
    eight = ndimage.label(probability[0] >= 0.5, np.ones((3, 3)))[0]
    assert np.array_equal(grown > 0, np.isin(eight, np.unique(eight[sure > 0])[:]) & (eight > 0))
    assert (grown > 0).sum() >= apply_hysteresis_threshold(probability[0], 0.5, 0.7).sum()  # corners join as well
    strict = finished(sure, [{"name": "dual_threshold", "low": 0.5, "neighbours": 3}], probability)
    assert not (strict > grown).any()


@pytest.mark.parametrize(
    "step",
    [
        {"name": "snake"},
        {"name": "snake", "start": "box"},
        {"name": "snake", "energy": "edges", "start": "box", "balloon": -1, "rounds": 60},
        {"name": "region_growing", "reach": 12},
        {"name": "guided_filter", "radius": 6},
    ],
    ids=str,
)
def test_a_coarse_mask_finds_the_edge(step: dict[str, object]) -> None:
    rng = np.random.default_rng(1)
    image = np.where(DISC, 170, 90)[..., None] + rng.normal(0, 6, (*DISC.shape, 3))
    coarse = np.zeros(DISC.shape, np.uint8)
    coarse[18:44, 27:53] = 1  # a square over it
    done = finished(coarse, [step], image=np.clip(image, 0, 255).astype(np.uint8))
    dice = [2 * (found & DISC).sum() / (found.sum() + DISC.sum()) for found in (coarse > 0, done > 0)]
    assert dice[1] > max(dice[0] + 0.01, 0.95)


@pytest.mark.parametrize(("apart", "further"), [(1.0, 3), (3.0, 1), (4.0, 0), (0.5, 5)])
def test_a_region_grows_as_far_across_slices_as_within_them(apart: float, further: int) -> None:
    coarse = np.zeros((11, 24, 24), np.uint8)
    coarse[5, 8:16, 8:16] = 1
    image = np.full(coarse.shape, 9.0)
    image[:, 4:20, 4:20] = 70
    steps = [{"name": "region_growing", "reach": 3}]
    grown = finished(coarse, steps, image=image, spacing=(0.7 * apart, 0.7, 0.7))
    assert np.flatnonzero(grown.any(axis=(1, 2))).tolist() == list(range(5 - further, 6 + further))
    assert np.flatnonzero(grown[5].any(axis=0)).tolist() == list(range(5, 19))


def test_boxes() -> None:
    mask = np.zeros((9, 9), bool)
    mask[1, 1] = mask[2, 2] = mask[7, 5] = mask[6, 6] = True
    assert boxes(mask).sum() == 8


def test_nothing_is_found_outside_of_the_field_of_view() -> None:
    image = np.where(DISC, 120, 3)[..., None].repeat(3, axis=2).astype(np.uint8)
    done = finished(np.ones(DISC.shape, np.uint8), [{"name": "inside_field"}], image=image)
    assert (done[~DISC] == 1).mean() < 0.1
    assert (done[DISC] == 1).mean() > 0.95
