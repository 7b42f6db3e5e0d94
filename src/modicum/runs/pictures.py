"""From cases on disk to pictures in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from modicum.console import bar
from modicum.datasets import load_field_of_view, load_label, load_marked, load_picture
from modicum.datasets.case import Case, Dataset, counted
from modicum.errors import ModicumError
from modicum.images.intensity import working_pixels
from modicum.images.volumes import Slicing, Volume, as_shown, cached_volume
from modicum.recipes.axes import Images
from modicum.runs.shelf import shelved
from modicum.views import TrainingPicture


def load_case(case: Case, dataset: Dataset, channels: int | None, *, images: Images) -> TrainingPicture:
    """A labelled case at full size, with so many channels or, if None, its own.

    Raises:
        ModicumError: unreadable, sizes that differ, more channels than the model knows; the file is named.
    """
    pixels = _pixels(case, channels, images)
    shape = pixels.shape[0], pixels.shape[1]
    label, valid = as_shown(load_label(case, dataset.code), shape), _field_of_view(case, pixels)
    told = load_marked(case, dataset.code)
    marked = None if told is None else as_shown(told.astype(np.uint8), shape) > 0
    if valid is not None and _dark_outside(pixels, valid):
        label, marked, valid = label * valid, None if marked is None else marked | ~valid, None
    if marked is not None:
        valid = marked if valid is None else marked & valid
    return TrainingPicture(case.id, pixels, label, None if valid is None else valid.astype(np.uint8))


def load_unlabelled(case: Case, channels: int, *, images: Images) -> TrainingPicture:
    """A case without its label, as if nothing were in the picture.

    Raises:
        ModicumError: unreadable, more channels than the model knows; the file is named.
    """
    pixels = _pixels(case, channels, images)
    valid = _field_of_view(case, pixels)
    if valid is not None and _dark_outside(pixels, valid):
        valid = None
    label = np.zeros(pixels.shape[:2], np.uint8)
    return TrainingPicture(case.id, pixels, label, None if valid is None else valid.astype(np.uint8))


def _field_of_view(case: Case, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_] | None:
    valid = load_field_of_view(case)
    return None if valid is None else as_shown(valid.astype(np.uint8), (pixels.shape[0], pixels.shape[1])) > 0


def _pixels(case: Case, channels: int | None, images: Images) -> npt.NDArray[np.uint8]:
    try:
        picture = shown_picture(case, images)
        wanted = channels or images.channels or picture.shape[2]
        return working_pixels(picture, wanted, grey=images.grey, prepare=images.prepare)
    except ModicumError as error:
        raise ModicumError(error.problem, file=case.image, remedy=error.remedy) from None


def shown_picture(case: Case, images: Images) -> npt.NDArray[Any]:
    """The picture (H, W, C) of a case as a model is shown it; of a volume the slice, with what is shown beside it.

    Raises:
        ModicumError: it cannot be read.
    """
    if case.slice is None:
        if not images.slicing.plain:
            raise ModicumError(
                "this is a picture; images.neighbours, images.depth and images.block show slices of volumes.",
                file=case.image,
                remedy="Leave these keys out.",
            )
        return load_picture(case)
    volume = cached_volume(case.image)
    return images.slicing.picture(volume, case.slice, _levels(volume, images.slicing))


@lru_cache(maxsize=8)
def _levels(volume: Volume, slicing: Slicing) -> tuple[float, float]:
    return slicing.levels(volume)


def _dark_outside(pixels: npt.NDArray[np.uint8], valid: npt.NDArray[np.bool_]) -> bool:
    """Whether the field of view is that of a camera, which shows nothing outside.

    What is outside is then background that the network has to learn; otherwise (a region that somebody chose to label) it may
    hold objects and must be left out of the training.
    """
    if valid.all() or not valid.any():
        return bool(valid.all())
    return float(pixels[~valid].mean()) < 0.25 * float(pixels[valid].mean())


def together(cases: Sequence[Case]) -> dict[str, list[Case]]:
    """The cases by the name under which they are measured: a picture by itself, the slices of a volume together."""
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.volume or case.id, []).append(case)
    return {name: sorted(group, key=lambda c: c.slice or 0) for name, group in groups.items()}


def _stacked(slices: Sequence[TrainingPicture], case: Case) -> TrainingPicture:
    """A volume (H, W, D) from its slices."""
    valid = [np.ones(s.label.shape, np.uint8) if s.valid is None else s.valid for s in slices]
    return TrainingPicture(
        case.volume or case.id,
        np.concatenate([s.image for s in slices], axis=2),
        np.stack([s.label for s in slices], axis=2),
        np.stack(valid, axis=2) if any(s.valid is not None for s in slices) else None,
    )


def load_training(
    cases: Sequence[Case],
    dataset: Dataset,
    keep: Callable[[TrainingPicture], TrainingPicture],
    channels: int | None,
    *,
    images: Images,
    folder: Path | None = None,
) -> list[TrainingPicture]:
    """All pictures of a training, decoded once; volumes as such where a network of three dimensions sees them.

    Args:
        keep: a picture as it is worth keeping, e.g. `View.prepare`.
        folder: where those are set down that are too many for the memory (`shelved`); None: they are few.
        channels: None: as many as the pictures have; grey ones among coloured ones are repeated over three.
    """

    def read() -> Iterator[TrainingPicture]:
        for group in ([c] for c in cases) if images.block is None else together(cases).values():
            loaded = [load_case(c, dataset, channels, images=images) for c in group]
            yield keep(loaded[0] if images.block is None else _stacked(loaded, group[0]))
            progress.step(len(group))

    if not cases:
        return []
    with bar(f"Reading {counted(cases)}", len(cases)) as progress:
        pictures = [*read()] if folder is None else shelved(read(), folder)
    if images.block is not None:
        return pictures
    most = max((p.image.shape[2] for p in pictures), default=1)
    if all(p.image.shape[2] == most for p in pictures):
        return pictures
    alike = (p if p.image.shape[2] == most else replace(p, image=np.repeat(p.image, most, axis=2)) for p in pictures)
    return [*alike] if folder is None else shelved(alike, folder)
