"""What a loss is: a number for logits and class numbers."""

from __future__ import annotations

from collections.abc import Callable

import torch

from modicum.tables import Table

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(logits (N, C, ...) float32, class numbers (N, ...) integer) -> scalar.

C is 1 for one foreground class (sigmoid), otherwise background and K classes (softmax)."""

LOSSES: Table[Loss] = Table("loss")
OF_SHAPES = ("cldice", "boundary", "hausdorff", "weighted_ce", "heatmap")  # they look at where pixels lie, not only at each


def leave_out(logits: torch.Tensor, target: torch.Tensor, valid: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and target in which the pixels that do not count (`valid` (N, ...) false) are certain background.

    They then cost nothing, and no loss needs to know of them. In a mean over pixels, and in the balance of classes of
    `weighted_ce`, they are counted all the same, as background.
    """
    outside = ~valid
    certain = logits.new_full((logits.shape[1],), -20.0)
    if logits.shape[1] > 1:
        certain[0] = 20.0
    certain = certain.view(1, -1, *[1] * (logits.dim() - 2))
    return torch.where(outside.unsqueeze(1), certain, logits), target.masked_fill(outside, 0)
