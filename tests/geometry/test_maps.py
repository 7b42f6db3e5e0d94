"""Coordinate maps: forward undoes backward, composition is what it says, nothing moves by half a pixel."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from modicum.geometry import (
    Affine,
    CoordinateMap,
    Elastic,
    about_centre,
    compose,
    crop,
    identity,
    inverse,
    resize,
    sample,
    shrink_label,
    shrink_marks,
    shrink_picture,
)

SHAPES = st.tuples(st.integers(24, 90), st.integers(24, 90))


def smooth_picture(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    """Float picture (H, W, 3) without detail finer than some pixels."""
    noise = np.random.default_rng(seed).random((*shape, 3)).astype(np.float32)
    return cv2.GaussianBlur(noise, (0, 0), 4) * 5 - 2


def detailed_picture(shape: tuple[int, int]) -> np.ndarray:
    """Float picture (H, W, 3) that changes by some tenths from pixel to pixel, so that a small shift is a large error."""
    noise = np.random.default_rng(0).random((*shape, 3)).astype(np.float32)
    return cv2.GaussianBlur(noise, (0, 0), 1) * 5 - 2


@st.composite
def maps(draw: st.DrawFn) -> CoordinateMap:
    """A chain of one to three maps from a random shape."""
    shape = draw(SHAPES)
    chain: list[CoordinateMap] = [identity(shape)]
    for kind in draw(st.lists(st.sampled_from(["affine", "resize", "crop", "elastic"]), min_size=1, max_size=3)):
        at = chain[-1].target
        if kind == "affine":
            chain.append(
                about_centre(
                    at,
                    rotation=draw(st.floats(-3.2, 3.2)),
                    scale=draw(st.floats(0.7, 1.4)),
                    shear=draw(st.floats(-0.3, 0.3)),
                    shift=(draw(st.floats(-5, 5)), draw(st.floats(-5, 5))),
                    flip=(draw(st.booleans()), draw(st.booleans())),
                )
            )
        elif kind == "resize":
            chain.append(resize(at, draw(SHAPES)))
        elif kind == "crop":
            chain.append(crop(at, (draw(st.integers(-4, 9)), draw(st.integers(-4, 9))), draw(SHAPES)))
        else:
            chain.append(Elastic(np.random.default_rng(draw(st.integers(0, 99))).normal(0, 0.5, (5, 5, 2)), at))
    return compose(chain)


@given(maps())
def test_forward_undoes_backward(one: CoordinateMap) -> None:
    points = np.random.default_rng(0).random((50, 2)) * (np.array(one.target) - 1)
    assert np.abs(one.forward(one.backward(points)) - points).max() < 1e-3
    back = inverse(one)
    assert back.source == one.target
    assert back.target == one.source
    assert np.abs(back.backward(one.backward(points)) - points).max() < 1e-3


@given(maps())
def test_composition_is_one_map_after_the_other(one: CoordinateMap) -> None:
    second = about_centre(one.target, rotation=0.3, scale=1.1, shift=(2.0, -1.0))
    both = compose([one, second])
    points = np.random.default_rng(1).random((20, 2)) * (np.array(both.target) - 1)
    assert np.allclose(both.backward(points), one.backward(second.backward(points)), atol=1e-9)


@given(maps())
def test_sampling_agrees_with_scipy(one: CoordinateMap) -> None:
    """Bilinear interpolation at the mapped coordinates, checked against an independent implementation."""
    linear = one.matrix[:2, :2] if isinstance(one, Affine) else np.eye(2)
    if np.linalg.svd(linear, compute_uv=False).min() > 1.9:
        return  # shrinking is anti-aliased first: a different, better picture
    picture = detailed_picture(one.source)
    seen = sample(picture, one)
    at = one.backward(np.stack(np.indices(one.target), -1).astype(float))
    inside = ((at >= 1) & (at <= np.array(one.source) - 2)).all(-1)
    expected = map_coordinates(picture[..., 0], [at[..., 0], at[..., 1]], order=1, mode="mirror")
    assert seen.shape == (*one.target, 3)
    if inside.any():
        assert np.abs(seen[..., 0] - expected)[inside].max() < 0.05  # OpenCV 4 rounds to 1/32 pixel
    elsewhere = map_coordinates(picture[..., 0], [at[..., 0] + 0.25, at[..., 1]], order=1, mode="mirror")
    if inside.sum() > 100:
        assert np.abs(seen[..., 0] - elsewhere)[inside].max() > 0.05  # a quarter of a pixel would be seen


@given(SHAPES, st.floats(-3.2, 3.2), st.floats(0.9, 1.3), st.booleans())
def test_round_trip_returns_the_picture(shape: tuple[int, int], rotation: float, scale: float, bend: bool) -> None:
    """What stays in the frame comes back as it was, up to the blur of two interpolations."""
    picture = smooth_picture(shape)
    chain: list[CoordinateMap] = [about_centre(shape, rotation=rotation, scale=scale)]
    if bend:
        chain.append(Elastic(np.random.default_rng(0).normal(0, 1.0, (5, 5, 2)), shape))
    there = compose(chain)
    back = sample(sample(picture, there, border="zero"), inverse(there), border="zero")
    kept = sample(sample(np.ones(shape, np.float32), there, border="zero"), inverse(there), border="zero") > 0.999
    assert np.abs(back - picture)[kept].max(initial=0) < 0.12


@given(maps(), st.integers(0, 9))
def test_no_class_is_invented(one: CoordinateMap, seed: int) -> None:
    label = np.random.default_rng(seed).choice(np.array([0, 3, 7], np.uint8), one.source)
    assert set(np.unique(sample(label, one, nearest=True))) <= {0, 3, 7}
    assert set(np.unique(shrink_label(label, (10, 10)))) <= {0, 3, 7}


def shrunk_both_ways(label: np.ndarray, factor: int) -> list[np.ndarray]:
    """A label made smaller, as one that is known everywhere and as one of which all pixels happen to be marked."""
    smallest = (label.shape[0] // factor, label.shape[1] // factor)
    return [shrink_label(label, smallest), shrink_marks(label, np.ones_like(label), smallest)[0]]


@pytest.mark.parametrize("factor", [2, 3, 4, 5])
def test_shrinking_neither_erodes_nor_moves_an_object(factor: int) -> None:
    rng = np.random.default_rng(0)
    y, x = np.indices((120, 120))
    area, moved = [], []
    for cy, cx in rng.uniform(50, 70, (150, 2)):
        disc = ((y - cy) ** 2 + (x - cx) ** 2 < 16**2).astype(np.uint8)
        for small in shrunk_both_ways(disc, factor):
            area.append(small.sum() * factor**2 / disc.sum())
            centre = (np.argwhere(small).mean(axis=0) + 0.5) * factor - 0.5
            moved.append(centre - np.argwhere(disc).mean(axis=0))
    assert np.mean(area) == pytest.approx(1, abs=0.015)
    assert np.abs(np.mean(moved, axis=0)).max() < 0.08


@pytest.mark.parametrize("offset", [20, 21])
def test_a_line_of_two_pixels_is_whole_when_shrunk_by_two(offset: int) -> None:
    line = np.zeros((60, 60), np.uint8)
    line[:, offset : offset + 2] = 1
    for small in shrunk_both_ways(line, 2):
        assert cv2.connectedComponents(small, connectivity=8)[0] == 2
        assert (small.sum(axis=1) == 1).all()


def test_equal_shares_of_three_classes_go_by_turns() -> None:
    label = np.repeat(np.array([[1, 1, 5, 5]], np.uint8), 40, axis=0)
    label = np.tile(label, (1, 10))
    for small in shrunk_both_ways(label, 4):
        assert (small == 1).sum() == (small == 5).sum()


@pytest.mark.parametrize("flip", [(True, False), (False, True), (True, True)])
def test_flips_are_exact(flip: tuple[bool, bool]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (13, 18, 3), dtype=np.uint8)
    expected = picture[:: -1 if flip[0] else 1, :: -1 if flip[1] else 1]
    assert np.array_equal(sample(picture, about_centre((13, 18), flip=flip)), expected)


def test_quarter_turn_is_exact_and_counter_clockwise() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (15, 15, 1), dtype=np.uint8)
    turned = sample(picture, about_centre((15, 15), rotation=np.pi / 2))
    assert np.array_equal(turned[..., 0], np.rot90(picture[..., 0]))


def test_crop_is_exact_and_reflects_outside() -> None:
    picture = np.arange(20 * 30, dtype=np.float32).reshape(20, 30)
    assert np.array_equal(sample(picture, crop((20, 30), (3, 4), (10, 12))), picture[3:13, 4:16])
    assert np.array_equal(sample(picture, crop((20, 30), (0, -2), (20, 2)))[:, ::-1], picture[:, 1:3])


def test_resize_by_a_whole_factor_is_the_area_mean() -> None:
    picture = np.random.default_rng(0).random((40, 60)).astype(np.float32)
    expected = picture.reshape(10, 4, 15, 4).mean((1, 3))
    assert np.allclose(sample(picture, resize((40, 60), (10, 15))), expected, atol=1e-5)
    assert np.allclose(shrink_picture(picture, (10, 15)), expected, atol=1e-5)


@given(st.integers(40, 700), st.integers(40, 700), st.sampled_from([16, 33, 64]))
def test_an_even_picture_stays_even_when_made_small(height: int, width: int, side: int) -> None:
    """Though nothing lies beyond its edges: what does not divide by the factor is no border."""
    if min(height, width) < side:
        return
    even, to_small = np.full((height, width), 127, np.uint8), resize((height, width), (side, side))
    assert set(np.unique(sample(even, to_small, border="zero"))) == {127}
    bent = compose([to_small, Elastic(np.zeros((5, 5, 2)), (side, side))])
    assert set(np.unique(sample(even, bent, border="zero"))) == {127}


def test_many_channels_are_sampled_alike() -> None:
    picture = np.random.default_rng(0).random((20, 20, 7)).astype(np.float32)
    turn = about_centre((20, 20), rotation=0.4)
    assert np.array_equal(sample(picture, turn)[..., 6], sample(picture[..., 6], turn))


def test_maps_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be followed"):
        compose([identity((5, 5)), identity((6, 6))])
    with pytest.raises(ValueError, match="the map reads"):
        sample(np.zeros((4, 4)), identity((5, 5)))
