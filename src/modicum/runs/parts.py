"""From a recipe to what the loop is made of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from torch import nn

from modicum.losses import Loss
from modicum.recipes import Recipe
from modicum.runs.folder import RunFolder
from modicum.supervision import Consistency
from modicum.supervision.consistency import Agreement
from modicum.supervision.marks import Marks
from modicum.training.checkpoint import Checkpoints
from modicum.training.device import Compute, choose_compute
from modicum.training.ema import AveragedWeights
from modicum.training.loop import Parts
from modicum.training.optimisers import OPTIMISERS
from modicum.training.pace import Pace
from modicum.training.schedules import SCHEDULES
from modicum.training.tuning import Tuning


def measured_compute(network: nn.Module, shape: Sequence[int], recipe: Recipe, folder: RunFolder, part: str) -> Compute:
    """As this training began, or measured now on a batch of this shape; a resumed run must not change its arithmetic."""
    kept = folder.path / part / "compute.json"
    if kept.exists():
        return Compute(**json.loads(kept.read_text("utf-8")))
    compute = choose_compute(network, shape, recipe.fit.precision)
    folder.write_json(f"{part}compute.json", asdict(compute))
    folder.log(f"{part}computes with {compute.precision}, channels-last {compute.channels_last}: {compute.reason}")
    return compute


def build_parts(
    recipe: Recipe,
    network: nn.Module,
    outputs: int,
    compute: Compute,
    loss: Loss,
    checkpoints: Checkpoints,
    *,
    validated: bool = True,
) -> Parts:
    """What the loop needs to train a network as a recipe's `fit` says.

    Args:
        outputs: channels of one answer.
        validated: whether pictures were set aside for validation.
    """
    fabric = compute.fabric()
    network = compute.layout(network)
    average = AveragedWeights(network, recipe.fit.average)
    optimiser = OPTIMISERS.build(recipe.fit.optimiser, tuning_of(recipe).groups(network), recipe.fit.rate)
    wrapped, prepared = fabric.setup(network, optimiser)
    average.network.to(fabric.device)
    if hasattr(network, "cost"):
        wrapped.mark_forward_method("cost")
    taught, pairwise = recipe.taught_by.unlabelled, recipe.taught_by.pairwise
    return Parts(
        fabric=fabric,
        network=wrapped,
        loss=loss,
        outputs=outputs,
        optimiser=prepared,
        schedule=SCHEDULES.build(recipe.fit.schedule),
        rate=recipe.fit.rate,
        clip=recipe.fit.clip,
        average=average,
        checkpoints=checkpoints,
        patience=recipe.fit.patience,
        unlabelled=Agreement(taught, loss, outputs) if isinstance(taught, Consistency) else None,
        marks=Marks(loss, pairwise) if recipe.leaves_pixels_out else None,
        validated=validated,
    )


def pace_of(recipe: Recipe, minutes: float | None, pictures: int) -> Pace:
    """By epochs of so many pictures where the recipe counts them, else by the clock."""
    round_steps = max(1, -(-pictures * recipe.fit.samples // recipe.fit.batch_size))
    if minutes is None and recipe.fit.epochs is not None:
        return Pace(recipe.fit.epochs * round_steps, None, round_steps)
    minutes = minutes if minutes is not None else recipe.fit.budget
    assert minutes is not None, "a recipe has epochs or a budget once it is planned"
    return Pace(None, 60 * minutes, round_steps)


def tuning_of(recipe: Recipe) -> Tuning:
    """What is different for the encoder."""
    encoder = recipe.fit.encoder
    return Tuning(encoder.rate, encoder.frozen, encoder.norm == "frozen", recipe.fit.dropout)
