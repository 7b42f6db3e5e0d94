"""How long a planned training takes on this machine: measured on its own network, before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass

from modicum.bundle import outputs_for
from modicum.datasets import Dataset, Fingerprint
from modicum.networks import NETWORKS
from modicum.recipes import Recipe
from modicum.runs.prepare import Prepared
from modicum.starts import STARTS
from modicum.training.device import Compute, choose_compute, step_seconds
from modicum.views import VIEWS


def training_time(prepared: Prepared) -> str:
    """Sentences with the minutes of the training, or of the two, and what they are spent on."""
    recipe = prepared.plan.recipe
    if recipe.method is not None:
        return "Fitted at once: seconds for a few pictures, minutes for hundreds."
    if recipe.first is None or recipe.first.method is not None:
        trials = " Trials, where they are held, take about a quarter of it." if prepared.rivals and recipe.fit.budget else ""
        return _one_training(prepared, recipe, recipe.fit.budget) + trials + _before(recipe)
    rest = None if recipe.fit.budget is None else recipe.fit.budget - (recipe.first.fit.budget or 0)
    first = _one_training(prepared, recipe.first, recipe.first.fit.budget)
    second = _one_training(prepared, recipe, rest) + _before(recipe)
    return f"The localiser: {first} Then the network that sees what it finds: {second}"


def _before(recipe: Recipe) -> str:
    """What else the time is spent on."""
    pretext, taught, said = STARTS.build(recipe.start).pretext, recipe.taught_by, ""
    budget = recipe.fit.budget is not None
    if pretext is not None:
        epochs = pretext.epochs or recipe.fit.epochs
        said += f" {pretext.share:.0%} of it for the start." if budget else f" The start before that: {epochs} epochs more."
    if recipe.alone is not None:
        more = f"{recipe.alone.fit.epochs} epochs more"
        said += f" {taught.share:.0%} of it" if budget else f" Before that: {more}"
        said += ", for labelled pictures alone." if not budget else " for labelled pictures alone."
    return said


@dataclass(frozen=True)
class Step:
    """A step of a training, as measured on this machine."""

    shape: tuple[int, ...]  # of the batch
    compute: Compute
    seconds: float


def measured_step(recipe: Recipe, dataset: Dataset, seen: Fingerprint, compute: Compute | None = None) -> Step:
    """A step of the recipe's network on random numbers; takes some seconds.

    Args:
        compute: how to do the arithmetic; None: the fastest way is looked for.
    """
    channels = recipe.images.channels or max(seen.channels, default=3)
    if any(c.slice is not None for c in dataset.cases):
        channels = recipe.images.slicing.channels
    outputs = 1 if recipe.finds_centres else outputs_for(len(dataset.classes))
    network = NETWORKS.build(recipe.network, channels, outputs)
    block = [] if recipe.images.block is None else [recipe.images.block]
    shape = (recipe.fit.batch_size, channels, *block, *VIEWS.build(recipe.view).size)
    compute = compute or choose_compute(network, shape, recipe.fit.precision)
    seconds = step_seconds(network, shape, compute.precision, compute.channels_last, compute.accelerator)
    return Step(shape, compute, seconds)


def _one_training(prepared: Prepared, recipe: Recipe, budget: float | None) -> str:
    step = measured_step(recipe, prepared.dataset, prepared.seen)
    shape, seconds, size = step.shape, step.seconds, "x".join(map(str, step.shape[2:]))
    rate = f"{shape[0] / seconds:.0f} views of {size} a second measured on this machine ({step.compute.precision})"
    if budget is not None:
        return f"Trains for {budget:g} minutes: about {60 * budget / seconds:,.0f} steps; {rate}."
    assert recipe.fit.epochs is not None, "a planned recipe has a length"
    pictures = max(len(split.train) for split in prepared.splits)
    steps = recipe.fit.epochs * -(-pictures * recipe.fit.samples // shape[0])
    return f"Trains for {recipe.fit.epochs} epochs of {pictures} pictures: about {steps * seconds / 60:.1f} minutes; {rate}."
