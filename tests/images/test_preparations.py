"""Preparations: what each does to a picture, and that a model that learned from prepared pictures sees them so."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import modicum as md
from discs import TINY, write_discs
from modicum.errors import ModicumError
from modicum.images import read_picture
from modicum.images.intensity import working_pixels
from modicum.images.preparations import PREPARATIONS, field_of_view
from modicum.recipes import load

PICTURES = st.sampled_from([1, 3]).flatmap(lambda c: hnp.arrays(np.uint8, (23, 31, c)))


@pytest.mark.parametrize("name", list(PREPARATIONS))
@given(picture=PICTURES)
@settings(max_examples=15, deadline=None)
def test_pixels_stay_pixels(name: str, picture: np.ndarray) -> None:
    before = picture.copy()
    done = PREPARATIONS.build(name)(picture)
    assert done.dtype == np.uint8
    assert done.shape == (23, 31, 1 if name == "green" else picture.shape[2])
    assert np.array_equal(picture, before)


def fundus() -> tuple[np.ndarray, np.ndarray]:
    """A dim disc with a bright half on black, and where it is."""
    y, x = np.indices((120, 140))
    inside = (y - 60) ** 2 + (x - 70) ** 2 < 50**2
    noise = np.random.default_rng(0).normal(0, 3, (120, 140, 3))
    return np.clip(np.where(inside[..., None], 60 + x[..., None], 4) + noise, 0, 255).astype(np.uint8), inside


def test_contrast_makes_bright_and_dark_parts_alike() -> None:
    picture, inside = fundus()
    done = PREPARATIONS.build({"name": "contrast", "radius": 0.05})(picture).astype(float)
    core = cv2.erode(inside.astype(np.uint8), np.ones((41, 41))) > 0
    left, right = core & (np.indices(core.shape)[1] < 70), core & (np.indices(core.shape)[1] >= 70)
    assert abs(picture[left].mean() - picture[right].mean()) > 15
    assert abs(done[left].mean() - done[right].mean()) < 5


def test_whitening_makes_low_frequencies_as_strong_as_middle_ones() -> None:
    rough = cv2.GaussianBlur(np.random.default_rng(0).normal(size=(256, 256)), (0, 0), 2)
    falling = np.fft.irfft2(
        np.fft.rfft2(rough) / np.maximum(np.hypot(*np.meshgrid(np.fft.rfftfreq(256), np.fft.fftfreq(256))), 1e-2)
    )
    picture = np.clip((falling - falling.mean()) / falling.std() * 40 + 128, 0, 255).astype(np.uint8)[..., None]

    def ratio(pixels: np.ndarray) -> float:
        strength = np.abs(np.fft.rfft2(pixels[..., 0] - pixels[..., 0].mean()))
        frequency = np.hypot(*np.meshgrid(np.fft.rfftfreq(256), np.fft.fftfreq(256)))
        return float(strength[frequency < 0.02].mean() / strength[(frequency > 0.05) & (frequency < 0.08)].mean())

    assert ratio(picture) > 5
    assert ratio(PREPARATIONS.build("whiten")(picture)) < ratio(picture) / 3


def test_the_outside_of_a_field_of_view_is_filled_from_its_rim() -> None:
    picture, inside = fundus()
    assert (field_of_view(picture) != inside).mean() < 0.1
    done = PREPARATIONS.build("fill_outside")(picture)
    assert done[60, 135].mean() == pytest.approx(picture[60, 112].mean(), abs=8)
    assert np.array_equal(done[60, 40:100], picture[60, 40:100])
    bright = np.full((40, 40, 3), 90, np.uint8)
    assert np.array_equal(PREPARATIONS.build("fill_outside")(bright), bright)


def test_green_then_clahe_leaves_one_channel() -> None:
    picture, _ = fundus()
    done = working_pixels(picture, 1, prepare=[{"name": "green"}, {"name": "clahe"}])
    assert np.array_equal(done[..., 0], cv2.createCLAHE(2.0, (8, 8)).apply(np.ascontiguousarray(picture[..., 1])))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (["images.prepare=[gren]"], "preparation 'gren'. Did you mean 'green'"),
        (["images.prepare=clahe"], "images.prepare is a list"),
        (["images.prepare=[green]", "images.grey=true"], "exclude each other"),
        (["images.prepare=[clahe]", "images.depth=true"], "no picture to prepare"),
        (["images.normalise=picture", "images.depth=true"], "take away how deep"),
        (["images.prepare=[{name: whiten, cutoff: 3}]"], "cutoff"),
    ],
)
def test_wrong_preparations_are_told(changes: list[str], told: str) -> None:
    with pytest.raises(ModicumError) as error:
        load("small-whole", changes)
    assert told in str(error.value)


def test_a_model_prepares_new_pictures_as_it_did_in_training(tmp_path: Path) -> None:
    data = write_discs(tmp_path / "discs", 12)
    changes = [*TINY, "fit.epochs=2", "images.prepare=[green, clahe]", "finish.low=auto"]
    run = md.train(data, tmp_path / "run", recipe="small-whole", changes=changes)
    segmenter = run.bundle.segmenter()
    picture = read_picture(data / "images" / "case_00.png")
    expected = working_pixels(picture, 1, prepare=[{"name": "green"}, {"name": "clahe"}])
    assert np.array_equal(segmenter.pixels(picture), expected)
    assert np.array_equal(run.bundle.segmenter(prepared=True).probabilities(expected), segmenter.probabilities(picture))
