"""From cases on disk to pictures in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from modicum.console import bar
from modicum.datasets import load_field_of_view, load_label, load_picture
from modicum.datasets.case import Case, Dataset
from modicum.errors import ModicumError
from modicum.images.intensity import working_pixels
from modicum.views import TrainingPicture


def load_case(case: Case, dataset: Dataset, channels: int | None, *, grey: bool) -> TrainingPicture:
    """A labelled case at full size, with so many channels or, if None, its own.

    Raises:
        ModicumError: unreadable, sizes that differ, more channels than the model knows; the file is named.
    """
    pixels = _pixels(case, channels, grey)
    label, valid = load_label(case, dataset.code), load_field_of_view(case)
    if valid is not None and _dark_outside(pixels, valid):
        label, valid = label * valid, None
    return TrainingPicture(case.id, pixels, label, None if valid is None else valid.astype(np.uint8))


def load_unlabelled(case: Case, channels: int, *, grey: bool) -> TrainingPicture:
    """A case without its label, as if nothing were in the picture.

    Raises:
        ModicumError: unreadable, more channels than the model knows; the file is named.
    """
    pixels, valid = _pixels(case, channels, grey), load_field_of_view(case)
    if valid is not None and _dark_outside(pixels, valid):
        valid = None
    label = np.zeros(pixels.shape[:2], np.uint8)
    return TrainingPicture(case.id, pixels, label, None if valid is None else valid.astype(np.uint8))


def _pixels(case: Case, channels: int | None, grey: bool) -> npt.NDArray[np.uint8]:
    try:
        picture = load_picture(case)
        return working_pixels(picture, channels or picture.shape[2], grey=grey)
    except ModicumError as error:
        raise ModicumError(error.problem, file=case.image, remedy=error.remedy) from None


def _dark_outside(pixels: npt.NDArray[np.uint8], valid: npt.NDArray[np.bool_]) -> bool:
    """Whether the field of view is that of a camera, which shows nothing outside.

    What is outside is then background that the network has to learn; otherwise (a region that somebody chose to label) it may
    hold objects and must be left out of the training.
    """
    if valid.all() or not valid.any():
        return bool(valid.all())
    return float(pixels[~valid].mean()) < 0.25 * float(pixels[valid].mean())


def load_training(
    cases: Sequence[Case],
    dataset: Dataset,
    keep: Callable[[TrainingPicture], TrainingPicture],
    channels: int | None,
    *,
    grey: bool,
) -> list[TrainingPicture]:
    """All pictures of a training, decoded once.

    Args:
        keep: a picture as it is worth keeping, e.g. `View.prepare`.
        channels: None: as many as the pictures have; grey ones among coloured ones are repeated over three.
    """
    pictures = []
    with bar(f"Reading {len(cases)} pictures", len(cases)) as progress:
        for case in cases:
            pictures.append(keep(load_case(case, dataset, channels, grey=grey)))
            progress.step()
    most = max((p.image.shape[2] for p in pictures), default=1)
    return [p if p.image.shape[2] == most else replace(p, image=np.repeat(p.image, most, axis=2)) for p in pictures]
