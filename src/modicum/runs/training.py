"""One training: a recipe and the cases of a split become a bundle."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

from modicum.augment import POLICIES
from modicum.bundle import Bundle, outputs_for
from modicum.console import bar, say
from modicum.datasets.alignment import label_shift
from modicum.errors import Finding
from modicum.losses import LOSSES, Loss
from modicum.networks import NETWORKS
from modicum.runs.bundling import new_bundle
from modicum.runs.early import EarlyLook
from modicum.runs.localising import began, given_bundle, seen_by, start_bundle
from modicum.runs.material import Material, Training
from modicum.runs.parts import build_parts, measured_compute, pace_of, tuning_of
from modicum.runs.samples import Samples
from modicum.runs.thresholds import with_threshold
from modicum.runs.trained import Trained
from modicum.runs.unlabelled import Unlabelled, with_unlabelled
from modicum.starts import begin_as_imagenet, copy_alike
from modicum.supervision.labelled import LabelledPictures
from modicum.training.batches import BatchSource, stream
from modicum.training.checkpoint import Checkpoints
from modicum.training.device import Compute
from modicum.training.doctor import diagnose, rare_classes
from modicum.training.doubts import doubts
from modicum.training.loop import EpochRecord, Parts, Validation, fit
from modicum.training.pace import Pace
from modicum.training.validation import validator
from modicum.views import TrainingPicture
from modicum.views.blocks import middle_slice

_VIEWS_LOOKED_AT = 32  # after each epoch
_BEGUN = "begun.json"  # findings of the beginning, for a run that goes on


def train_network(
    training: Training,
    material: Material,
    *,
    localiser: Bundle | None,
    weights: Mapping[str, torch.Tensor] | None,
    seen: Mapping[str, str],
    beside: Unlabelled | None = None,
    again: bool = False,
) -> Trained:
    """One network, once everything that it needs is there.

    Args:
        localiser: trained just before; None: that of the recipe, if it names one.
        weights: to begin with, wherever they fit; None: as the recipe says.
        seen: name and content of unlabelled pictures from which those weights have learned.
        beside: unlabelled pictures that teach as well.
        again: those weights have learned from the labelled pictures before.
    """
    recipe, dataset, split = training.recipe, training.dataset, training.split
    folder, part = training.folder, training.part
    classes = ("object",) if recipe.finds_centres else dataset.classes
    labelled = material.show(material.train, POLICIES.build(recipe.fit.augmentation))
    given = None if localiser else given_bundle(recipe, material.intensity.channels, volumes=bool(material.volumes))
    whole = dataset.code.unmarked is None and not recipe.leaves_pixels_out
    before = start_bundle(recipe)
    findings = _examine(material.train, labelled, classes, whole=whole)
    findings += [*seen_by(localiser or given, "localiser", dataset, split), *seen_by(before, "start", dataset, split)]
    if before is not None and weights is None:
        weights, again = before.weights, True
    torch.manual_seed(recipe.seed)
    network = NETWORKS.build(recipe.network, material.intensity.channels, outputs_for(len(classes)))
    checkpoints = Checkpoints(folder.path / part / "checkpoints")
    begin = partial(_begin, training, network, material.intensity.channels, localiser or given, weights)
    findings += begin() if checkpoints.latest() is None else _begun(training)  # whose checkpoint has all weights
    tuning_of(recipe).prepare(network)
    compute = measured_compute(network, labelled.batch(0).images.shape, recipe, folder, part)
    loss: Loss = LOSSES.build(recipe.fit.loss)
    parts = build_parts(recipe, network, outputs_for(len(classes)), compute, loss, checkpoints, validated=bool(split.val))
    source, shown = with_unlabelled(labelled, beside, recipe, material)
    pace = pace_of(recipe, training.minutes, shown)
    early = _early(training, material, compute)
    history = _run(training, parts, source, _looks(material, loss, compute), pace, early, _samples(training, material, compute))
    best = parts.checkpoints.best() if recipe.fit.keep == "best" else None
    if best is not None:
        parts.average.network.load_state_dict(best["average"])
    findings += diagnose(
        history, own_validation=bool(split.val), masks=not recipe.finds_centres, again=again or before is not None
    )
    findings += _guarded(parts, history)
    files = {name: [str(p) for p in c.labels] for c in dataset.labelled for name in (c.id, c.volume or c.id)}
    findings += doubts(early.dice, files) if early else []
    for finding in findings:
        folder.log(f"{part}doctor: {finding.kind}: {finding.message}")
    earlier = {f"start: {name}": content for name, content in (before.provenance.get("seen", {}) if before else {}).items()}
    seen = {**earlier, **seen, **(beside.seen if beside else {})}
    bundle = new_bundle(training, parts.average.network.state_dict(), material, localiser or given, seen)
    if before is not None:
        bundle = replace(bundle, provenance={**bundle.provenance, "began": began(before)})
    if not recipe.finds_centres:
        bf16 = compute.precision == "bf16-mixed"
        patients = {c.id: c.patient for c in dataset.labelled}
        bundle = with_threshold(bundle, material.untouched_val, bf16=bf16, volumes=material.volumes, patients=patients)
    size = sum(p.numel() for p in network.parameters()) + (given.parameters if given and bundle.localiser else 0)
    return Trained(bundle, history, findings, compute, size, pace.elapsed)


def _run(
    training: Training,
    parts: Parts,
    source: BatchSource,
    validate: Callable[[nn.Module], Validation],
    pace: Pace,
    early: EarlyLook | None,
    samples: Samples | None,
) -> list[EpochRecord]:
    """The loop itself, with its progress bar and metrics.csv; the records of all epochs."""
    recipe = training.recipe
    history: list[EpochRecord] = [EpochRecord(**r) for r in (parts.checkpoints.latest() or {"history": []})["history"]]
    if history:
        say(f"Going on after epoch {len(history)}.")
        training.folder.write_metrics(training.part, history)  # the last one may have been killed before it came to this

    def look(network: nn.Module) -> Validation:
        if early is not None:  # before there is a checkpoint after which nobody would look
            early.take(network, pace.progress, len(history) + 1)
        return validate(network)

    def after_epoch(record: EpochRecord) -> None:
        history.append(record)
        training.folder.write_metrics(training.part, history)
        if samples is not None:
            samples.take(parts.average.network)

    with bar("Training", 1.0) as progress:

        def after_step(pace: Pace, loss: float) -> None:
            dice = f"  Dice {history[-1].val_dice:.3f}" if history and not recipe.finds_centres else ""
            progress.update(pace.progress, 1.0, f"loss {loss:.3f}{dice}  step {pace.step}")

        batches = partial(stream, source, workers=recipe.fit.workers)
        fit(parts, batches, look, pace, recipe.seed, after_step, after_epoch)
    return history


def _looks(material: Material, loss: Loss, compute: Compute) -> Callable[[nn.Module], Validation]:
    """The look at validation pictures after each epoch."""
    looks = material.show(material.val, POLICIES.build("none"))
    count = -(-min(max(len(material.val), 8), _VIEWS_LOOKED_AT) // looks.batch_size)
    return validator([looks.batch(i) for i in range(count)], loss, partial(_forward, compute))


def _begin(
    training: Training,
    network: nn.Module,
    channels: int,
    localiser: Bundle | None,
    weights: Mapping[str, torch.Tensor] | None,
) -> list[Finding]:
    """Give a network the weights that its recipe says; a warning where it is hardly like the one that they come from."""
    recipe = training.recipe
    if weights is not None:
        begun, whose = copy_alike(weights, network), "those learned before"
    elif recipe.start["name"] == "imagenet":
        assert recipe.encoder is not None, "the recipe was checked"
        file = None if recipe.start["file"] is None else Path(recipe.start["file"])
        begun, whose = begin_as_imagenet(network, recipe.encoder, channels, file), "ImageNet's"
    elif recipe.start["name"] == "localiser" and localiser is not None:
        begun, whose = copy_alike(localiser.weights, network), "the localiser's"
    else:
        return []
    told = f"{begun.copied:,} of {begun.parameters:,} weights begin as {whose}"
    training.folder.log(f"{training.part}{told}")
    if recipe.start["name"] not in ("localiser", "model") or begun.copied >= 0.5 * begun.parameters:
        return []
    remedy = "Give both the same network, or use --set start=random"
    found = Finding("warning", "start-hardly-alike", f"only {told}.", remedy=remedy)
    training.folder.write_json(f"{training.part}{_BEGUN}", [asdict(found)])
    return [found]


def _begun(training: Training) -> list[Finding]:
    """What was to be said when this training began."""
    kept = training.folder.path / training.part / _BEGUN
    return [Finding(**f) for f in json.loads(kept.read_text("utf-8"))] if kept.exists() else []


def _early(training: Training, material: Material, compute: Compute) -> EarlyLook | None:
    """The look at the training pictures that finds doubtful labels; not where labels are made weaker than they are."""
    if training.recipe.finds_centres or training.recipe.labels != "labelled" or training.dataset.code.unmarked is not None:
        return None
    return EarlyLook(
        training.folder, training.part, material.show(material.train, POLICIES.build("none")), partial(_forward, compute)
    )


def _samples(training: Training, material: Material, compute: Compute) -> Samples | None:
    """What is shown of the training while it goes on; a network that knows only centres has no contours."""
    if training.recipe.finds_centres:
        return None
    looks = material.show(material.val, POLICIES.build("none"))
    return Samples(training.folder.path / training.part / "samples.png", looks, partial(_forward, compute))


def _guarded(parts: Parts, history: Sequence[EpochRecord]) -> list[Finding]:
    """Whether unlabelled pictures stopped teaching, or nothing could have stopped them."""
    if parts.unlabelled is None:
        return []
    if not parts.validated:
        said = "no pictures were set aside for validation: had the unlabelled ones done harm, nothing would have stopped them."
        return [Finding("note", "unlabelled-unguarded", said, remedy="Compare with the row of labelled pictures alone.")]
    if not parts.unlabelled.stopped([r.val_dice for r in history]):
        return []
    said = "the validation Dice fell while unlabelled pictures taught; from then on labelled ones alone did."
    return [Finding("warning", "unlabelled-stopped", said, remedy="Compare with the row of labelled pictures alone.")]


def _examine(
    train: Sequence[TrainingPicture], source: LabelledPictures, classes: Sequence[str], *, whole: bool
) -> list[Finding]:
    """What the doctor sees before the first step; of borders only where labels show `whole` objects."""
    shown = [source.batch(i).target.clamp(max=len(classes)) for i in range(8)]
    if not whole:
        return rare_classes(shown, classes)
    shift = label_shift([middle_slice(p) if p.label.ndim == 3 else (p.image, p.label) for p in train[:16]])
    return ([shift] if shift else []) + rare_classes(shown, classes)


def _forward(compute: Compute, network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    device = next(network.parameters()).device
    with torch.autocast(device.type, torch.bfloat16, enabled=compute.precision == "bf16-mixed"):
        answer: torch.Tensor = network(images.to(device))
    return answer
