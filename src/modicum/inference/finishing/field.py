"""What a camera cannot have seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modicum.errors import ModicumError
from modicum.images.intensity import working_pixels
from modicum.images.preparations import field_of_view
from modicum.inference.finishing.table import FINISHERS, Evidence, Numbers


@FINISHERS.register("inside_field")
@dataclass(frozen=True, kw_only=True)
class InsideField:
    """Nothing is found in the dark outside of a camera's round field of view; goes with the preparation `fill_outside`."""

    def __call__(self, numbers: Numbers, evidence: Evidence) -> Numbers:
        image = evidence.image
        if image is None or image.ndim != 3 or numbers.ndim != 2:
            raise ModicumError("the finishing step 'inside_field' is for pictures.", remedy="Leave it out of finish.steps.")
        inside = field_of_view(working_pixels(image, image.shape[2]), rim=False)
        return np.where(inside, numbers, 0).astype(np.uint8)
