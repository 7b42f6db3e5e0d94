"""Labels that a network contradicts early in its training, before it learns them by heart.

Networks learn what most labels say first and single wrong ones late (Arpit et al. 2017, arXiv:1706.05394): early on, a wrongly
labelled picture stands far below the others. So does a rare one that is rightly labelled: a person must look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch

from modicum.errors import Finding
from modicum.training.batches import Batch

_GOOD = 0.6  # median from which on a network can contradict
_FAR, _SPREADS = 0.3, 5.0  # below the median
_FEWEST = 5  # pictures


def agreement(logits: torch.Tensor, batch: Batch) -> npt.NDArray[np.float64]:
    """Dice of all foreground together, of each picture (N,) with the network's answer; nan where there is none."""
    target = batch.target.to(logits.device)
    answer = (logits[:, 0] > 0).to(target.dtype) if logits.shape[1] == 1 else logits.argmax(1).to(target.dtype)
    counts = torch.ones_like(target, dtype=torch.bool) if batch.valid is None else batch.valid.to(logits.device)
    there = ((target > 0) & counts).flatten(1).any(1)
    both = ((answer == target) & (target > 0) & counts).flatten(1).sum(1)
    either = ((answer > 0) & counts).flatten(1).sum(1) + ((target > 0) & counts).flatten(1).sum(1)
    return np.asarray(torch.where(there, 2 * both / either.clamp_min(1), torch.nan).double().cpu())


def doubtful(dice: Mapping[str, float]) -> list[str]:
    """The cases whose label the network contradicts: far below the others, when those are mostly right.

    Far is .3, and five robust standard deviations (1.4826 times the median absolute deviation), below the median.
    """
    if len(dice) < _FEWEST:
        return []
    values = np.array(list(dice.values()))
    median = float(np.median(values))
    if median < _GOOD:
        return []
    spread = 1.4826 * float(np.median(np.abs(values - median)))
    return sorted((c for c, d in dice.items() if d < median - max(_FAR, _SPREADS * spread)), key=lambda c: dice[c])


def doubts(dice: Mapping[str, float], files: Mapping[str, Sequence[str]]) -> list[Finding]:
    """A warning for each label that seems wrong.

    Args:
        dice: of each training case with the network's answer early in the training.
        files: of the label of each case.
    """
    others = float(np.median(list(dice.values()))) if dice else 0.0
    return [
        Finding(
            "warning",
            "doubtful-label",
            f"early in the training, when the other training pictures were answered with Dice {others:.2f}, this one had "
            f"{dice[case]:.2f}: its label is wrong, or it is unlike all the others.",
            file=next(iter(files.get(case, ())), case),
            remedy=f"Look at it. A right label of a rare picture is worth keeping; a wrong one should be mended or left out: "
            f"--set 'data.leave_out=[\"{case}\"]'",
        )
        for case in doubtful(dice)
    ]
