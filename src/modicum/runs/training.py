"""One training: a recipe and the cases of a split become a bundle."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

import torch
from torch import nn

import modicum
from modicum.augment import POLICIES
from modicum.bundle import Bundle, outputs_for
from modicum.console import bar, say
from modicum.datasets.alignment import label_shift
from modicum.datasets.case import Dataset, Split
from modicum.errors import Finding
from modicum.evaluation.curves import ProbabilityHistogram, steady_threshold
from modicum.images.intensity import Intensity
from modicum.losses import LOSSES, Loss
from modicum.networks import NETWORKS
from modicum.recipes import Recipe
from modicum.runs.folder import RunFolder, digest
from modicum.runs.pictures import load_training
from modicum.supervision.labelled import LabelledPictures
from modicum.training.batches import stream
from modicum.training.checkpoint import Checkpoints
from modicum.training.device import Compute, choose_compute
from modicum.training.doctor import diagnose, rare_classes
from modicum.training.ema import AveragedWeights
from modicum.training.loop import EpochRecord, Parts, fit
from modicum.training.optimisers import OPTIMISERS
from modicum.training.pace import Pace
from modicum.training.schedules import SCHEDULES
from modicum.training.validation import validator
from modicum.views import VIEWS, TrainingPicture

_VIEWS_LOOKED_AT = 32  # after each epoch
_THRESHOLD_PICTURES = 40


@dataclass(frozen=True)
class Trained:
    """What came out of one training."""

    bundle: Bundle
    history: list[EpochRecord]
    findings: list[Finding]
    compute: Compute
    parameters: int
    seconds: float


@dataclass(frozen=True)
class _Material:
    """The pictures of a split in memory, and how they are shown."""

    train: list[TrainingPicture]
    val: list[TrainingPicture]  # the training pictures where there are no others
    intensity: Intensity
    show: Callable[..., LabelledPictures]  # (pictures, policy) -> batches of views of them


def train_once(
    dataset: Dataset, split: Split, recipe: Recipe, folder: RunFolder, part: str = "", minutes: float | None = None
) -> Trained:
    """Train on one split, going on from its checkpoints where there are some.

    Args:
        part: "" or, for one of several trainings of a run, its subfolder with a slash at the end.
        minutes: this training's share of a budget; None: the recipe's own length.
    """
    material = _read(dataset, split, recipe)
    source = material.show(material.train, POLICIES.build(recipe.fit.augmentation))
    findings = _examine(material.train, source, dataset.classes)
    torch.manual_seed(recipe.seed)
    network = NETWORKS.build(recipe.network, material.intensity.channels, outputs_for(len(dataset.classes)))
    compute = _compute(network, source, recipe, folder, part)
    loss: Loss = LOSSES.build(recipe.fit.loss)
    parts = _parts(recipe, network, compute, loss, Checkpoints(folder.path / part / "checkpoints"))
    looks = material.show(material.val, POLICIES.build("none"))
    count = -(-min(max(len(material.val), 8), _VIEWS_LOOKED_AT) // looks.batch_size)
    validate = validator([looks.batch(i) for i in range(count)], loss, partial(_forward, compute))
    pace = _pace(recipe, minutes, source)
    history: list[EpochRecord] = [EpochRecord(**r) for r in (parts.checkpoints.latest() or {"history": []})["history"]]
    if history:
        say(f"Going on after epoch {len(history)}.")

    def after_epoch(record: EpochRecord) -> None:
        history.append(record)
        folder.write_metrics(part, history)

    with bar("Training", 1.0) as progress:

        def after_step(pace: Pace, loss: float) -> None:
            dice = f"  Dice {history[-1].val_dice:.3f}" if history else ""
            progress.update(pace.progress, 1.0, f"loss {loss:.3f}{dice}  step {pace.step}")

        batches = partial(stream, source, workers=recipe.fit.workers)
        fit(parts, batches, validate, pace, recipe.seed, after_step, after_epoch)
    best = parts.checkpoints.best() if recipe.fit.keep == "best" else None
    if best is not None:
        parts.average.network.load_state_dict(best["average"])
    findings += diagnose(history, own_validation=bool(split.val))
    for finding in findings:
        folder.log(f"{part}doctor: {finding.kind}: {finding.message}")
    bundle = _bundle(recipe, parts.average.network, dataset, split, material, compute)
    size = sum(p.numel() for p in network.parameters())
    return Trained(bundle, history, findings, compute, size, pace.elapsed)


def _read(dataset: Dataset, split: Split, recipe: Recipe) -> _Material:
    cases = {c.id: c for c in dataset.labelled}
    view, grey = VIEWS.build(recipe.view), recipe.images.grey
    teaching = [cases[i] for i in split.train]
    train = load_training(teaching, dataset, view, 1 if grey else None, grey=grey)
    channels = train[0].image.shape[2]
    val = load_training([cases[i] for i in split.val], dataset, view, channels, grey=grey) if split.val else train
    own = recipe.images.normalise == "picture"
    intensity = Intensity.of([p.image for p in train], per_picture=own, grey=grey)
    show = partial(LabelledPictures, view=view, intensity=intensity, batch_size=recipe.fit.batch_size, seed=recipe.seed)
    return _Material(train, val, intensity, show)


def _examine(train: Sequence[TrainingPicture], source: LabelledPictures, classes: Sequence[str]) -> list[Finding]:
    """What the doctor sees before the first step."""
    shift = label_shift([(p.image, p.label) for p in train[:16]])
    rare = rare_classes([source.batch(i).target for i in range(8)], classes)
    return ([shift] if shift else []) + rare


def _compute(network: nn.Module, source: LabelledPictures, recipe: Recipe, folder: RunFolder, part: str) -> Compute:
    """As this training began, or measured now; a resumed run must not change its arithmetic."""
    kept = folder.path / part / "compute.json"
    if kept.exists():
        return Compute(**json.loads(kept.read_text("utf-8")))
    compute = choose_compute(network, source.batch(0).images.shape, recipe.fit.precision)
    folder.write_json(f"{part}compute.json", asdict(compute))
    folder.log(f"{part}computes with {compute.precision}, channels-last {compute.channels_last}: {compute.reason}")
    return compute


def _parts(recipe: Recipe, network: nn.Module, compute: Compute, loss: Loss, checkpoints: Checkpoints) -> Parts:
    fabric = compute.fabric()
    network = compute.layout(network)
    average = AveragedWeights(network, recipe.fit.average)
    optimiser = OPTIMISERS.build(recipe.fit.optimiser, network.parameters(), recipe.fit.rate)
    wrapped, prepared = fabric.setup(network, optimiser)
    average.network.to(fabric.device)
    return Parts(
        fabric=fabric,
        network=wrapped,
        loss=loss,
        optimiser=prepared,
        schedule=SCHEDULES.build(recipe.fit.schedule),
        rate=recipe.fit.rate,
        clip=recipe.fit.clip,
        average=average,
        checkpoints=checkpoints,
        patience=recipe.fit.patience,
    )


def _pace(recipe: Recipe, minutes: float | None, source: LabelledPictures) -> Pace:
    """By epochs where the recipe counts them, else by the clock."""
    round_steps = max(1, -(-len(source.pictures) * recipe.fit.samples // source.batch_size))
    if minutes is None and recipe.fit.epochs is not None:
        return Pace(recipe.fit.epochs * round_steps, None, round_steps)
    minutes = minutes if minutes is not None else recipe.fit.budget
    assert minutes is not None, "a recipe has epochs or a budget once it is planned"
    return Pace(None, 60 * minutes, round_steps)


def _forward(compute: Compute, network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    device = next(network.parameters()).device
    with torch.autocast(device.type, torch.bfloat16, enabled=compute.precision == "bf16-mixed"):
        answer: torch.Tensor = network(images.to(device))
    return answer


def _bundle(
    recipe: Recipe, network: nn.Module, dataset: Dataset, split: Split, material: _Material, compute: Compute
) -> Bundle:
    """The trained network with its threshold: chosen on the validation pictures, .5 without any."""
    numbers = tuple(range(1, len(dataset.classes) + 1))
    as_given = dataset.code.kind == "index" and all(0 < v < 2**16 for v in dataset.code.values)
    shown = {c.id: digest(c.image) for c in dataset.labelled if c.id in {*split.train, *split.val}}
    bundle = Bundle(
        recipe=recipe,
        weights={k: v.cpu() for k, v in network.state_dict().items()},
        classes=dataset.classes,
        intensity=material.intensity,
        threshold=0.5,
        label_values=(255,) if len(numbers) == 1 else dataset.code.values if as_given else numbers,
        provenance={
            "modicum": modicum.__version__,
            "made": time.strftime("%Y-%m-%d %H:%M:%S %z"),
            "training_cases": len(material.train),
            "seen": shown,  # pictures that trained it or chose its threshold, by their content
            "data": dataset.layout,
        },
    )
    if len(dataset.classes) > 1:
        return bundle
    if recipe.finish.threshold != "auto":
        return replace(bundle, threshold=recipe.finish.threshold)
    if material.val is material.train:  # a threshold tuned on pictures that the network knows by heart suits no others
        return bundle
    histograms = []
    segmenter = bundle.segmenter(bf16=compute.precision == "bf16-mixed")
    with bar("Choosing the threshold", len(material.val[:_THRESHOLD_PICTURES])) as progress:
        for picture in material.val[:_THRESHOLD_PICTURES]:
            valid = None if picture.valid is None else picture.valid.astype(bool)
            histograms.append(ProbabilityHistogram())
            histograms[-1].add(segmenter.probabilities(picture.image)[0], picture.label > 0, valid)
            progress.step()
    return replace(bundle, threshold=steady_threshold(histograms))
