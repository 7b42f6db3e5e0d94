"""How long a planned training takes on this machine: measured on its own network, before anything is trained."""

from __future__ import annotations

from modicum.bundle import outputs_for
from modicum.datasets.fingerprint import Fingerprint
from modicum.networks import NETWORKS
from modicum.recipes import Recipe
from modicum.training.device import choose_compute, step_seconds
from modicum.views import VIEWS


def training_time(recipe: Recipe, seen: Fingerprint) -> str:
    """A sentence with the minutes of the training and what they are spent on."""
    channels = 1 if recipe.images.grey else max(seen.channels, default=3)
    network = NETWORKS.build(recipe.network, channels, outputs_for(len(seen.foreground_share) or 1))
    shape = (recipe.fit.batch_size, channels, *VIEWS.build(recipe.view).size)
    compute = choose_compute(network, shape, recipe.fit.precision)
    seconds = step_seconds(network, shape, compute.precision, compute.channels_last, compute.accelerator)
    rate = f"{shape[0] / seconds:.0f} views of {shape[2]}x{shape[3]} a second measured on this machine ({compute.precision})"
    if recipe.fit.budget is not None:
        return f"Trains for {recipe.fit.budget:g} minutes: about {60 * recipe.fit.budget / seconds:,.0f} steps; {rate}."
    assert recipe.fit.epochs is not None, "a planned recipe has a length"
    steps = recipe.fit.epochs * -(-seen.labelled * recipe.fit.samples // shape[0])
    return f"Trains for {recipe.fit.epochs} epochs, at most {steps:,} steps: about {steps * seconds / 60:.1f} minutes; {rate}."
