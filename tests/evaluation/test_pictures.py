"""Colours land where they should."""

from __future__ import annotations

import numpy as np
import pytest

from modicum.evaluation import difference, overlay
from modicum.evaluation.pictures import CLASS_COLOURS, CONFUSED, EXCESS, MISSED, RIGHT, mask_picture

IMAGE = np.full((20, 20, 3), 100, np.uint8)


def test_overlay_has_an_outline_a_veil_and_leaves_the_rest():
    mask = np.zeros((20, 20), np.uint8)
    mask[5:15, 5:15] = 1
    drawn = overlay(IMAGE, mask, opacity=0.5)
    assert tuple(drawn[5, 5]) == CLASS_COLOURS[0]
    assert drawn[10, 10].tolist() == [50, 129, 108]
    assert (drawn[mask == 0] == 100).all()
    assert (IMAGE == 100).all()


def test_overlay_outlines_an_object_at_the_border():
    drawn = overlay(IMAGE, np.ones((20, 20), bool))
    assert tuple(drawn[0, 0]) == CLASS_COLOURS[0] and tuple(drawn[10, 10]) != CLASS_COLOURS[0]


def test_overlay_of_grey_several_classes_and_nothing():
    mask = np.zeros((20, 20), np.uint8)
    mask[:4], mask[10:] = 2, 9
    drawn = overlay(IMAGE[..., 0], mask, contour=0, opacity=1)
    assert tuple(drawn[0, 0]) == CLASS_COLOURS[1] and tuple(drawn[15, 15]) == CLASS_COLOURS[1]  # they repeat
    assert np.array_equal(overlay(IMAGE, np.zeros((20, 20), np.uint8)), IMAGE)


def test_difference_tells_four_kinds_apart():
    truth, prediction = np.zeros((2, 20, 20), np.uint8)
    truth[0], prediction[0] = 1, 1
    truth[1], prediction[2] = 1, 1
    truth[3], prediction[3] = 1, 2
    valid = np.ones((20, 20), bool)
    valid[:, 10:] = False
    drawn = difference(IMAGE, truth, prediction, valid)
    assert [tuple(drawn[row, 0]) for row in range(4)] == [RIGHT, MISSED, EXCESS, CONFUSED]
    assert (drawn[:, 10:] == drawn[19, 19]).all()


def test_mask_picture_is_white_for_one_class_and_coloured_for_several():
    mask = np.eye(4, dtype=np.uint8)
    assert tuple(mask_picture(mask)[0, 0]) == (240, 240, 240)
    assert tuple(mask_picture(mask, 2)[0, 0]) == CLASS_COLOURS[0]


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="mask"):
        overlay(IMAGE, np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match="picture must be"):
        overlay(IMAGE[..., :2], np.zeros((20, 20), np.uint8))
    with pytest.raises(TypeError, match="uint8"):
        overlay(IMAGE.astype(np.float32), np.zeros((20, 20), np.uint8))
