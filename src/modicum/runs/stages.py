"""The trainings of one split, one after the other: localiser, start, labelled pictures alone, and the network itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from modicum.console import say
from modicum.datasets.case import Case, Dataset, Split
from modicum.errors import Finding
from modicum.recipes import Recipe
from modicum.runs.fitting import fit_method
from modicum.runs.folder import RunFolder
from modicum.runs.localising import first_recipe
from modicum.runs.material import Material, read_material
from modicum.runs.pretraining import Pretrained, pretrain
from modicum.runs.pseudo import taught_pictures
from modicum.runs.trained import Trained
from modicum.runs.training import train_network
from modicum.runs.unlabelled import unlabelled_cases
from modicum.starts import STARTS
from modicum.supervision import PseudoLabels
from modicum.training.pace import BudgetTooShort

T = TypeVar("T")


def train_once(
    dataset: Dataset, split: Split, recipe: Recipe, folder: RunFolder, part: str = "", minutes: float | None = None
) -> Trained:
    """Train on one split, going on from its checkpoints where there are some; first what must be trained before.

    Args:
        part: "" or, for one of several trainings of a run, its subfolder with a slash at the end.
        minutes: this training's share of a budget, everything included; None: the recipe's own length.
    """
    material = read_material(dataset, split, recipe)
    if recipe.method is not None:
        return fit_method(dataset, split, recipe, material)
    minutes = recipe.fit.budget if minutes is None and recipe.fit.epochs is None else minutes
    taught = recipe.taught_by
    cases = unlabelled_cases(dataset, split, taught.folder) if taught.unlabelled else []
    first = _localiser(dataset, split, recipe, material, folder, part, minutes)
    left = _less(minutes, first.whole_seconds if first else 0.0)
    start = _start(dataset, split, recipe, material, folder, part, left)
    left = _less(left, start.seconds if start else 0.0)
    train = partial(
        train_network,
        dataset,
        split,
        material=material,
        folder=folder,
        localiser=first.bundle if first else None,
        weights=start.weights if start else None,
        seen=start.seen if start else {},
    )

    def teach() -> Trained:
        if recipe.alone is None:
            return train(recipe, part=part, minutes=left)
        if not cases:
            done = train(recipe.with_labels_alone, part=part, minutes=left)
            return replace(done, findings=[_nothing_unlabelled(), *done.findings])
        return _with_unlabelled(recipe, recipe.alone, cases, material, folder, part, left, train)

    return replace(_within(minutes, left, teach), first=first, start=start)


def _nothing_unlabelled() -> Finding:
    return Finding(
        "warning",
        "nothing-unlabelled",
        "there are no unlabelled pictures: labelled pictures alone taught.",
        remedy="Put pictures without labels beside the labelled ones, or name their folder: --set supervision.folder=PATH",
    )


def _start(
    dataset: Dataset, split: Split, recipe: Recipe, material: Material, folder: RunFolder, part: str, minutes: float | None
) -> Pretrained | None:
    """What is learned without labels first, in its share of the budget."""
    pretext = STARTS.build(recipe.start).pretext
    if pretext is None:
        return None
    say(f"The start: {recipe.start['name']}, without labels")
    share = None if minutes is None else minutes * pretext.share
    return _within(minutes, share, lambda: pretrain(pretext, dataset, split, recipe, material, folder, part, share))


def _localiser(
    dataset: Dataset, split: Split, recipe: Recipe, material: Material, folder: RunFolder, part: str, minutes: float | None
) -> Trained | None:
    """The network that finds the objects, where one must be trained."""
    own = first_recipe(recipe, material.train)
    if own is None:
        return None
    say("The localiser")
    share = own.fit.budget
    if minutes is not None and share is not None and recipe.fit.budget is not None:
        share *= minutes / recipe.fit.budget  # with folds, everything is shorter
    first = _within(minutes, share, lambda: train_once(dataset, split, own, folder, f"{part}localiser/", share))
    say("The network that sees what it finds")
    return first


def _with_unlabelled(
    recipe: Recipe,
    alone: Recipe,
    cases: Sequence[Case],
    material: Material,
    folder: RunFolder,
    part: str,
    minutes: float | None,
    train: Callable[..., Trained],
) -> Trained:
    """Labelled pictures alone, then, in one round or several, unlabelled ones with them."""
    settings = recipe.taught_by.unlabelled
    rounds, anew = (settings.rounds, settings.anew) if isinstance(settings, PseudoLabels) else (1, False)
    say("Labelled pictures alone")
    share = None if minutes is None else minutes * recipe.taught_by.share
    latest = _within(minutes, share, lambda: train(alone, part=f"{part}alone/", minutes=share))
    left, before = _less(minutes, latest.seconds), [latest]
    for number in range(1, rounds + 1):
        say("With unlabelled pictures" + (f", round {number} of {rounds}" if rounds > 1 else ""))
        own = part if number == rounds else f"{part}round-{number}/"
        beside = taught_pictures(latest.bundle, cases, recipe, material, folder, own)
        share = None if left is None else left / (rounds - number + 1)
        weights = {} if anew else {"weights": latest.bundle.weights}
        step = partial(train, recipe, part=own, minutes=share, beside=beside, **weights)
        latest = replace(_within(minutes, share, step), beside=replace(beside, pictures=()))  # they have taught
        left = _less(left, latest.seconds)
        before.append(latest)
    return replace(latest, before=tuple(before[:-1]))


def _less(minutes: float | None, seconds: float) -> float | None:
    """What is left of a budget."""
    return None if minutes is None else max(minutes - seconds / 60, 1e-3)


def _within(whole: float | None, share: float | None, train: Callable[[], T]) -> T:
    """Train in a share of a budget; where that is too short, what is said of the share is said of the whole."""
    try:
        return train()
    except BudgetTooShort as error:
        if whole is None or share is None:
            raise
        raise error.scaled(whole / share) from None
