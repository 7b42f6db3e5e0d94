"""What a field of view means for training."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from modicum.datasets import discover
from modicum.recipes.axes import Images
from modicum.runs.pictures import load_case


@pytest.mark.parametrize(("outside", "left_out"), [(4, False), (150, True)])
def test_darkness_outside_is_learned_and_an_unlabelled_rest_is_left_out(tmp_path: Path, outside: int, left_out: bool) -> None:
    field = np.zeros((40, 40), np.uint8)
    field[8:32, 8:32] = 255
    label = np.zeros((40, 40), np.uint8)
    label[4:20, 10:20] = 255  # reaches out of the field
    for number in range(2):
        image = np.where(field[..., None] > 0, 140, outside) + np.zeros((1, 1, 3))
        for folder, pixels in (("images", image), ("labels", label), ("fov", field)):
            (tmp_path / folder).mkdir(exist_ok=True)
            cv2.imwrite(str(tmp_path / folder / f"p{number}.png"), pixels.astype(np.uint8))
    dataset = discover(tmp_path)
    picture = load_case(dataset.labelled[0], dataset, 3, images=Images())
    assert (picture.valid is not None) == left_out
    if not left_out:
        assert not picture.label[field == 0].any()
