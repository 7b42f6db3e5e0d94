"""Batches from two sources: labelled pictures, and others beside them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from modicum.training.batches import Batch, BatchSource, Looks


@dataclass(frozen=True)
class Mixed:
    """Batches whose first pictures come from one source and whose others from a second one."""

    first: BatchSource
    second: BatchSource

    def batch(self, step: int) -> Batch:
        one, other = self.first.batch(step), self.second.batch(step)
        valid = None
        if one.valid is not None or other.valid is not None:
            valid = torch.cat([_counting(one), _counting(other)])
        return Batch(torch.cat([one.images, other.images]), torch.cat([one.target, other.target]), valid)


def _counting(batch: Batch) -> torch.Tensor:
    return batch.target.new_ones(batch.target.shape, dtype=torch.bool) if batch.valid is None else batch.valid


@dataclass(frozen=True)
class Beside:
    """Batches of one source, each with two looks at unlabelled pictures from two others that move them alike."""

    first: BatchSource
    weak: BatchSource
    strong: BatchSource

    def batch(self, step: int) -> Batch:
        weak, strong = self.weak.batch(step), self.strong.batch(step)
        return replace(self.first.batch(step), unlabelled=Looks(weak.images, strong.images, weak.valid))
