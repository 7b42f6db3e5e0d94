"""The training loop: batches in, step, average, validate, checkpoint. It knows none of its parts by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Protocol

import torch
from torch import nn

from modicum.errors import ModicumError
from modicum.losses import Loss, leave_out
from modicum.training.batches import Batch, Looks
from modicum.training.checkpoint import Checkpoints, State
from modicum.training.ema import AveragedWeights
from modicum.training.pace import Pace
from modicum.training.schedules import Schedule
from modicum.training.together import Crew, shared

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class Validation:
    """What a look at the validation pictures found, averaged over them."""

    loss: float
    dice: float
    predicted_share: float  # of pixels called foreground
    true_share: float


@dataclass(frozen=True)
class EpochRecord:
    """One line of metrics.csv."""

    epoch: int
    step: int
    train_loss: float
    val_loss: float
    val_dice: float
    predicted_share: float
    true_share: float
    learning_rate: float
    gradient_norm: float  # median over the epoch's steps, before clipping
    seconds: float  # of training so far
    sure: tuple[float, ...] = ()  # share of the unlabelled pixels that taught each class, background first


Answers = Callable[[torch.Tensor], torch.Tensor]
"""Images (N, C, H, W) -> what a network answers."""


class FromUnlabelled(Protocol):
    """What unlabelled pictures teach beside the labelled ones (see supervision.consistency)."""

    def cost(self, network: Answers, teacher: Answers, looks: Looks, progress: float) -> torch.Tensor: ...
    def shares(self) -> tuple[float, ...]: ...
    def stopped(self, dice: Sequence[float]) -> bool: ...


class FromMarks(Protocol):
    """What pictures cost of which only some pixels are labelled (see supervision.marks)."""

    def cost(
        self, answer: torch.Tensor, target: torch.Tensor, valid: torch.Tensor | None, images: torch.Tensor
    ) -> torch.Tensor: ...


@dataclass(frozen=True)
class Parts:
    """What a training is made of."""

    fabric: Fabric
    network: nn.Module
    loss: Loss
    outputs: int  # channels of one answer; a network may give several while it trains, and each is supervised
    optimiser: torch.optim.Optimizer
    schedule: Schedule
    rate: float
    clip: float | None
    average: AveragedWeights
    checkpoints: Checkpoints
    patience: int | None  # epochs without a better validation loss before it stops
    unlabelled: FromUnlabelled | None = None
    marks: FromMarks | None = None  # instead of the loss
    validated: bool = True  # on other pictures than those of the training


def fit(
    parts: Parts,
    batches: Callable[[int], Iterator[Batch]],
    validate: Callable[[nn.Module], Validation],
    pace: Pace,
    seed: int,
    on_step: Callable[[Pace, float], None],
    on_epoch: Callable[[EpochRecord], None],
) -> list[EpochRecord]:
    """Train until the pace says that it is done; goes on from the newest checkpoint where there is one.

    Args:
        batches: batches from a step number on.
        validate: what the averaged network reaches on validation pictures.
        on_step, on_epoch: told of every step (with its loss) and of every epoch, after its checkpoint is safe.

    Returns:
        a record for every epoch, those before an interruption included. The averaged weights are in `parts.average`.

    Raises:
        ModicumError: the loss is no longer a number; after the first few steps: the budget is too short.
    """
    history = _resume(parts, pace)
    with shared(parts.fabric, parts.network) as crew:
        _train(parts, crew, batches(pace.step), validate, pace, seed, history, on_step, on_epoch)
    return history


def _train(
    parts: Parts,
    crew: Crew | None,
    stream: Iterator[Batch],
    validate: Callable[[nn.Module], Validation],
    pace: Pace,
    seed: int,
    history: list[EpochRecord],
    on_step: Callable[[Pace, float], None],
    on_epoch: Callable[[EpochRecord], None],
) -> None:
    """The epochs that are left; their records join the history."""
    pace.begin()
    while not pace.done and not _stale(history, parts.patience):
        torch.manual_seed(seed + 1_000_003 * pace.step)  # dropout: the same when this epoch is made again
        losses, norms, start = [], [], pace.step
        more = parts.unlabelled
        if more is not None and parts.validated and more.stopped([r.val_dice for r in history]):
            more = None
        while not pace.done and pace.step - start < pace.epoch_steps:
            rate = parts.rate * parts.schedule(pace.progress, [r.val_loss for r in history])
            _wake(parts.optimiser, pace.progress)
            loss, norm = _step(parts, crew, next(stream), rate, more, pace.progress)
            parts.average.update(parts.network, pace.step)
            losses.append(loss)
            norms.append(norm)
            pace.advance()
            on_step(pace, loss)
        found = validate(parts.average.network)
        pace.lay_out()
        record = EpochRecord(
            epoch=len(history) + 1,
            step=pace.step,
            train_loss=sum(losses) / len(losses),
            val_loss=found.loss,
            val_dice=found.dice,
            predicted_share=found.predicted_share,
            true_share=found.true_share,
            learning_rate=rate,
            gradient_norm=float(torch.tensor(norms).nanmedian()),
            seconds=pace.elapsed,
            sure=parts.unlabelled.shares() if parts.unlabelled else (),
        )
        best = all(found.loss < r.val_loss for r in history)
        history.append(record)
        parts.checkpoints.save(_state(parts, pace, history), record.epoch, best=best)
        on_epoch(record)


def _wake(optimiser: torch.optim.Optimizer, progress: float) -> None:
    """Parameters of a group that is frozen until some progress get no gradient before that."""
    for group in optimiser.param_groups:
        if until := group.get("frozen_until", 0.0):
            for parameter in group["params"]:
                parameter.requires_grad_(progress >= until)


def _step(
    parts: Parts, crew: Crew | None, batch: Batch, rate: float, more: FromUnlabelled | None, progress: float
) -> tuple[float, float]:
    """One step of the optimiser; the loss of the labelled pictures and the norm of the gradient of everything."""
    network = crew or parts.network
    for group in parts.optimiser.param_groups:
        group["lr"] = rate * group.get("rate_factor", 1.0)
    device = parts.fabric.device
    images, target = batch.images.to(device), batch.target.to(device)
    valid = None if batch.valid is None else batch.valid.to(device)
    if (cost := getattr(parts.network, "cost", None)) is not None:  # a network with a loss of its own
        with parts.fabric.autocast():
            loss = cost(images, target if valid is None else target.masked_fill(~valid, 0))
    else:
        answers = torch.split(_answer(network, images).float(), parts.outputs, dim=1)
        loss = torch.stack([_cost(parts, answer, target, valid, images) for answer in answers]).mean()
    whole = loss
    if more is not None and batch.unlabelled is not None:
        whole = loss + more.cost(network, _averaged(parts), batch.unlabelled.to(device), progress)
    parts.optimiser.zero_grad()
    parts.fabric.backward(whole)
    if crew is not None:
        crew.gather()
    limit = parts.clip if parts.clip is not None else float("inf")
    found = parts.fabric.clip_gradients(parts.network, parts.optimiser, max_norm=limit, error_if_nonfinite=False)
    assert found is not None, "a norm was asked for"
    value, norm = float(loss.detach()), float(found)
    if not math.isfinite(value) or not (math.isfinite(norm) or _scaled(parts.fabric)):
        raise ModicumError(
            f"the training left the rails: loss {value:.3g}, gradient {norm:.3g} at learning rate {rate:.2g}.",
            remedy=f"Use a lower rate, e.g. --set fit.rate={parts.rate / 10:.1g}.",
        )
    parts.optimiser.step()
    if crew is not None:
        crew.spread()
    return value, norm


def _answer(network: Crew | nn.Module, images: torch.Tensor) -> torch.Tensor:
    try:
        answer: torch.Tensor = network(images)
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise ModicumError(
            "a batch of one picture, of which the network's smallest map is one pixel, leaves its batch norm nothing to learn.",
            remedy="Use --set fit.batch_size=2 or more, or a larger view.",
        ) from None
    return answer


def _cost(
    parts: Parts, answer: torch.Tensor, target: torch.Tensor, valid: torch.Tensor | None, images: torch.Tensor
) -> torch.Tensor:
    """The loss of one answer, without the pixels that do not count."""
    if parts.marks is not None:
        return parts.marks.cost(answer, target, valid, images)
    return parts.loss(answer, target) if valid is None else parts.loss(*leave_out(answer, target, valid))


def _averaged(parts: Parts) -> Answers:
    """The averaged network, in the precision of the training."""

    def answer(images: torch.Tensor) -> torch.Tensor:
        with parts.fabric.autocast():
            logits: torch.Tensor = parts.average.network(images)
        return logits

    return answer


def _scaled(fabric: Fabric) -> bool:
    """Whether the loss is scaled up for float16; the scaler leaves out a step whose gradients overflow, and scales less."""
    return getattr(fabric.strategy.precision, "scaler", None) is not None


def _stale(history: list[EpochRecord], patience: int | None) -> bool:
    """Whether the best validation loss is more than `patience` epochs old."""
    if patience is None or not history:
        return False
    best = min(history, key=lambda r: r.val_loss)
    return len(history) - best.epoch >= patience


def _state(parts: Parts, pace: Pace, history: list[EpochRecord]) -> State:
    return {
        "network": parts.network.state_dict(),
        "average": parts.average.network.state_dict(),
        "optimiser": parts.optimiser.state_dict(),
        "precision": parts.fabric.strategy.precision.state_dict(),  # the loss scaler's, empty without one
        "pace": {"step": pace.step, "progress": pace.progress, "elapsed": pace.elapsed, "increment": pace.increment},
        "history": [asdict(r) for r in history],
    }


def _resume(parts: Parts, pace: Pace) -> list[EpochRecord]:
    """Bring everything to the state of the newest checkpoint; the records of its epochs."""
    state = parts.checkpoints.latest()
    if state is None:
        return []
    parts.network.load_state_dict(state["network"])
    parts.average.network.load_state_dict(state["average"])
    parts.optimiser.load_state_dict(state["optimiser"])
    if state.get("precision"):
        parts.fabric.strategy.precision.load_state_dict(state["precision"])
    for key, value in state["pace"].items():
        setattr(pace, key, value)
    known = {f.name for f in fields(EpochRecord)}
    return [EpochRecord(**{k: v for k, v in r.items() if k in known}) for r in state["history"]]
