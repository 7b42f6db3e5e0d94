"""Polar maps: exact inverses, nothing of the picture lost, and masks that come back where they were."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.geometry import about_centre, compose, inverse, pixel_grid, polar, reach, sample

SHAPES = st.tuples(st.integers(24, 90), st.integers(24, 90))
ANYWHERE = st.tuples(st.floats(-0.2, 1.2), st.floats(-0.2, 1.2))  # of height and width: outside the picture, too


def at(shape: tuple[int, int], share: tuple[float, float]) -> tuple[float, float]:
    return share[0] * (shape[0] - 1), share[1] * (shape[1] - 1)


@given(SHAPES, ANYWHERE, st.integers(8, 100), st.integers(8, 100))
def test_forward_undoes_backward(shape: tuple[int, int], share: tuple[float, float], angles: int, distances: int) -> None:
    one = polar(shape, at(shape, share), (angles, distances))
    points = pixel_grid(one.target)
    assert np.abs(one.forward(one.backward(points)) - points).max() < 1e-6
    assert one.forward(np.array(one.centre))[1] == pytest.approx(-0.5)


def test_rows_are_angles_and_columns_are_distances() -> None:
    one = polar((101, 101), (50.0, 50.0), (4, 100))
    right = one.forward(np.array([50.0, 50.0 + one.radius / 2]))
    below = one.forward(np.array([50.0 + one.radius / 2, 50.0]))
    assert right == pytest.approx([-0.5, 49.5])  # angle 0 is the edge above the first row
    assert below == pytest.approx([0.5, 49.5])  # a quarter turn is one row of four


@given(SHAPES, ANYWHERE)
def test_no_corner_of_the_picture_is_lost(shape: tuple[int, int], share: tuple[float, float]) -> None:
    """The published code cuts off what lies beyond half the diagonal; here every corner has its column."""
    one = polar(shape, at(shape, share), (64, 48))
    corners = np.array([[y, x] for y in (-0.5, shape[0] - 0.5) for x in (-0.5, shape[1] - 0.5)])
    columns = one.forward(corners)[:, 1]
    assert columns.max() == pytest.approx(47.5)
    assert columns.min() >= -0.5


def test_an_object_in_the_far_corner_comes_back() -> None:
    """Centre in one corner, object in the opposite one: beyond half the diagonal."""
    picture = np.zeros((96, 128), np.float32)
    picture[80:96, 108:128] = 1
    one = polar(picture.shape, (5.0, 5.0), (256, 160))
    assert reach(picture.shape, (5.0, 5.0)) > 1.8 * np.hypot(96, 128) / 2
    back = sample(sample(picture, one, border="zero"), inverse(one), border="turn") > 0.5
    assert dice(back, picture > 0) > 0.95


@settings(max_examples=40, deadline=None)
@given(SHAPES, st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)), st.integers(0, 5))
def test_a_smooth_picture_comes_back(shape: tuple[int, int], share: tuple[float, float], seed: int) -> None:
    """The error of a round trip is bounded by the picture's slope times the distance between samples at the far end."""
    noise = np.random.default_rng(seed).random(shape).astype(np.float32)
    picture = cv2.GaussianBlur(noise, (0, 0), 4) * 5
    one = polar(shape, at(shape, share), (256, 128))
    back = sample(sample(picture, one), inverse(one), border="turn")
    slope = np.hypot(*np.gradient(picture)).max()
    spacing = max(one.radius * 2 * np.pi / 256, one.radius / 128)
    inner = (slice(2, -2), slice(2, -2))  # bilinear sampling at the very edge reads its mirror image
    assert np.abs(back - picture)[inner].max() <= slope * spacing + 1e-3


@settings(max_examples=40, deadline=None)
@given(st.tuples(st.floats(0.15, 0.85), st.floats(0.15, 0.85)), st.floats(5, 25), st.floats(0, 0.8))
def test_a_disc_comes_back(share: tuple[float, float], radius: float, off: float) -> None:
    shape = (100, 120)
    y, x = at(shape, share)
    grid = pixel_grid(shape)
    disc = (np.hypot(grid[..., 0] - y, grid[..., 1] - x) <= radius).astype(np.float32)
    one = polar(shape, (y + off * radius, x), (160, 96))
    back = sample(sample(disc, one, border="zero"), inverse(one), border="turn") > 0.5
    assert dice(back, disc > 0) > 0.9 if radius < 10 else dice(back, disc > 0) > 0.96


def test_the_seam_between_last_and_first_row_is_closed() -> None:
    """Along angle 0 the way back reads the last and the first row; with any other border a line would show."""
    shape = (65, 65)
    one = polar(shape, (32.0, 32.0), (90, 60))
    ones = np.ones(one.target, np.float32)
    rows = np.linspace(0, 1, 90, dtype=np.float32)[:, None] * ones
    seam = sample(rows, inverse(one), border="turn")[32, 40:60]
    assert np.abs(sample(ones, inverse(one), border="turn") - 1).max() < 1e-6
    assert np.all((seam > 0.4) & (seam < 0.6))  # half way between the last row's 1 and the first row's 0
    assert sample(ones, inverse(one), border="zero")[32, 40:60].max() < 0.6


@pytest.mark.parametrize("turn", [0.5, 1.0, -2.0])
def test_turning_the_picture_shifts_the_rows(turn: float) -> None:
    """Augmentation composed before the polar map: a rotation about the centre is a shift along the angles."""
    shape = (81, 81)
    noise = np.random.default_rng(0).random(shape).astype(np.float32)
    picture = cv2.GaussianBlur(noise, (0, 0), 3) * 5
    one = polar(shape, (40.0, 40.0), (360, 80))
    plain = sample(picture, one)
    turned = sample(picture, compose([about_centre(shape, rotation=turn), one]))
    inner = slice(2, int(80 * 38 / one.radius))  # what a rotation does not bring in from beyond the edge
    shifts = [np.abs(np.roll(plain, s, axis=0) - turned)[:, inner].mean() for s in range(360)]
    best = int(np.argmin(shifts))
    assert min((best - s) % 360 for s in (round(np.degrees(turn)), round(np.degrees(-turn)))) in (0, 1, 359)
    assert shifts[best] < 0.02


def test_a_large_picture_is_averaged_before_it_is_sampled() -> None:
    """A chessboard of single pixels is grey from afar; picked pixels would be black or white."""
    board = (np.indices((512, 512)).sum(0) % 2 * 255).astype(np.uint8)
    seen = sample(board, polar(board.shape, (255.0, 255.0), (64, 64)))
    assert np.abs(seen[:, 4:40].astype(float) - 127.5).mean() < 10


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / max(1, a.sum() + b.sum()))


@given(SHAPES, ANYWHERE, st.floats(-3, 3), st.floats(0.5, 2))
def test_affine_then_polar_is_one_map(shape: tuple[int, int], share: tuple[float, float], turn: float, scale: float) -> None:
    moved = about_centre(shape, rotation=turn, scale=scale, shear=0.2, shift=(3, -2), flip=(True, False))
    one = polar(shape, at(shape, share), (20, 30))
    both = compose([moved, one])
    points = pixel_grid(one.target)
    expected = moved.backward(one.backward(points))
    assert isinstance(both, type(one))
    assert np.abs(both.backward(points) - expected).max() < 1e-6
    assert np.abs(both.grid() - expected).max() < 1e-2
    assert np.abs(both.grid(slice(5, 9)) - expected[5:9]).max() < 1e-2
    assert np.abs(both.forward(expected) - points).max() < 1e-5
