"""The loop: it learns, resumes exactly, keeps its budget, and stops with words where it must."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision, Precision
from torch import nn

from modicum.errors import ModicumError
from modicum.losses import LOSSES
from modicum.networks import NETWORKS
from modicum.training.batches import Batch, stream
from modicum.training.checkpoint import Checkpoints
from modicum.training.device import Compute
from modicum.training.ema import AveragedWeights
from modicum.training.loop import EpochRecord, Parts, fit
from modicum.training.optimisers import OPTIMISERS
from modicum.training.pace import Pace
from modicum.training.schedules import SCHEDULES
from modicum.training.tuning import Tuning, encoders
from modicum.training.validation import validator
from patience import patiently

TUNING = Tuning(dropout=0.2)
COMPUTE = Compute("cpu", "32-true", True, "test")


class Squares:
    """Noisy pictures of bright squares."""

    def __init__(self, fail_at: int | None = None, slow: float = 0.0) -> None:
        self.fail_at, self.slow = fail_at, slow

    def batch(self, step: int) -> Batch:
        if step == self.fail_at:
            raise ValueError("broken on purpose")
        time.sleep(self.slow)
        generator = torch.Generator().manual_seed(step)
        target = (torch.rand(4, 4, 4, generator=generator) > 0.5).repeat_interleave(4, 1).repeat_interleave(4, 2)
        return Batch(target[:, None] + 0.3 * torch.randn(4, 1, 16, 16, generator=generator), target.to(torch.uint8))


def assemble(
    folder: Path,
    *,
    optimiser: str = "adamw",
    schedule: str = "one_cycle",
    rate: float = 1e-2,
    precision: Precision | None = None,
    tuning: Tuning = TUNING,
    network: Mapping[str, Any] = {"name": "unet", "encoder": {"widths": [4, 8]}},
) -> Parts:
    torch.manual_seed(0)
    fabric = COMPUTE.fabric() if precision is None else Fabric(accelerator="cpu", devices=1, plugins=[precision])
    built = COMPUTE.layout(NETWORKS.build(network, 1, 1))
    tuning.prepare(built)
    average = AveragedWeights(built, 0.9)
    wrapped, prepared = fabric.setup(built, OPTIMISERS.build(optimiser, tuning.groups(built), rate))
    return Parts(
        fabric=fabric,
        network=wrapped,
        loss=LOSSES.build("dice_ce"),
        outputs=1,
        optimiser=prepared,
        schedule=SCHEDULES.build(schedule),
        rate=rate,
        clip=1.0,
        average=average,
        checkpoints=Checkpoints(folder),
        patience=None,
    )


def train(parts: Parts, pace: Pace, source: Squares | None = None, stop_after: int | None = None) -> list[EpochRecord]:
    def on_epoch(record: EpochRecord) -> None:
        if record.epoch == stop_after:
            raise KeyboardInterrupt

    source = source or Squares()
    looks = validator([Squares().batch(10**6)], parts.loss, lambda network, images: network(images))
    return fit(parts, partial(stream, source), looks, pace, 0, lambda pace, loss: None, on_epoch)


def test_it_learns(tmp_path: Path) -> None:
    history = train(assemble(tmp_path), Pace(60, None, 20))
    assert history[-1].train_loss < 0.6 * history[0].train_loss
    assert history[-1].val_dice > 0.9
    assert history[-1].step == 60


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_an_interrupted_run_ends_with_the_same_weights(tmp_path: Path, optimiser: str) -> None:
    whole = assemble(tmp_path / "whole", optimiser=optimiser)
    expected = train(whole, Pace(24, None, 6))
    with pytest.raises(KeyboardInterrupt):
        train(assemble(tmp_path / "cut", optimiser=optimiser), Pace(24, None, 6), stop_after=2)
    resumed = assemble(tmp_path / "cut", optimiser=optimiser)
    history = train(resumed, Pace(24, None, 6))
    assert [r.step for r in history] == [r.step for r in expected]
    assert [r.train_loss for r in history] == [r.train_loss for r in expected]
    for key, value in whole.average.network.state_dict().items():
        assert torch.equal(value, resumed.average.network.state_dict()[key]), key


def test_a_torn_checkpoint_falls_back_to_the_one_before(tmp_path: Path) -> None:
    whole = assemble(tmp_path / "whole")
    train(whole, Pace(24, None, 6))
    with pytest.raises(KeyboardInterrupt):
        train(assemble(tmp_path / "cut"), Pace(24, None, 6), stop_after=3)
    newest = sorted((tmp_path / "cut").glob("epoch-*.pt"))[-1]
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    resumed = assemble(tmp_path / "cut")
    assert len(train(resumed, Pace(24, None, 6))) == 4
    for key, value in whole.average.network.state_dict().items():
        assert torch.equal(value, resumed.average.network.state_dict()[key]), key


def test_the_last_two_checkpoints_and_the_best_are_kept(tmp_path: Path) -> None:
    train(assemble(tmp_path), Pace(30, None, 5))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["best.pt", "epoch-00005.pt", "epoch-00006.pt"]


def test_a_full_disk_is_told_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = assemble(tmp_path)
    train(parts, Pace(6, None, 6))
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("modicum.training.checkpoint.os.fsync", full)
    with pytest.raises(ModicumError, match=r"No space left.*Free some disk space"):
        train(assemble(tmp_path), Pace(12, None, 6))
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@patiently
def test_a_budget_is_kept(tmp_path: Path) -> None:
    parts = assemble(tmp_path)  # imports what is slow to import
    start = time.monotonic()
    history = train(parts, Pace(None, 3.0, 2), Squares(slow=0.01))
    took = time.monotonic() - start
    assert 2.4 < took < 3.8
    assert history[-1].learning_rate < 0.1 * max(r.learning_rate for r in history)  # the schedule came to rest
    assert len(history) > 10


@patiently
def test_a_budget_holds_when_the_machine_slows_down(tmp_path: Path) -> None:
    source = Squares(slow=0.002)

    def slower(pace: Pace, loss: float) -> None:
        if pace.elapsed > 1.0:
            source.slow = 0.05

    parts, start = assemble(tmp_path), time.monotonic()
    looks = validator([Squares().batch(10**6)], parts.loss, lambda network, images: network(images))
    history = fit(parts, partial(stream, source), looks, Pace(None, 4.0, 2), 0, slower, lambda r: None)
    assert time.monotonic() - start < 5.0
    assert history[-1].learning_rate < 0.1 * max(r.learning_rate for r in history)


@patiently
def test_a_budget_too_short_for_the_least_steps_is_refused_before_it_is_spent(tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(ModicumError, match=r"too short.*Give at least --budget"):
        train(assemble(tmp_path), Pace(None, 12.0, 100_000), Squares(slow=0.5))
    assert time.monotonic() - start < 6.0


@patiently
def test_a_training_that_slows_down_in_its_first_epoch_ends_in_time_with_a_checkpoint(tmp_path: Path) -> None:
    source = Squares(slow=0.002)

    def slower(pace: Pace, loss: float) -> None:
        if pace.increment > 0:  # the budget was found to suffice
            source.slow = 0.2

    parts, start = assemble(tmp_path), time.monotonic()
    looks = validator([Squares().batch(10**6)], parts.loss, lambda network, images: network(images))
    history = fit(parts, partial(stream, source), looks, Pace(None, 3.0, 25), 0, slower, lambda r: None)
    assert time.monotonic() - start < 5.0
    assert len(history) == 1
    assert history[0].step < 25  # not even one round, and told by the doctor, not by an error
    assert parts.checkpoints.latest() is not None


class Scaled(MixedPrecision):
    """The loss scaler of float16, with the arithmetic of float32: what it does can be compared with doing without it."""

    def __init__(self, scale: float) -> None:
        super().__init__("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=scale))

    def forward_context(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def convert_input(self, data: object) -> object:
        return data


def test_a_scaled_loss_is_trained_and_clipped_as_an_unscaled_one(tmp_path: Path) -> None:
    plain = train(assemble(tmp_path / "plain"), Pace(12, None, 6))
    scaled = train(assemble(tmp_path / "scaled", precision=Scaled(2.0**10)), Pace(12, None, 6))
    assert [r.gradient_norm for r in scaled] == pytest.approx([r.gradient_norm for r in plain], rel=1e-3)
    assert [r.train_loss for r in scaled] == pytest.approx([r.train_loss for r in plain], rel=1e-3)


def overflowing(folder: Path) -> Parts:
    """The first steps overflow: a loss of about a thousand at the largest scale that float32 holds."""
    parts = assemble(folder, precision=Scaled(2.0**127))
    return replace(parts, loss=lambda logits, target: 1000 * parts.loss(logits, target))


def test_gradients_that_overflow_are_the_scalers_business(tmp_path: Path) -> None:
    parts = overflowing(tmp_path)
    history = train(parts, Pace(40, None, 20))
    assert 2.0**110 < parts.fabric.strategy.precision.state_dict()["scale"] < 2.0**127
    assert history[-1].train_loss < history[0].train_loss
    assert all(math.isfinite(r.train_loss) for r in history)

    class Broken(Squares):
        def batch(self, step: int) -> Batch:
            return Batch(super().batch(step).images * float("nan"), super().batch(step).target)

    with pytest.raises(ModicumError, match="left the rails"):
        train(assemble(tmp_path / "nan", precision=Scaled(2.0)), Pace(10, None, 5), Broken())


def test_a_resumed_run_has_the_scale_that_it_had(tmp_path: Path) -> None:
    whole = overflowing(tmp_path / "whole")
    expected = train(whole, Pace(24, None, 6))
    with pytest.raises(KeyboardInterrupt):
        train(overflowing(tmp_path / "cut"), Pace(24, None, 6), stop_after=2)
    resumed = overflowing(tmp_path / "cut")
    assert [r.train_loss for r in train(resumed, Pace(24, None, 6))] == [r.train_loss for r in expected]
    assert resumed.fabric.strategy.precision.state_dict() == whole.fabric.strategy.precision.state_dict()


def test_a_loss_that_is_no_number_ends_in_words(tmp_path: Path) -> None:
    class Broken(Squares):
        def batch(self, step: int) -> Batch:
            batch = super().batch(step)
            return Batch(batch.images * float("nan"), batch.target)

    with pytest.raises(ModicumError, match="left the rails"):
        train(assemble(tmp_path), Pace(10, None, 5), Broken())


def test_a_batch_norm_of_a_single_value_ends_in_words(tmp_path: Path) -> None:
    class Single(Squares):
        def batch(self, step: int) -> Batch:
            batch = super().batch(step)
            return Batch(batch.images[:1], batch.target[:1])

    deep = assemble(tmp_path, network={"name": "unet", "encoder": {"widths": [4, 4, 4, 4, 4]}})
    with pytest.raises(ModicumError, match="batch norm") as refused:
        train(deep, Pace(10, None, 5), Single())
    assert "fit.batch_size=2" in str(refused.value)


def test_patience_ends_a_training_that_no_longer_improves(tmp_path: Path) -> None:
    parts = assemble(tmp_path, rate=1e-12)
    history = train(Parts(**{**parts.__dict__, "patience": 3}), Pace(100, None, 2))
    assert 3 < len(history) < 100
    best = min(history, key=lambda r: r.val_loss)
    assert len(history) - best.epoch == 3


def test_workers_give_the_same_batches_and_show_their_errors() -> None:
    inline: Iterator[Batch] = stream(Squares(), 3)
    with_workers = stream(Squares(), 3, workers=2)
    for _ in range(4):
        assert torch.equal(next(inline).images, next(with_workers).images)
    with pytest.raises(ValueError, match="broken on purpose"):
        list(stream(Squares(fail_at=2), 0, workers=1))


class Killed(Squares):
    """A worker that is killed, as the system does when memory runs out."""

    def batch(self, step: int) -> Batch:
        import os
        import signal

        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def test_a_killed_worker_is_told() -> None:
    with pytest.raises(ModicumError, match=r"worker process.*fit\.workers=0"):
        next(stream(Killed(), 0, workers=1))


def test_averaged_weights_follow_their_formula() -> None:
    network = torch.nn.Linear(1, 1, bias=False)
    average = AveragedWeights(network, 0.5)
    expected = network.weight.item()
    for step in range(5):
        with torch.no_grad():
            network.weight += 1.0
        average.update(network, step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * network.weight.item()
    assert average.network.weight.item() == pytest.approx(expected, rel=1e-5)


def test_a_frozen_encoder_learns_nothing_until_it_thaws(tmp_path: Path) -> None:
    parts = assemble(tmp_path, tuning=Tuning(frozen=0.5))
    begun, out = encoder_weights(parts), parts.network.out.weight.detach().clone()
    with pytest.raises(KeyboardInterrupt):
        train(parts, Pace(40, None, 10), stop_after=2)
    assert all(torch.equal(a, b) for a, b in zip(begun, encoder_weights(parts), strict=True))
    assert not torch.equal(parts.network.out.weight, out)


def test_a_thawed_encoder_learns(tmp_path: Path) -> None:
    parts = assemble(tmp_path, tuning=Tuning(frozen=0.5))
    begun = encoder_weights(parts)
    train(parts, Pace(40, None, 10))
    assert not any(torch.equal(a, b) for a, b in zip(begun, encoder_weights(parts), strict=True))


def test_the_encoder_may_learn_more_slowly(tmp_path: Path) -> None:
    moved = []
    for rate in (1.0, 0.1):
        parts = assemble(tmp_path / str(rate), tuning=Tuning(rate=rate))
        begun = encoder_weights(parts)
        train(parts, Pace(5, None, 5))
        moved.append(sum(float((a - b).abs().mean()) for a, b in zip(begun, encoder_weights(parts), strict=True)))
    assert 0 < moved[1] < 0.3 * moved[0]


def test_frozen_batch_norms_keep_statistics_and_weights(tmp_path: Path) -> None:
    parts = assemble(tmp_path, tuning=Tuning(norm_frozen=True))
    encoder = encoders(parts.network)[0]
    norm, convolution = encoder.down[0][1], encoder.down[0][0].weight.detach().clone()
    begun = {k: v.clone() for k, v in norm.state_dict().items()}
    train(parts, Pace(5, None, 5))
    assert all(torch.equal(v, begun[k]) for k, v in norm.state_dict().items())
    assert not torch.equal(encoder.down[0][0].weight, convolution)


def test_every_answer_of_a_network_is_supervised(tmp_path: Path) -> None:
    parts = assemble(tmp_path, network={"name": "wnet", "widths": [4, 8]})
    train(parts, Pace(60, None, 20))
    batch = Squares().batch(10**6)
    network = parts.average.network.train()
    with torch.no_grad():
        both = network(batch.images)
    for answer in both.split(1, dim=1):
        assert float(((answer[:, 0] > 0) == (batch.target > 0)).float().mean()) > 0.9


def encoder_weights(parts: Parts) -> list[torch.Tensor]:
    """Copies of the convolutions' weights."""
    weights = (p for e in encoders(parts.network) for p in e.parameters() if p.dim() == 4)
    return [w.detach().clone() for w in weights]


class WithItsOwnLoss(nn.Module):
    """As Mask R-CNN: what it learns is not what its answer is compared with."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = NETWORKS.build({"name": "unet", "encoder": {"widths": [4, 8]}}, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert not self.training, "in training its cost is asked for"
        return self.inner(x)

    def cost(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return nn.functional.binary_cross_entropy_with_logits(self.inner(x)[:, 0], target.float())


def test_a_network_may_have_a_loss_of_its_own(tmp_path: Path) -> None:
    parts = assemble(tmp_path)
    torch.manual_seed(0)
    network = WithItsOwnLoss()
    fabric = COMPUTE.fabric()
    wrapped, optimiser = fabric.setup(network, OPTIMISERS.build("adamw", Tuning().groups(network), 1e-2))
    wrapped.mark_forward_method("cost")
    parts = replace(parts, fabric=fabric, network=wrapped, optimiser=optimiser, average=AveragedWeights(network, 0.9))
    history = train(parts, Pace(60, None, 20))
    assert history[-1].val_dice > 0.9
