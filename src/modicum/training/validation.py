"""The look at the validation pictures after each epoch: a fixed set of views, no randomness."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn

from modicum.losses import Loss, leave_out
from modicum.training.batches import Batch
from modicum.training.loop import Validation


def validator(
    batches: Sequence[Batch], loss: Loss, forward: Callable[[nn.Module, torch.Tensor], torch.Tensor]
) -> Callable[[nn.Module], Validation]:
    """A function from a network to what it reaches on these batches.

    Dice is that of all foreground classes together, pooled over all views: steadier than a mean over few pictures, and not
    the figure that a report gives.

    Args:
        forward: (network, images) -> logits, in the precision of the training.
    """

    @torch.no_grad()
    def look(network: nn.Module) -> Validation:
        losses, both, predicted, true, pixels = 0.0, 0, 0, 0, 0
        for batch in batches:
            logits = forward(network, batch.images).float()
            target = batch.target.to(logits.device)
            if batch.valid is not None:
                logits, target = leave_out(logits, target, batch.valid.to(logits.device))
            losses += float(loss(logits, target))
            answer = (logits[:, 0] > 0).to(target.dtype) if logits.shape[1] == 1 else logits.argmax(1)
            both += int(((answer == target) & (target > 0)).sum())
            predicted += int((answer > 0).sum())
            true += int((target > 0).sum())
            pixels += target.numel() if batch.valid is None else int(batch.valid.sum())
        dice = 2 * both / (predicted + true) if predicted + true else 1.0
        return Validation(losses / len(batches), dice, predicted / max(1, pixels), true / max(1, pixels))

    return look
