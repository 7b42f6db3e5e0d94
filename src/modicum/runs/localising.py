"""What a localiser learns from the training pictures besides its network, and what a new training begins with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from modicum.bundle import Bundle
from modicum.classical import OtsuThreshold
from modicum.datasets.case import Dataset, Split
from modicum.errors import Finding, ModicumError
from modicum.images.digest import digest
from modicum.recipes import Recipe, change, checked
from modicum.recipes.localisers import LOCALISERS
from modicum.starts import STARTS
from modicum.views import TrainingPicture
from modicum.views.places import each, together

_REMEDIES = {
    "localiser": "Let the localiser be trained with the rest: leave out localiser.bundle.",
    "teacher": "Give a supervision.teacher that was trained on other pictures, or test on pictures that it has not seen.",
    "start": "Train anew for figures to rely on: --set start=random",
}
_SIGMA = 0.4  # standard deviation of a heatmap's Gaussian, in radii of the typical object


def first_recipe(recipe: Recipe, pictures: Sequence[TrainingPicture]) -> Recipe | None:
    """The recipe of the localiser's own training, if it has one; the width of a heatmap's Gaussian follows the objects."""
    first = recipe.first
    if first is None or recipe.localiser is None or "sigma" not in recipe.localiser or recipe.localiser["sigma"]:
        return first
    sigma = _SIGMA * typical_radius(pictures, recipe.localiser["objects"])
    return checked(change(first.model_dump(), [f"fit.loss.sigma={max(sigma, 1e-3):.4f}"]))


def given_bundle(recipe: Recipe, channels: int, *, volumes: bool) -> Bundle | None:
    """The model trained before that serves as localiser, where the recipe names one.

    Args:
        channels: of the pictures that it will see.
        volumes: whether these are slices of volumes.

    Raises:
        ModicumError: it cannot be read, knows other channels, was shown volumes otherwise, or needs the true mask itself.
    """
    path = LOCALISERS.build(recipe.localiser).bundle if recipe.localiser else None
    if path is None:
        return None
    bundle = Bundle.load(Path(path))
    own, theirs = recipe.images.slicing, bundle.recipe.images.slicing
    if volumes and own != theirs:
        differ = ", ".join(f"images.{key}" for key, value in asdict(own).items() if value != getattr(theirs, key))
        raise ModicumError(
            f"this model has learned from volumes that were shown otherwise ({differ}).",
            file=path,
            remedy=f"Give both the same {differ} (see its recipe.yaml), or let the localiser be trained.",
        )
    if channels not in (1, bundle.intensity.channels) and not bundle.intensity.grey:
        raise ModicumError(
            f"this model knows pictures of {bundle.intensity.channels} channels, these have {channels}.",
            file=path,
            remedy="Give another localiser.bundle, or let the localiser be trained.",
        )
    if recipe.images.prepare and bundle.recipe.images.prepare != recipe.images.prepare:
        raise ModicumError(
            "this model has learned from pictures that were prepared otherwise.",
            file=path,
            remedy="Give both the same images.prepare, or let the localiser be trained.",
        )
    if bundle.upper_bound or bundle.recipe.finds_centres:
        raise ModicumError("this model cannot find objects by itself.", file=path, remedy="Give another localiser.bundle.")
    return bundle


def given_teacher(recipe: Recipe, channels: int, dataset: Dataset) -> Bundle | None:
    """The model trained before that labels the unlabelled pictures, where the recipe names one.

    Raises:
        ModicumError: it cannot be read, knows other classes, or sees pictures otherwise.
    """
    path = recipe.taught_by.teacher
    if path is None:
        return None
    teacher = Bundle.load(Path(path))
    own, theirs = recipe.images, teacher.recipe.images
    problem = ""
    if teacher.classes != dataset.classes:
        problem = f"the teacher knows {', '.join(teacher.classes)}, and the data set has {', '.join(dataset.classes)}."
    elif channels != teacher.intensity.channels or (own.grey, own.prepare, own.slicing) != (
        theirs.grey,
        theirs.prepare,
        theirs.slicing,
    ):
        problem = "the teacher sees pictures otherwise (channels, or the recipes' images)."
    elif teacher.upper_bound:
        problem = "this model must be told where the objects are."
    if problem:
        raise ModicumError(problem, file=path, remedy="Name another model with supervision.teacher.")
    return teacher


def seen_by(before: Bundle | None, what: str, dataset: Dataset, split: Split) -> list[Finding]:
    """A warning where a model that was trained before, on whatever pictures, has seen test pictures of this training.

    Args:
        what: the model is to this training: "localiser", "teacher" or "start".
    """
    shown = set(before.provenance.get("seen", {}).values()) if before else set()
    known = [c.id for c in dataset.labelled if c.id in split.test and digest(c.image) in shown]
    if not known:
        return []
    return [
        Finding(
            "warning",
            f"{what}-has-seen-test-pictures",
            f"the given {what} was trained on {len(known)} of the test pictures: the figures flatter ({known[0]} ...).",
            remedy=_REMEDIES[what],
        )
    ]


def start_bundle(recipe: Recipe) -> Bundle | None:
    """The model trained before with whose weights a recipe begins.

    Raises:
        ModicumError: it cannot be read, or has no network.
    """
    start = STARTS.build(recipe.start)
    if start.origin != "model" or start.file is None:
        return None
    bundle = Bundle.load(Path(start.file))
    bundle.network()
    return bundle


def anew(recipe: Recipe) -> Recipe:
    """The recipe as it began before any model was continued.

    Raises:
        ModicumError: the model cannot be read.
    """
    before = start_bundle(recipe)
    return recipe if before is None else recipe.model_copy(update={"start": began(before)})


def began(bundle: Bundle) -> dict[str, Any]:
    """The start of a model, or of the first one where others were continued."""
    found: dict[str, Any] = bundle.provenance.get("began", bundle.recipe.start)
    return found


def learned(recipe: Recipe, pictures: Sequence[TrainingPicture]) -> dict[str, Any]:
    """What a bundle must keep for its localiser: the typical radius, or the channel and side of a threshold."""
    kind = recipe.localiser["name"] if recipe.localiser else None
    if kind == "heatmap" and recipe.localiser:
        return {"radius": typical_radius(pictures, recipe.localiser["objects"])}
    if kind == "threshold":
        return vars(OtsuThreshold.fitted((p.image, p.label > 0) for p in pictures))
    return {}


def typical_radius(pictures: Sequence[TrainingPicture], objects: str) -> float:
    """Median radius of the objects (of discs of their area) as a share of the picture's longer side; .1 without any.

    Args:
        objects: "one": all foreground of a picture is one object; "each": every component.
    """
    shares = []
    for picture in pictures:
        mask = picture.label > 0
        count = len(each(mask) if objects == "each" else together(mask))
        if count:
            shares.append(np.sqrt(mask.sum() / count / np.pi) / max(mask.shape))
    return float(np.median(shares)) if shares else 0.1
