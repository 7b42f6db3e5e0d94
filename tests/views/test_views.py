"""Views: what is shown covers the picture, and the way back gives the picture's own geometry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.errors import ModicumError
from modicum.geometry import compose, crop, identity, sample
from modicum.views import VIEWS, TrainingPicture, View


def ramp(shape: tuple[int, int]) -> np.ndarray:
    y, x = np.indices(shape)
    return ((y / shape[0] + x / shape[1]) / 2).astype(np.float32)


@given(st.integers(20, 300), st.integers(20, 300), st.sampled_from([64, 96, 160]), st.sampled_from([0, 16, 32]))
def test_tiles_put_together_give_the_picture_back(height: int, width: int, tile: int, overlap: int) -> None:
    view: View = VIEWS.build({"name": "patches", "tile": tile, "overlap": overlap, "size": 32})
    picture = ramp((height, width))
    glimpses = view.glimpses((height, width), ())
    assert len({g.by.target for g in glimpses}) == 1
    assert all(edge % 32 == 0 for edge in glimpses[0].by.target)
    fused = view.fuse(((g, sample(picture, g.by)[None]) for g in glimpses), (height, width), 1)
    assert fused.shape == (1, height, width)
    assert np.abs(fused[0] - picture).max() < 2e-3  # half precision


@given(st.integers(64, 300), st.integers(64, 300))
def test_whole_view_comes_back_in_place(height: int, width: int) -> None:
    view: View = VIEWS.build({"name": "whole", "size": 64})
    picture = ramp((height, width))
    (glimpse,) = view.glimpses((height, width), ())
    by = glimpse.by
    assert _error(picture, view.fuse([(glimpse, sample(picture, by)[None])], (height, width), 1)[0]) < 0.002
    for shift in ((0.5, 0.0), (0.0, 0.5)):  # of a pixel of the view: the measure must see it
        seen = sample(picture, compose([by, crop(by.target, shift, by.target)]))
        assert _error(picture, view.fuse([(glimpse, seen[None])], (height, width), 1)[0]) > 0.003


@pytest.mark.parametrize("edge", [12, 29, 48, 74, 86])
def test_a_border_stays_where_the_answer_to_the_whole_picture_has_it(edge: int) -> None:
    """Weights fall by a tenth from pixel to pixel of the answer: interpolated with it, they would move the border."""
    view: View = VIEWS.build({"name": "whole", "size": 96})
    (glimpse,) = view.glimpses((960, 960), ())
    falling = np.clip(0.5 + (edge - np.arange(96) - 0.5) * 0.7, 0, 1).astype(np.float32)  # .5 at `edge`
    for turned in (False, True):
        answer = np.repeat(falling[None], 96, axis=0)
        fused = view.fuse([(glimpse, (answer.T if turned else answer)[None])], (960, 960), 1)[0].astype(np.float32)
        line = fused[:, 480] if turned else fused[480]
        found = np.interp(-0.5, -line, np.arange(960) + 0.5)
        assert found == pytest.approx(10 * edge, abs=0.05)


def test_the_answer_to_the_whole_picture_does_not_fade_at_its_edge() -> None:
    view: View = VIEWS.build({"name": "whole", "size": 32})
    (glimpse,) = view.glimpses((150, 90), ())
    sure = np.ones((1, *glimpse.by.target), np.float32)
    assert (view.fuse([(glimpse, sure)], (150, 90), 1) == 1).all()


def _error(picture: np.ndarray, fused: np.ndarray) -> float:
    """Largest difference inside; bilinear enlargement is flat in the outermost half pixel of the view."""
    edge = int(max(picture.shape) / 64) + 2
    return float(np.abs(fused - picture)[edge:-edge, edge:-edge].max())


@pytest.mark.parametrize("name", ["whole", "patches"])
def test_a_size_of_two_numbers_serves_training(name: str) -> None:
    """As a recipe's YAML gives it."""
    view: View = VIEWS.build(VIEWS.resolve({"name": name, "size": [96, 128]}))
    picture = view.prepare(TrainingPicture("a", np.zeros((300, 300, 1), np.uint8), np.ones((300, 300), np.uint8)))
    by = view.training_glimpse(picture, identity, np.random.default_rng(0)).by
    assert by.target == view.size == (96, 128)
    assert sample(picture.label, by, nearest=True).shape == (96, 128)


@pytest.mark.parametrize(
    "options", [{"tile": 64}, {"tile": 100, "overlap": 51}, {"overlap": -1}, {"tile": 0, "overlap": 0}, {"size": [0, 64]}]
)
def test_tiles_that_cannot_be_are_refused(options: dict) -> None:
    with pytest.raises(ModicumError):
        VIEWS.build({"name": "patches", **options})


def test_every_pixel_is_seen_by_a_tile() -> None:
    view: View = VIEWS.build({"name": "patches", "tile": 64, "overlap": 16, "size": 32})
    seen = np.zeros((150, 201), int)
    for one in (g.by for g in view.glimpses((150, 201), ())):
        y, x = (int(v) for v in one.backward(np.zeros(2)))
        seen[y : y + one.target[0], x : x + one.target[1]] += 1
    assert seen.min() >= 1


def test_patches_aim_at_rare_objects() -> None:
    label = np.zeros((400, 400), np.uint8)
    label[371:375, 20:24] = 1
    rng = np.random.default_rng(0)
    picture = TrainingPicture("a", np.zeros((400, 400, 1), np.uint8), label)

    def share(foreground: float) -> float:
        view: View = VIEWS.build({"name": "patches", "size": 64, "foreground": foreground})
        prepared = view.prepare(picture)
        hits = [sample(label, view.training_glimpse(prepared, identity, rng).by, nearest=True).any() for _ in range(200)]
        return float(np.mean(hits))

    assert share(1.0) == 1.0
    assert 0.4 < share(0.5) < 0.65
    assert share(0.0) < 0.1


@pytest.mark.parametrize("shape", [(100, 40), (33, 500)])
def test_patches_of_pictures_that_are_smaller_than_a_patch(shape: tuple[int, int]) -> None:
    view: View = VIEWS.build({"name": "patches", "size": 64})
    picture = view.prepare(TrainingPicture("a", np.zeros((*shape, 1), np.uint8), np.ones(shape, np.uint8)))
    seen = sample(picture.label, view.training_glimpse(picture, identity, np.random.default_rng(0)).by, nearest=True)
    assert seen.shape == (64, 64)
    assert seen.all()


def test_whole_view_keeps_small_copies_of_large_pictures() -> None:
    view: View = VIEWS.build({"name": "whole", "size": 64})
    prepared = view.prepare(TrainingPicture("a", np.zeros((512, 700, 3), np.uint8), np.zeros((512, 700), np.uint8)))
    assert prepared.image.shape == (64, 87, 3)
    assert prepared.label.shape == (64, 87)
