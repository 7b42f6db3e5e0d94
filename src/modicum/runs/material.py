"""One training of a run, and its pictures in memory as the recipe wants them shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from modicum.console import say
from modicum.datasets.case import Dataset, Split
from modicum.errors import ModicumError
from modicum.images.intensity import Intensity
from modicum.recipes import Recipe
from modicum.runs.drawing import some_of
from modicum.runs.folder import RunFolder
from modicum.runs.pictures import load_training
from modicum.starts import expected_scale
from modicum.supervision import Supervision
from modicum.supervision.labelled import LabelledPictures
from modicum.supervision.weak import weakened
from modicum.views import VIEWS, TrainingPicture
from modicum.views.blocks import as_one_channel


@dataclass(frozen=True)
class Training:
    """What is to be trained: on what, how, where and how long."""

    dataset: Dataset
    split: Split
    recipe: Recipe
    folder: RunFolder
    part: str = ""  # "" or, for one of several trainings of a run, its subfolder with a slash at the end
    minutes: float | None = None  # its share of a budget, everything included; None: the recipe's own length


@dataclass(frozen=True)
class Material:
    """What a training learns from and looks at."""

    train: list[TrainingPicture]
    val: list[TrainingPicture]  # the training pictures where there are no others
    intensity: Intensity
    show: Callable[..., LabelledPictures]  # (pictures, policy) -> batches of views of them
    untouched_val: Callable[[int], list[TrainingPicture]]  # about so many of validation, drawn, as they are on disk
    volumes: Mapping[str, str]  # of each slice, by its case, the volume that it is measured with; empty for pictures


def read_material(training: Training) -> Material:
    """Training and validation pictures, decoded once and kept as the recipe's view wants them."""
    dataset, split, recipe = training.dataset, training.split, training.recipe
    cases = {c.id: c for c in dataset.labelled}
    view, images = VIEWS.build(recipe.view), recipe.images

    drawn = recipe.labels == "scribbles" and dataset.code.unmarked is not None  # nothing to simulate
    weaker = partial(weakened, taught=Supervision() if drawn else recipe.taught_by, seed=recipe.seed)

    def keep(picture: TrainingPicture) -> TrainingPicture:
        return picture if recipe.method else view.prepare(weaker(picture))

    folder = training.folder.path
    train = _teaching(load_training([cases[i] for i in split.train], dataset, keep, None, images=images, folder=folder))
    channels = 1 if images.block else train[0].image.shape[2]
    held_out = [cases[i] for i in split.val]
    val = load_training(held_out, dataset, keep, channels, images=images, folder=folder) if held_out else train
    if held_out and images.block is None and any(map(_counts, val)):  # of scribbled volumes most slices tell nothing
        held_out = [case for case, picture in zip(held_out, val, strict=True) if _counts(picture)]
        val = list(filter(_counts, val))
    intensity = _intensity(recipe, train)
    return Material(
        train,
        val,
        intensity,
        partial(
            LabelledPictures,
            view=view,
            intensity=intensity,
            batch_size=recipe.fit.batch_size,
            seed=recipe.seed,
            slicing=images.slicing,
        ),
        lambda most: load_training(
            some_of(held_out, most, seed=recipe.seed, whole=images.block is not None), dataset, weaker, channels, images=images
        ),
        {c.id: c.volume for c in dataset.labelled if c.slice is not None},
    )


def _teaching(pictures: list[TrainingPicture]) -> list[TrainingPicture]:
    """Those with any pixel that counts: of scribbled volumes most slices have none.

    Raises:
        ModicumError: none has.
    """
    found = list(filter(_counts, pictures))
    if not found:
        raise ModicumError("no pixel of the training pictures is marked.", remedy="Draw scribbles into some of them.")
    if len(found) < len(pictures):
        say(f"{len(pictures) - len(found)} of {len(pictures)} have no marked pixel and are left out of the training")
    return found


def _counts(picture: TrainingPicture) -> bool:
    """Whether any of its pixels does."""
    return picture.valid is None or bool(picture.valid.any())


_FAINT = 5.0  # the channel that says how high a slice lies is so much fainter than the slice (benchmarks/RESULTS.md, "Volumes")


def _intensity(recipe: Recipe, train: list[TrainingPicture]) -> Intensity:
    """How pixels become numbers: by the training pictures, by each picture itself, as the weights expect, or 0 to 1."""
    if recipe.images.normalise == "weights":
        assert recipe.encoder is not None, "the recipe was checked"
        mean, sd = expected_scale(recipe.encoder, train[0].image.shape[2])
        return Intensity(mean, sd, grey=recipe.images.grey)
    own = recipe.images.normalise == "picture"
    pictures = [as_one_channel(p.image) if recipe.images.block else p.image for p in train]
    intensity = Intensity.of(pictures, per_picture=own, grey=recipe.images.grey)
    if recipe.images.normalise == "none":
        intensity = replace(intensity, mean=(0.0,) * intensity.channels, sd=(1.0,) * intensity.channels)
    if not recipe.images.depth:
        return intensity
    return replace(intensity, sd=(*intensity.sd[:-1], intensity.sd[-1] * _FAINT))
