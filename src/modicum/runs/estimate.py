"""How long a planned training takes on this machine: measured on its own network, before anything is trained."""

from __future__ import annotations

from modicum.bundle import outputs_for
from modicum.networks import NETWORKS
from modicum.runs.prepare import Prepared
from modicum.training.device import choose_compute, step_seconds
from modicum.views import VIEWS


def training_time(prepared: Prepared) -> str:
    """A sentence with the minutes of the training and what they are spent on."""
    recipe = prepared.plan.recipe
    channels = 1 if recipe.images.grey else max(prepared.seen.channels, default=3)
    network = NETWORKS.build(recipe.network, channels, outputs_for(len(prepared.dataset.classes)))
    shape = (recipe.fit.batch_size, channels, *VIEWS.build(recipe.view).size)
    compute = choose_compute(network, shape, recipe.fit.precision)
    seconds = step_seconds(network, shape, compute.precision, compute.channels_last, compute.accelerator)
    rate = f"{shape[0] / seconds:.0f} views of {shape[2]}x{shape[3]} a second measured on this machine ({compute.precision})"
    if recipe.fit.budget is not None:
        return f"Trains for {recipe.fit.budget:g} minutes: about {60 * recipe.fit.budget / seconds:,.0f} steps; {rate}."
    assert recipe.fit.epochs is not None, "a planned recipe has a length"
    pictures = max(len(split.train) for split in prepared.splits)
    steps = recipe.fit.epochs * -(-pictures * recipe.fit.samples // shape[0])
    return f"Trains for {recipe.fit.epochs} epochs of {pictures} pictures: about {steps * seconds / 60:.1f} minutes; {rate}."
