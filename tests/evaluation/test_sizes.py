"""Sizes of what is in a volume: millilitres of the whole, cm2 of the slices that show it."""

from __future__ import annotations

import numpy as np
import pytest

from modicum.evaluation import Evaluator

SPACING = (3.0, 2.0, 0.5)  # a voxel has 1 mm2 in its slice and 3 mm3


def volume(*voxels: int) -> np.ndarray:
    """(D, 10, 60) with so many voxels of class 1 in each slice."""
    found = np.zeros((len(voxels), 600), np.uint8)
    for slice_, count in zip(found, voxels, strict=True):
        slice_[:count] = 1
    return found.reshape(-1, 10, 60)


def measured() -> Evaluator:
    evaluator = Evaluator(["fat"])
    evaluator.add("a1", None, volume(0, 100, 0, 50), patient="a", prediction=volume(0, 200, 0, 0), spacing=SPACING)
    evaluator.add("a2", None, volume(0, 100, 100), patient="a", prediction=volume(30, 100, 100), spacing=SPACING)
    evaluator.add("b", None, volume(300, 100), patient="b", prediction=volume(300, 90), spacing=SPACING)
    return evaluator


def test_volumes_and_slices_that_show_something() -> None:
    volumes, slices = measured().volumes()["fat"], measured().slices()["fat"]
    assert volumes.found == pytest.approx([0.6, 0.69, 1.17])
    assert volumes.true == pytest.approx([0.45, 0.6, 1.2])
    assert volumes.patients == ["a", "a", "b"]
    assert slices.found == pytest.approx([2.0, 0, 0.3, 1, 1, 3, 0.9])  # the empty slices 0 and 2 of a1 are no agreement
    assert slices.true == pytest.approx([1.0, 0.5, 0, 1, 1, 3, 1])
    assert slices.patients == list("aaaaabb")


def test_they_are_in_the_summary_and_in_the_table() -> None:
    evaluator = measured()
    summary, table = evaluator.summary(), evaluator.table().set_index("case")
    assert summary["volume_agreement"]["fat"]["n"] == 3
    assert summary["volume_agreement"]["fat"]["bias"] == pytest.approx(0.07)
    assert summary["volume_agreement"]["fat"]["absolute_error"] == pytest.approx(0.09)
    assert summary["volume_agreement"]["fat"]["relative_bias"] == pytest.approx((0.15 / 0.45 + 0.15 - 0.025) / 3)
    assert summary["slice_agreement"]["fat"]["n"] == 7
    assert summary["slice_agreement"]["fat"]["bias"] == pytest.approx(0.7 / 7)
    assert table.loc["a1", "found_ml"] == pytest.approx(0.6)
    assert table.loc["a1", "true_ml"] == pytest.approx(0.45)


def test_only_voxels_that_count_count() -> None:
    evaluator, valid = Evaluator(["fat"]), np.ones((2, 10, 60), bool)
    valid[1] = False
    evaluator.add("a", None, volume(10, 20), valid=valid, prediction=volume(10, 0), spacing=SPACING)
    assert evaluator.volumes()["fat"].true == pytest.approx([0.03])
    assert evaluator.slices()["fat"].true == pytest.approx([0.1])


def test_pictures_have_no_size() -> None:
    evaluator = Evaluator(["cell"])
    evaluator.add("a", None, volume(10)[0], prediction=volume(10)[0])
    assert "volume_agreement" not in evaluator.summary()
    assert "found_ml" not in evaluator.table()
    assert evaluator.slices() == {}
