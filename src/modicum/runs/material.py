"""The pictures of a split in memory, as a recipe wants them shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from modicum.datasets.case import Dataset, Split
from modicum.images.intensity import Intensity
from modicum.recipes import Recipe
from modicum.runs.pictures import load_training
from modicum.starts import expected_scale
from modicum.supervision.labelled import LabelledPictures
from modicum.supervision.weak import weakened
from modicum.views import VIEWS, TrainingPicture


@dataclass(frozen=True)
class Material:
    """What a training learns from and looks at."""

    train: list[TrainingPicture]
    val: list[TrainingPicture]  # the training pictures where there are no others
    intensity: Intensity
    show: Callable[..., LabelledPictures]  # (pictures, policy) -> batches of views of them
    untouched_val: Callable[[int], list[TrainingPicture]]  # so many validation pictures as they are on disk, or fewer


def read_material(dataset: Dataset, split: Split, recipe: Recipe) -> Material:
    """Training and validation pictures of a split, decoded once and kept as the recipe's view wants them."""
    cases = {c.id: c for c in dataset.labelled}
    view, images = VIEWS.build(recipe.view), recipe.images

    def keep(picture: TrainingPicture) -> TrainingPicture:
        return picture if recipe.method else view.prepare(weakened(picture, recipe.labels))

    train = load_training([cases[i] for i in split.train], dataset, keep, None, images=images)
    channels = train[0].image.shape[2]
    val = load_training([cases[i] for i in split.val], dataset, keep, channels, images=images) if split.val else train
    intensity = _intensity(recipe, train)
    return Material(
        train,
        val,
        intensity,
        partial(LabelledPictures, view=view, intensity=intensity, batch_size=recipe.fit.batch_size, seed=recipe.seed),
        lambda most: load_training(
            [cases[i] for i in split.val[:most]], dataset, lambda p: weakened(p, recipe.labels), channels, images=images
        ),
    )


def _intensity(recipe: Recipe, train: list[TrainingPicture]) -> Intensity:
    """How pixels become numbers: by the training pictures, by each picture itself, or as the weights expect."""
    if recipe.images.normalise == "weights":
        assert recipe.encoder is not None, "the recipe was checked"
        mean, sd = expected_scale(recipe.encoder, train[0].image.shape[2])
        return Intensity(mean, sd, grey=recipe.images.grey)
    own = recipe.images.normalise == "picture"
    return Intensity.of([p.image for p in train], per_picture=own, grey=recipe.images.grey)
