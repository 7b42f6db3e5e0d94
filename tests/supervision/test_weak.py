"""Weak labels say less than the masks they are made from, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from modicum.supervision.weak import weakened
from modicum.views import TrainingPicture


def picture() -> TrainingPicture:
    label = np.zeros((64, 96), np.uint8)
    y, x = np.indices(label.shape)
    label[(y - 20) ** 2 + (x - 20) ** 2 < 10**2] = 1
    label[(y - 40) ** 2 + ((x - 70) / 2) ** 2 < 8**2] = 2
    return TrainingPicture("a", np.zeros((64, 96, 1), np.uint8), label)


def test_boxes_are_the_filled_bounding_boxes() -> None:
    full, boxes = picture().label, weakened(picture(), "boxes").label
    for number in (1, 2):
        (rows, columns), *rest = ndimage.find_objects((full == number).astype(int))
        assert not rest
        expected = np.zeros_like(full, bool)
        expected[rows, columns] = True
        assert np.array_equal(boxes == number, expected)


def test_points_are_small_discs_at_the_centres() -> None:
    full, points = picture().label, weakened(picture(), "points").label
    for number in (1, 2):
        assert ndimage.center_of_mass(points == number) == pytest.approx(ndimage.center_of_mass(full == number), abs=0.6)
        assert (points == number).sum() < 0.25 * (full == number).sum()


def test_labelled_pictures_stay_as_they_are() -> None:
    assert weakened(picture(), "labelled").label is not None
    assert np.array_equal(weakened(picture(), "labelled").label, picture().label)


def test_a_small_object_is_not_hidden_by_the_box_of_a_large_one() -> None:
    label = np.zeros((60, 60), np.uint8)
    label[5:50, 5:50] = 1
    label[15:40, 15:40] = 0
    label[25:30, 25:30] = 2
    boxes = weakened(TrainingPicture("a", np.zeros((60, 60, 1), np.uint8), label), "boxes").label
    assert (boxes[25:30, 25:30] == 2).all()
    assert boxes[20, 20] == 1
