"""From probabilities to a mask, as a model's recipe and thresholds say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from modicum.inference.finishing import Evidence, finished
from modicum.inference.finishing.table import Image, Spacing

if TYPE_CHECKING:
    from modicum.bundle.model import Bundle


def class_numbers(
    probability: npt.NDArray[Any], bundle: Bundle, image: Image | None = None, spacing: Spacing | None = None
) -> npt.NDArray[np.uint8]:
    """Class numbers (H, W) or (D, H, W) from probability maps (K, ...), finished as the model's recipe says.

    Args:
        image: (H, W, C) or (D, H, W) with the values that are on disk, for finishing steps that look at it.
        spacing: of a volume in mm.

    Raises:
        ModicumError: a finishing step needs what is not given.
    """
    return finished(_decided(probability, bundle), bundle.recipe.finish.steps, Evidence(probability, image, spacing))


def _decided(probability: npt.NDArray[Any], bundle: Bundle) -> npt.NDArray[np.uint8]:
    """Class numbers before any finishing step: by the threshold for one class, else the most probable.

    With a lower threshold, every region above it that holds a pixel at the threshold (hysteresis, Canny 1986).
    """
    if len(probability) > 1:
        background = 1 - probability.sum(axis=0, dtype=np.float32)
        return np.asarray(np.argmax(np.concatenate([background[None], probability]), axis=0), np.uint8)
    sure = probability[0] >= bundle.threshold
    if bundle.low is None:
        return np.asarray(sure, np.uint8)
    numbers, _ = ndimage.label(sure | (probability[0] > bundle.low), np.ones((3,) * sure.ndim))
    kept = np.unique(numbers[sure])
    return np.isin(numbers, kept[kept > 0]).astype(np.uint8)


def outputs_for(classes: int) -> int:
    """Channels of the answer for K foreground classes: one for sigmoid, else background as well for softmax."""
    return 1 if classes == 1 else classes + 1
