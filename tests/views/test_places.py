"""Places and boxes: what is taken from a mask, and what is cut out for it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from modicum.views.places import Box, each, everything, gathered, inside, jittered, padded, squared, together

MASKS = st.integers(0, 10_000).map(lambda seed: np.random.default_rng(seed).random((24, 31)) > 0.8)
BOXES = st.tuples(st.floats(0, 80), st.floats(0, 80), st.floats(1, 40), st.floats(1, 40)).map(
    lambda v: (v[0], v[1], v[0] + v[2], v[1] + v[3])
)


@given(MASKS)
def test_components_are_those_of_scipy(mask: np.ndarray) -> None:
    numbers, count = ndimage.label(mask, np.ones((3, 3)))
    places = each(mask)
    assert len(places) == count
    expected = sorted(ndimage.center_of_mass(mask, numbers, range(1, count + 1)))
    assert np.allclose(sorted(p.centre for p in places), expected)
    slices = sorted((y.start, x.start, y.stop, x.stop) for y, x in ndimage.find_objects(numbers))
    assert sorted(p.box for p in places) == slices


@given(MASKS)
def test_all_foreground_together(mask: np.ndarray) -> None:
    (place,) = together(mask)
    assert np.allclose(place.centre, ndimage.center_of_mass(mask))
    top, left, bottom, right = (int(v) for v in place.box)
    assert mask[top:bottom, left:right].sum() == mask.sum()


def test_nothing_is_nowhere() -> None:
    assert together(np.zeros((5, 5), bool)) == each(np.zeros((5, 5), bool)) == ()
    assert everything((5, 8)).box == (0, 0, 5, 8)
    assert everything((5, 8)).centre == (2.0, 3.5)


def test_specks_are_left_out_and_the_largest_comes_first() -> None:
    mask = np.zeros((40, 40), bool)
    mask[2:6, 2:20] = True  # four pixels high
    mask[10:15, 5:10] = True
    mask[20:30, 20:30] = True
    assert [p.box for p in each(mask, smallest=5)] == [(20, 20, 30, 30), (10, 5, 15, 10)]
    assert len(each(mask, smallest=4)) == 3


@given(BOXES, st.floats(0, 20))
def test_padding_and_squaring_keep_the_middle(box: Box, padding: float) -> None:
    wide = padded(box, padding)
    square = squared(wide)
    assert square[2] - square[0] == pytest.approx(max(wide[2] - wide[0], wide[3] - wide[1]))
    assert square[2] - square[0] == pytest.approx(square[3] - square[1])
    for low, high in ((0, 2), (1, 3)):
        assert (square[low] + square[high]) / 2 == pytest.approx((box[low] + box[high]) / 2)
        assert square[low] <= box[low] - padding + 1e-6


@given(BOXES, st.integers(50, 130), st.integers(50, 130))
def test_shifting_keeps_the_size(box: Box, height: int, width: int) -> None:
    moved = inside(box, (height, width))
    for low, high, length in ((0, 2, height), (1, 3, width)):
        size = box[high] - box[low]
        assert moved[high] - moved[low] == pytest.approx(size)
        if size <= length:
            assert moved[low] >= -1e-9
            assert moved[high] <= length + 1e-9
        if box[low] >= 0 and box[high] <= length:
            assert moved[low] == pytest.approx(box[low])


def test_jitter_reaches_as_far_as_it_says() -> None:
    rng = np.random.default_rng(0)
    found = np.array([jittered((50, 60, 80, 90), 16, rng) for _ in range(4000)])
    assert np.abs(found[:, :2] - (50, 60)).max() <= 16
    assert np.abs(found[:, :2] - (50, 60)).max() > 15.5
    sizes = found[:, 2:] - found[:, :2]
    assert sizes.min() < 14.5
    assert sizes.max() > 45.5
    assert all(b[2] > b[0] and b[3] > b[1] for b in (jittered((5, 5, 6, 6), 16, rng) for _ in range(200)))


@given(st.integers(0, 1000), st.integers(1, 150), st.integers(1, 20))
def test_gathered_windows_hold_every_box(seed: int, count: int, most: int) -> None:
    rng = np.random.default_rng(seed)
    corner, side = rng.uniform(0, 300, (count, 2)), rng.uniform(8, 60, count)
    boxes: list[Box] = [(y, x, y + s, x + s) for (y, x), s in zip(corner, side, strict=True)]
    windows = gathered(boxes, most)
    assert len(windows) <= max(most, 1)
    for box in boxes:
        assert any(w[0] <= box[0] + 1e-3 and w[1] <= box[1] + 1e-3 and w[2] >= box[2] - 1e-3 and w[3] >= box[3] - 1e-3
                   for w in windows)  # fmt: skip
    for w in windows:
        assert w[2] - w[0] == pytest.approx(w[3] - w[1])


def test_few_boxes_are_left_as_they_are() -> None:
    boxes: list[Box] = [(0, 0, 10, 10), (50, 50, 70, 70)]
    assert gathered(boxes, 2) == boxes
    assert gathered([], 3) == []
