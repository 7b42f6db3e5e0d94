"""One training: a recipe and the cases of a split become a bundle."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

import modicum
from modicum.augment import POLICIES
from modicum.bundle import Bundle, outputs_for
from modicum.console import bar, say
from modicum.datasets.alignment import label_shift
from modicum.datasets.case import Dataset, Split
from modicum.errors import Finding
from modicum.losses import LOSSES, Loss
from modicum.networks import NETWORKS
from modicum.recipes import Recipe
from modicum.runs.folder import RunFolder, digest
from modicum.runs.localising import first_recipe, given_bundle, learned, seen_by
from modicum.runs.material import Material, read_material
from modicum.runs.thresholds import with_threshold
from modicum.starts import begin_as_imagenet, copy_alike
from modicum.supervision.labelled import LabelledPictures
from modicum.training.batches import stream
from modicum.training.checkpoint import Checkpoints
from modicum.training.device import Compute, choose_compute
from modicum.training.doctor import diagnose, rare_classes
from modicum.training.ema import AveragedWeights
from modicum.training.loop import EpochRecord, Parts, Validation, fit
from modicum.training.optimisers import OPTIMISERS
from modicum.training.pace import BudgetTooShort, Pace
from modicum.training.schedules import SCHEDULES
from modicum.training.tuning import Tuning
from modicum.training.validation import validator
from modicum.views import VIEWS, TrainingPicture

_VIEWS_LOOKED_AT = 32  # after each epoch


@dataclass(frozen=True)
class Trained:
    """What came out of one training, and of that of its localiser."""

    bundle: Bundle
    history: list[EpochRecord]
    findings: list[Finding]
    compute: Compute
    parameters: int
    seconds: float
    first: Trained | None = None  # the localiser's training

    @property
    def both(self) -> list[Trained]:
        """The localiser's training, if there was one, and this one."""
        return [*(self.first.both if self.first else []), self]

    @property
    def all_findings(self) -> list[Finding]:
        """Of both trainings; those of the localiser's say so."""
        found = self.first.all_findings if self.first else []
        return [*(replace(f, message=f"localiser: {f.message}") for f in found), *self.findings]


def train_once(
    dataset: Dataset, split: Split, recipe: Recipe, folder: RunFolder, part: str = "", minutes: float | None = None
) -> Trained:
    """Train on one split, going on from its checkpoints where there are some; the localiser first, where one must be trained.

    Args:
        part: "" or, for one of several trainings of a run, its subfolder with a slash at the end.
        minutes: this training's share of a budget, localiser included; None: the recipe's own length.
    """
    material = read_material(dataset, split, recipe)
    minutes = recipe.fit.budget if minutes is None and recipe.fit.epochs is None else minutes
    own = first_recipe(recipe, material.train)
    if own is None:
        return _train(dataset, split, recipe, material, folder, part, minutes)
    say("The localiser")
    own_minutes = own.fit.budget
    if minutes is not None and own_minutes is not None and recipe.fit.budget is not None:
        own_minutes *= minutes / recipe.fit.budget  # with folds, everything is shorter
    first = _within(minutes, own_minutes, lambda: train_once(dataset, split, own, folder, f"{part}localiser/", own_minutes))
    say("The network that sees what it finds")
    left = None if minutes is None else max(minutes - sum(t.seconds for t in first.both) / 60, 1e-3)
    return _within(minutes, left, lambda: _train(dataset, split, recipe, material, folder, part, left, first))


def _within(whole: float | None, share: float | None, train: Callable[[], Trained]) -> Trained:
    """Train in a share of a budget; where that is too short, what is said of the share is said of the whole."""
    try:
        return train()
    except BudgetTooShort as error:
        if whole is None or share is None:
            raise
        raise error.scaled(whole / share) from None


def _train(
    dataset: Dataset,
    split: Split,
    recipe: Recipe,
    material: Material,
    folder: RunFolder,
    part: str,
    minutes: float | None,
    first: Trained | None = None,
) -> Trained:
    """The network of a recipe, once its localiser is there."""
    classes = ("object",) if recipe.finds_centres else dataset.classes
    source = material.show(material.train, POLICIES.build(recipe.fit.augmentation))
    localiser = first.bundle if first else given_bundle(recipe, material.intensity.channels)
    findings = [*_examine(material.train, source, classes), *seen_by(localiser, dataset, split)]
    torch.manual_seed(recipe.seed)
    network = NETWORKS.build(recipe.network, material.intensity.channels, outputs_for(len(classes)))
    findings += _begin(recipe, network, material.intensity.channels, localiser, folder, part)
    _tuning(recipe).prepare(network)
    compute = _compute(network, source, recipe, folder, part)
    loss: Loss = LOSSES.build(recipe.fit.loss)
    parts = _parts(recipe, network, len(classes), compute, loss, Checkpoints(folder.path / part / "checkpoints"))
    pace = _pace(recipe, minutes, source)
    history = _run(recipe, parts, source, _looks(material, loss, compute), pace, folder, part)
    best = parts.checkpoints.best() if recipe.fit.keep == "best" else None
    if best is not None:
        parts.average.network.load_state_dict(best["average"])
    findings += diagnose(history, own_validation=bool(split.val), masks=not recipe.finds_centres)
    for finding in findings:
        folder.log(f"{part}doctor: {finding.kind}: {finding.message}")
    bundle = _bundle(recipe, parts.average.network, dataset, split, material, localiser)
    if not recipe.finds_centres:
        bundle = with_threshold(bundle, material.untouched_val, bf16=compute.precision == "bf16-mixed")
    given = localiser.network().parameters() if localiser and not first and bundle.localiser else ()
    size = sum(p.numel() for p in (*network.parameters(), *given))
    return Trained(bundle, history, findings, compute, size, pace.elapsed, first)


