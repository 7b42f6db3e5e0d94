"""The training doctor: reads the course of a training and says in words what is wrong with it, with the evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch

from modicum.errors import Finding
from modicum.training.loop import EpochRecord

_ENOUGH_EPOCHS = 4  # before that nothing is said about the course, only about the predictions
_FEW_STEPS = 50


def diagnose(history: Sequence[EpochRecord], *, own_validation: bool, masks: bool = True, again: bool = False) -> list[Finding]:
    """Findings about the course of a training so far; empty when all looks well.

    Args:
        own_validation: validation pictures are others than the training pictures.
        again: it began with weights trained on these pictures before, so that the loss need not fall.
        masks: the network answers with masks, so that Dice and shares of pixels mean something.
    """
    if history and history[-1].step < _FEW_STEPS:
        return [
            Finding(
                "warning",
                "too-few-steps",
                f"only {history[-1].step} steps were made; the network has hardly begun to learn.",
                remedy="Give it a longer --budget, or a quieter machine.",
            )
        ]
    checks: list[Callable[[Sequence[EpochRecord]], Finding | None]] = [_one_answer] if history and masks else []
    if len(history) >= _ENOUGH_EPOCHS:
        checks += [] if again else [_not_falling, _rate_too_high]
        checks += [_no_better_than_chance] if masks else []
        checks += [_parting_ways] if own_validation else []
    return [finding for finding in (check(history) for check in checks) if finding is not None]


def rare_classes(targets: Iterable[torch.Tensor], classes: Sequence[str]) -> list[Finding]:
    """Classes that hardly ever appear in what the network is shown.

    Args:
        targets: class numbers (N, H, W) of some batches.
    """
    seen = torch.cat([torch.stack([(t == k + 1).flatten(1).any(1) for k in range(len(classes))], 1) for t in targets])
    findings = []
    for name, share in zip(classes, seen.float().mean(0).tolist(), strict=True):
        if share < 0.1:
            findings.append(
                Finding(
                    "warning",
                    "class-too-rare",
                    f"only {share:.0%} of the training views show anything of class '{name}'.",
                    remedy="Aim more patches at objects (--set view.foreground=0.9), or use larger views.",
                )
            )
    return findings


def _not_falling(history: Sequence[EpochRecord]) -> Finding | None:
    first, last = history[0].train_loss, _mean_of_last(history)
    if last < 0.97 * first:
        return None
    return Finding(
        "error",
        "not-learning",
        f"the training loss is not falling: {first:.4f} in the first epoch, {last:.4f} over the last "
        f"{_tail(history)} of {len(history)}; the network has learned nothing.",
        remedy="Check that the labels belong to these pictures (modicum inspect), then try a rate ten times "
        f"{'lower' if last > 1.02 * first else 'higher'} (it is {max(r.learning_rate for r in history):.2g}).",
    )


def _no_better_than_chance(history: Sequence[EpochRecord]) -> Finding | None:
    share, dice = history[-1].true_share, max(r.val_dice for r in history)
    blind = 2 * share / (1 + share)  # Dice of calling every pixel foreground
    if dice > blind + 0.05 * (1 - blind):
        return None
    return Finding(
        "error",
        "no-better-than-chance",
        f"after {len(history)} epochs the best Dice is {dice:.3f}, no better than calling every pixel foreground "
        f"({blind:.3f}).",
        remedy="Look at the pictures with their labels; train longer; try the loss dice_ce.",
    )


def _one_answer(history: Sequence[EpochRecord]) -> Finding | None:
    last = history[-1]
    if last.true_share > 0 and last.predicted_share < 0.02 * last.true_share:
        return Finding(
            "error",
            "all-empty",
            f"nearly all predictions are empty: {last.predicted_share:.2%} of the pixels are called foreground, "
            f"in truth {last.true_share:.2%}.",
            remedy="Use an overlap loss (--set fit.loss=dice_ce), train longer, or aim patches at objects.",
        )
    if last.predicted_share > 0.98 and last.true_share < 0.9:
        return Finding(
            "error",
            "all-full",
            f"nearly every pixel is called foreground ({last.predicted_share:.2%}), in truth {last.true_share:.2%}.",
            remedy="Check whether labels are inverted (modicum inspect); lower the rate.",
        )
    return None


def _parting_ways(history: Sequence[EpochRecord]) -> Finding | None:
    best = min(history, key=lambda r: r.val_loss)
    now = float(np.mean([r.val_loss for r in history[-3:]]))
    train = _mean_of_last(history)
    if best.epoch > 0.7 * len(history) or now < 1.25 * best.val_loss or train > 0.9 * best.train_loss:
        return None
    return Finding(
        "warning",
        "overfitting",
        f"training and validation part ways: since epoch {best.epoch} the validation loss rose from "
        f"{best.val_loss:.3f} to {now:.3f} while the training loss fell from {best.train_loss:.3f} to {train:.3f}.",
        remedy="Use --set fit.keep=best, stronger augmentation, or a smaller network; more labels help most.",
    )


def _rate_too_high(history: Sequence[EpochRecord]) -> Finding | None:
    losses = np.array([r.train_loss for r in history])
    jumps = np.diff(losses)
    restless = (jumps > 0.1 * losses[:-1]).mean()
    if restless < 0.25:
        return None
    return Finding(
        "warning",
        "rate-too-high",
        f"the training loss jumps: it rose by more than a tenth after {restless:.0%} of the epochs, median gradient norm "
        f"{float(np.median([r.gradient_norm for r in history])):.2g}; the learning rate "
        f"({max(r.learning_rate for r in history):.2g}) looks too high.",
        remedy="Divide it by three: --set fit.rate=...",
    )


def _tail(history: Sequence[EpochRecord]) -> int:
    return max(1, len(history) // 4)


def _mean_of_last(history: Sequence[EpochRecord]) -> float:
    return float(np.mean([r.train_loss for r in history[-_tail(history) :]]))
