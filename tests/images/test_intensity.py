"""From stored values to working pixels."""

from __future__ import annotations

import numpy as np
import pytest

from modicum.errors import ModicumError
from modicum.images.intensity import working_pixels
from modicum.images.volumes.slicing import Slicing
from modicum.images.volumes.volume import Volume
from modicum.inference.finishing import Evidence


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_picture_of_no_numbers_is_refused(value: float) -> None:
    picture = np.full((5, 6, 1), value, np.float32)
    with pytest.raises(ModicumError, match="none of the picture's values is a number"):
        working_pixels(picture, 1)
    picture[0, 0] = 1
    assert working_pixels(picture, 3).shape == (5, 6, 3)


def sparse(dtype: type[np.generic]) -> np.ndarray:
    """(50, 50): a few pixels of four levels on a ground of one."""
    values = np.full((50, 50), 100, dtype)
    values[20, 20:24] = [200, 300, 400, 500]
    return values


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_what_is_rare_keeps_its_levels(dtype: type[np.generic]) -> None:
    expected = [0, 63, 127, 191, 255]
    assert working_pixels(sparse(dtype)[..., None], 1)[20, 19:24, 0].tolist() == pytest.approx(expected, abs=1)
    volume = Volume(np.stack([sparse(dtype)] * 3), (1, 1, 1), np.eye(4), None)  # type: ignore[arg-type]
    assert Slicing().picture(volume, 1)[20, 19:24, 0].tolist() == pytest.approx(expected, abs=1)
    grey = Evidence(image=sparse(dtype)).grey(np.zeros((50, 50), np.uint8), "snake")
    assert grey[20, 19:24] == pytest.approx([0, 0.25, 0.5, 0.75, 1])


def test_single_pixels_do_not_darken_a_picture_of_many_levels() -> None:
    ramp = np.linspace(0, 1000, 10_000, dtype=np.float32).reshape(100, 100, 1)
    ramp[0, 0] = 1e6
    assert int(working_pixels(ramp, 1)[50, 50, 0]) == pytest.approx(127, abs=2)
    assert (working_pixels(np.full((5, 5, 1), 7.0), 1) == 0).all()
