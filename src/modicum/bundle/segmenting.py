"""A model on one picture or volume."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from modicum.bundle.decision import class_numbers
from modicum.errors import ModicumError
from modicum.images import read_picture
from modicum.images.volumes import Volume, brought_back, is_volume, read_volume
from modicum.inference import Predictor

if TYPE_CHECKING:
    from modicum.bundle.model import Bundle


def segment(segmenter: Predictor, bundle: Bundle, given: str | Path | npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Class numbers of a file, or of a picture (H, W) or (H, W, C): (H, W) of a picture, (D, H, W) of a volume.

    Raises:
        ModicumError: it cannot be read, is a picture where the model is one of volumes, or an array that is no picture.
    """
    if isinstance(given, np.ndarray):
        picture = _picture(given)
        refuse_picture(bundle, None)
        return class_numbers(segmenter.probabilities(picture), bundle, picture)
    path = Path(given)
    if is_volume(path):
        volume = read_volume(path)
        return class_numbers(volume_probabilities(segmenter, bundle, volume), bundle, volume.values, volume.spacing)
    refuse_picture(bundle, path)
    picture = read_picture(path)
    return class_numbers(segmenter.probabilities(picture), bundle, picture)


def _picture(given: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """An array as files hold pictures: (H, W, 1 or 3) of 8 or 16 bits or floats."""
    picture = given[..., None] if given.ndim == 2 else given
    if picture.ndim != 3 or picture.shape[2] not in (1, 3) or picture.size == 0 or picture.dtype.kind not in "uif":
        raise ModicumError(
            f"{given.dtype} of shape {given.shape} is no picture: numbers (H, W), (H, W, 1) or (H, W, 3) are wanted.",
            remedy="Leave out an alpha channel; of a volume give the path, because its file tells how large its voxels are.",
        )
    of_8_bits = picture.dtype.kind in "ui" and picture.dtype != np.uint16 and picture.min() >= 0 and picture.max() < 256
    return picture.astype(np.uint8) if of_8_bits else picture


def refuse_picture(bundle: Bundle, path: Path | None) -> None:
    """Raise where the model sees blocks of slices: a picture has none."""
    if bundle.recipe.images.block is not None:
        raise ModicumError("this is a picture; the model segments volumes.", file=path)


def volume_probabilities(segmenter: Predictor, bundle: Bundle, volume: Volume) -> npt.NDArray[np.float16]:
    """Probability maps (K, D, H, W) of a volume, shown as the recipe of the bundle says."""
    slicing = bundle.recipe.images.slicing
    levels = slicing.levels(volume)
    shown = (slicing.picture(volume, number, levels) for number in range(len(volume.values)))
    if slicing.block is None:
        found = np.stack([segmenter.probabilities(picture) for picture in shown], axis=1)
    else:
        found = segmenter.probabilities(np.concatenate(list(shown), axis=2))
    return brought_back(found, volume.shape[1:])
