"""From stored values to working pixels."""

from __future__ import annotations

import numpy as np
import pytest

from modicum.errors import ModicumError
from modicum.images.intensity import working_pixels


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_picture_of_no_numbers_is_refused(value: float) -> None:
    picture = np.full((5, 6, 1), value, np.float32)
    with pytest.raises(ModicumError, match="none of the picture's values is a number"):
        working_pixels(picture, 1)
    picture[0, 0] = 1
    assert working_pixels(picture, 3).shape == (5, 6, 3)
