"""What a network learns from pictures without labels before its training: the start `denoise`, `jigsaw`, `simclr` or `moco`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from modicum.augment import POLICIES
from modicum.bundle import outputs_for
from modicum.console import bar
from modicum.errors import Finding
from modicum.losses import LOSSES
from modicum.networks import NETWORKS
from modicum.recipes import Recipe
from modicum.recipes.axes import EncoderFit
from modicum.runs.material import Material, Training
from modicum.runs.parts import build_parts, measured_compute
from modicum.runs.unlabelled import contents, read_unlabelled, unlabelled_cases
from modicum.starts import Pretext
from modicum.supervision.labelled import LabelledPictures
from modicum.training.batches import Batch, stream
from modicum.training.checkpoint import Checkpoints
from modicum.training.loop import EpochRecord, Validation, fit
from modicum.training.pace import Pace
from modicum.views import VIEWS, TrainingPicture, View

_VALIDATION = 0.2  # share of the pictures, as in thesis-unlabelled-retina 3.4
_LOOKS = 4  # batches of validation pictures after each epoch


@dataclass(frozen=True)
class Pretrained:
    """What was learned, and how."""

    weights: dict[str, torch.Tensor]
    history: list[EpochRecord]
    pictures: int
    seconds: float
    seen: dict[str, str]  # name and content of each unlabelled picture
    findings: list[Finding]


@dataclass(frozen=True)
class _Looks:
    """Batches (N, looks * C, H, W): several looks at the same pictures, one after the other in the channels.

    In the place of a target (N,) says which pictures they are.
    """

    sources: tuple[LabelledPictures, ...]

    def batch(self, step: int) -> Batch:
        seen = [source.batch(step) for source in self.sources]
        which = torch.tensor(self.sources[0].numbers(step))
        return replace(seen[0], images=torch.cat([b.images for b in seen], dim=1), target=which, valid=None)


def pretrain(pretext: Pretext, training: Training, material: Material) -> Pretrained:
    """Learn a pretext task, going on from its checkpoints.

    All pictures but those of validation and test are used, the labelled ones without their labels; a fifth of them is set
    aside to choose the best epoch.
    """
    recipe, folder, part = training.recipe, training.folder, f"{training.part}start/"
    pictures, seen, findings = _pictures(training, material, pretext)
    torch.manual_seed(recipe.seed)
    build = partial(NETWORKS.build, recipe.network, material.intensity.channels)
    task = pretext.task(build, material.intensity.channels)
    learns, held = _divided(pictures, recipe.seed)
    source = _shown(learns, recipe, material, pretext)
    rounds = max(1, -(-len(learns) * recipe.fit.samples // recipe.fit.batch_size))
    epochs = pretext.epochs or recipe.fit.epochs or 1
    limit = None if training.minutes is None else 60 * training.minutes
    pace = Pace(None if limit else epochs * rounds, limit, rounds)
    network = build(outputs_for(len(training.dataset.classes)))
    compute = measured_compute(network, source.sources[0].batch(0).images.shape, recipe, folder, part)
    fitted = recipe.fit.model_copy(update={"rate": pretext.rate or recipe.fit.rate, "patience": None, "encoder": EncoderFit()})
    alone = recipe.model_copy(update={"fit": fitted, "supervision": {"name": "labelled"}})
    checkpoints = Checkpoints(folder.path / part / "checkpoints")
    parts = build_parts(alone, task, 1, compute, LOSSES.build(recipe.fit.loss), checkpoints)
    looked_at = _shown(held, recipe, material, pretext)
    batches = [looked_at.batch(i) for i in range(min(_LOOKS, -(-len(held) // recipe.fit.batch_size)))]
    with bar("Learning without labels", 1.0) as progress:
        history = fit(
            parts,
            partial(stream, source, workers=recipe.fit.workers),
            partial(_validation, batches, recipe.seed),
            pace,
            recipe.seed,
            lambda pace, loss: progress.update(pace.progress, 1.0, f"loss {loss:.3f}  step {pace.step}"),
            lambda record: None,
        )
    folder.write_metrics(part, history)
    if pretext.keep == "best" and (best := checkpoints.best()) is not None:
        parts.average.network.load_state_dict(best["average"])
    folder.log(f"{part}{recipe.start['name']} on {len(pictures)} pictures, {pace.step} steps")
    averaged: Any = parts.average.network
    return Pretrained(averaged.learned(), history, len(pictures), pace.elapsed, seen, findings)


def _pictures(
    training: Training, material: Material, pretext: Pretext
) -> tuple[list[TrainingPicture], dict[str, str], list[Finding]]:
    """Training pictures and unlabelled ones, all without labels, as a view without localiser keeps them; what was seen."""
    recipe, split = training.recipe, training.split
    others = unlabelled_cases(training.dataset, split, pretext.folder)
    cases = [*(c for c in training.dataset.labelled if c.id in split.train), *others]
    keep, channels, folder = _view(recipe).prepare, material.intensity.channels, training.folder.path
    pictures, findings = read_unlabelled(cases, keep, channels, images=recipe.images, folder=folder)
    if not others:
        said = "there are no unlabelled pictures: the start learned from the training pictures alone."
        findings.append(Finding("note", "nothing-unlabelled", said, remedy="Name a folder: --set start.folder=PATH"))
    return pictures, contents(others), findings


def _view(recipe: Recipe) -> View:
    """The recipe's view; where that looks at objects, the whole picture at its size, because nobody says where they are."""
    view = VIEWS.build(recipe.view)
    return VIEWS.build({"name": "whole", "size": view.size}) if view.localised else view


def _divided(pictures: list[TrainingPicture], seed: int) -> tuple[list[TrainingPicture], list[TrainingPicture]]:
    """Four fifths to learn from, a fifth to look at; a single picture serves for both."""
    order = np.random.default_rng((seed, 2)).permutation(len(pictures))
    held = max(1, round(_VALIDATION * len(pictures)))
    return [pictures[i] for i in order[held:]] or pictures, [pictures[i] for i in order[:held]]


def _shown(pictures: list[TrainingPicture], recipe: Recipe, material: Material, pretext: Pretext) -> _Looks:
    policy = POLICIES.build(pretext.augmentation)
    return _Looks(tuple(material.show(pictures, policy, view=_view(recipe), look=look) for look in range(pretext.looks)))


def _validation(batches: list[Batch], seed: int, network: nn.Module) -> Validation:
    """The task's loss on held-out pictures, with the same randomness every time."""
    device, nan = next(network.parameters()).device, float("nan")
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(seed)
        task: Any = network
        costs = [float(task.cost(b.images.to(device), b.target.to(device))) for b in batches]
    return Validation(sum(costs) / len(costs), nan, nan, nan)