def _run(
    recipe: Recipe,
    parts: Parts,
    source: LabelledPictures,
    validate: Callable[[nn.Module], Validation],
    pace: Pace,
    folder: RunFolder,
    part: str,
) -> list[EpochRecord]:
    """The loop itself, with its progress bar and metrics.csv; the records of all epochs."""
    history: list[EpochRecord] = [EpochRecord(**r) for r in (parts.checkpoints.latest() or {"history": []})["history"]]
    if history:
        say(f"Going on after epoch {len(history)}.")

    def after_epoch(record: EpochRecord) -> None:
        history.append(record)
        folder.write_metrics(part, history)

    with bar("Training", 1.0) as progress:

        def after_step(pace: Pace, loss: float) -> None:
            dice = f"  Dice {history[-1].val_dice:.3f}" if history and not recipe.finds_centres else ""
            progress.update(pace.progress, 1.0, f"loss {loss:.3f}{dice}  step {pace.step}")

        batches = partial(stream, source, workers=recipe.fit.workers)
        fit(parts, batches, validate, pace, recipe.seed, after_step, after_epoch)
    return history


def _looks(material: Material, loss: Loss, compute: Compute) -> Callable[[nn.Module], Validation]:
    """The look at validation pictures after each epoch."""
    looks = material.show(material.val, POLICIES.build("none"))
    count = -(-min(max(len(material.val), 8), _VIEWS_LOOKED_AT) // looks.batch_size)
    return validator([looks.batch(i) for i in range(count)], loss, partial(_forward, compute))


def _begin(
    recipe: Recipe, network: nn.Module, channels: int, localiser: Bundle | None, folder: RunFolder, part: str
) -> list[Finding]:
    """Give a network the weights that its recipe says; a warning where it is hardly like the one that they come from."""
    if recipe.start["name"] == "imagenet":
        assert recipe.encoder is not None, "the recipe was checked"
        if Checkpoints(folder.path / part / "checkpoints").latest() is not None:
            return []  # the checkpoint has all weights
        file = None if recipe.start["file"] is None else Path(recipe.start["file"])
        begun = begin_as_imagenet(network, recipe.encoder, channels, file)
        folder.log(f"{part}{begun.copied:,} of {begun.parameters:,} weights begin as ImageNet's")
        return []
    if recipe.start["name"] != "localiser" or localiser is None:
        return []
    begun = copy_alike(localiser.weights, network)
    told = f"{begun.copied:,} of {begun.parameters:,} weights begin as the localiser's"
    folder.log(f"{part}{told}")
    if begun.copied >= 0.5 * begun.parameters:
        return []
    remedy = "Give both the same network, or use --set start=random"
    return [Finding("warning", "start-hardly-alike", f"only {told}.", remedy=remedy)]


def _tuning(recipe: Recipe) -> Tuning:
    encoder = recipe.fit.encoder
    return Tuning(encoder.rate, encoder.frozen, encoder.norm == "frozen", recipe.fit.dropout)


def _examine(train: Sequence[TrainingPicture], source: LabelledPictures, classes: Sequence[str]) -> list[Finding]:
    """What the doctor sees before the first step."""
    shift = label_shift([(p.image, p.label) for p in train[:16]])
    rare = rare_classes([source.batch(i).target.clamp(max=len(classes)) for i in range(8)], classes)
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


def _parts(recipe: Recipe, network: nn.Module, classes: int, compute: Compute, loss: Loss, checkpoints: Checkpoints) -> Parts:
    fabric = compute.fabric()
    network = compute.layout(network)
    average = AveragedWeights(network, recipe.fit.average)
    optimiser = OPTIMISERS.build(recipe.fit.optimiser, _tuning(recipe).groups(network), recipe.fit.rate)
    wrapped, prepared = fabric.setup(network, optimiser)
    average.network.to(fabric.device)
    if hasattr(network, "cost"):
        wrapped.mark_forward_method("cost")
    return Parts(
        fabric=fabric,
        network=wrapped,
        loss=loss,
        outputs=outputs_for(classes),
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
    recipe: Recipe, network: nn.Module, dataset: Dataset, split: Split, material: Material, localiser: Bundle | None
) -> Bundle:
    """The trained network, its threshold not yet chosen."""
    classes = ("object",) if recipe.finds_centres else dataset.classes
    numbers = tuple(range(1, len(classes) + 1))
    as_given = dataset.code.kind == "index" and all(0 < v < 2**16 for v in dataset.code.values)
    shown = {c.id: digest(c.image) for c in dataset.labelled if c.id in {*split.train, *split.val}}
    if localiser is not None:  # names may be the same in other data
        shown |= {f"localiser: {name}": content for name, content in localiser.provenance.get("seen", {}).items()}
    return Bundle(
        recipe=recipe,
        weights={k: v.cpu() for k, v in network.state_dict().items()},
        classes=classes,
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
        localiser=localiser if VIEWS.build(recipe.view).localised else None,
        localiser_settings=learned(recipe, material.train),
    )
