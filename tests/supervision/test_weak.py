"""Weak labels say less than the masks they are made from, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from modicum.supervision import SUPERVISIONS
from modicum.supervision.boxes import inside_of
from modicum.supervision.weak import weakened
from modicum.views import TrainingPicture

FILLED = {"name": "boxes", "inside": "filled"}


def weak(picture: TrainingPicture, supervision: str | dict[str, object], seed: int = 0) -> TrainingPicture:
    return weakened(picture, SUPERVISIONS.build(supervision), seed)


def picture() -> TrainingPicture:
    label = np.zeros((64, 96), np.uint8)
    y, x = np.indices(label.shape)
    label[(y - 20) ** 2 + (x - 20) ** 2 < 10**2] = 1
    label[(y - 40) ** 2 + ((x - 70) / 2) ** 2 < 8**2] = 2
    return TrainingPicture("a", np.zeros((64, 96, 1), np.uint8), label)


def test_boxes_are_the_filled_bounding_boxes() -> None:
    full, boxes = picture().label, weak(picture(), FILLED).label
    for number in (1, 2):
        (rows, columns), *rest = ndimage.find_objects((full == number).astype(int))
        assert not rest
        expected = np.zeros_like(full, bool)
        expected[rows, columns] = True
        assert np.array_equal(boxes == number, expected)


def test_points_are_small_discs_at_the_centres() -> None:
    full, points = picture().label, weak(picture(), "points").label
    for number in (1, 2):
        assert ndimage.center_of_mass(points == number) == pytest.approx(ndimage.center_of_mass(full == number), abs=0.6)
        assert (points == number).sum() < 0.25 * (full == number).sum()


def test_labelled_pictures_stay_as_they_are() -> None:
    assert weak(picture(), "labelled").label is not None
    assert np.array_equal(weak(picture(), "labelled").label, picture().label)


def test_a_small_object_is_not_hidden_by_the_box_of_a_large_one() -> None:
    label = np.zeros((60, 60), np.uint8)
    label[5:50, 5:50] = 1
    label[15:40, 15:40] = 0
    label[25:30, 25:30] = 2
    boxes = weak(TrainingPicture("a", np.zeros((60, 60, 1), np.uint8), label), FILLED).label
    assert (boxes[25:30, 25:30] == 2).all()
    assert boxes[20, 20] == 1


def test_grabcut_finds_the_object_in_its_box() -> None:
    full = picture()
    rng = np.random.default_rng(0)
    image = np.where(full.label[..., None] > 0, [200, 90, 60], [90, 110, 130]) + rng.normal(0, 8, (64, 96, 3))
    seen = TrainingPicture("a", np.clip(image, 0, 255).astype(np.uint8), full.label)
    boxes, filled = weak(seen, "boxes"), weak(seen, FILLED)
    assert dice(boxes.label, full.label) > 0.95 > dice(filled.label, full.label)
    assert not boxes.label[filled.label == 0].any(), "outside of all boxes is background"
    assert np.array_equal(weak(boxes, "labelled").label, boxes.label)


def test_what_is_found_in_a_large_box_lies_where_the_object_is() -> None:
    y, x = np.indices((1400, 1400))
    rng, moved = np.random.default_rng(0), []
    for cy, cx in rng.uniform(690, 710, (3, 2)):
        mask = ((y - cy) / 330) ** 2 + ((x - cx) / 300) ** 2 < 1
        image = np.where(mask, 150, 90) + rng.normal(0, 10, mask.shape)
        box = ndimage.find_objects(mask.astype(int))[0]
        found = inside_of(box, image.clip(0, 255).astype(np.uint8)[..., None])
        moved.append(np.argwhere(found).mean(axis=0) - np.argwhere(mask[box]).mean(axis=0))
    assert np.abs(np.mean(moved, axis=0)).max() < 0.2


def test_where_grabcut_finds_nothing_the_ellipse_in_the_box_is_the_object() -> None:
    even = weak(picture(), "boxes")  # a picture without any contrast
    assert dice(even.label, picture().label) > 0.95


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_strokes_lie_inside_their_objects_and_in_every_one(seed: int, with_field: bool) -> None:
    full = blobs(seed)
    valid = (np.indices(full.label.shape)[1] > 9).astype(np.uint8) if with_field else None
    drawn = weak(TrainingPicture("a", full.image, full.label, valid), "scribbles", seed)
    assert drawn.valid is not None
    marked = drawn.valid > 0
    assert np.array_equal(drawn.label[marked], full.label[marked]), "a stroke is of its object's class"
    assert not drawn.label[~marked].any()
    counted = np.ones_like(marked) if valid is None else valid > 0
    assert not (marked & ~counted).any(), "nothing is known outside the field of view"
    for number in np.unique(full.label[counted]):
        region = (full.label == number) & counted
        objects, count = ndimage.label(region, np.ones((3, 3))) if number else (region.astype(int), 1)
        assert set(np.unique(objects[marked])) >= set(range(1, count + 1)), "one in each object"
    assert marked.mean() < 0.5 * counted.mean()


def test_strokes_depend_on_the_seed_and_the_name_alone() -> None:
    one, again = weak(blobs(3), "scribbles", 5), weak(blobs(3), "scribbles", 5)
    other = weak(blobs(3), "scribbles", 6)
    assert one.valid is not None
    assert np.array_equal(one.valid, again.valid)  # type: ignore[arg-type]
    assert not np.array_equal(one.valid, other.valid)  # type: ignore[arg-type]


@given(st.integers(0, 2**32 - 1))
def test_centre_lines_are_right_near_vessels_and_far_from_them(seed: int) -> None:
    full = vessels(seed)
    known = weak(full, {"name": "centre_lines", "near": 0.001, "far": 0.1})
    assert known.valid is not None
    marked = known.valid > 0
    assert np.array_equal(known.label[marked], full.label[marked])
    assert (marked & (full.label > 0)).any()
    assert (~marked).any()


def test_drawn_centre_lines_are_taken_as_they_are() -> None:
    full = vessels(0)
    drawn = TrainingPicture("a", full.image, weak(full, {"name": "centre_lines", "near": 0}).label)
    again, once = weak(drawn, "centre_lines"), weak(full, "centre_lines")
    assert np.array_equal(again.label, once.label)
    assert np.array_equal(again.valid, once.valid)  # type: ignore[arg-type]


def dice(one: np.ndarray, other: np.ndarray) -> float:
    both = ((one > 0) & (one == other)).sum()
    return float(2 * both / ((one > 0).sum() + (other > 0).sum()))


def blobs(seed: int) -> TrainingPicture:
    """Smooth blobs of two classes, of any size."""
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.normal(size=(60, 80)), rng.uniform(2, 6))
    low, high = np.quantile(field, [0.15, 0.8])
    label = np.where(field > high, 1, np.where(field < low, 2, 0)).astype(np.uint8)
    return TrainingPicture("a", np.zeros((60, 80, 1), np.uint8), label)


def vessels(seed: int) -> TrainingPicture:
    """Bands of one class that wind from one side to the other, and some of another that cross no other."""
    rng = np.random.default_rng(seed)
    label, (y, x) = np.zeros((100, 120), np.uint8), np.indices((100, 120))
    for place, number in ((20, 1), (50, 2), (80, 1)):
        middle = place + 5 * np.sin(x / rng.uniform(10, 20) + rng.uniform(0, 6))
        label[abs(y - middle) < rng.uniform(1, 4)] = number
    return TrainingPicture("a", np.zeros((100, 120, 1), np.uint8), label)
