"""Batches, and how they reach the loop: in this process, or from worker processes whose errors are shown."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch.utils.data import DataLoader, Dataset

from modicum.errors import ModicumError


@dataclass(frozen=True)
class Looks:
    """Other pictures, without labels, each shown twice and moved alike."""

    weak: torch.Tensor  # (M, C, H, W)
    strong: torch.Tensor  # (M, C, H, W), other colours
    valid: torch.Tensor | None = None  # (M, H, W) bool: the pixels that count

    def to(self, device: torch.device) -> Looks:
        """The same on a device."""
        valid = None if self.valid is None else self.valid.to(device)
        return Looks(self.weak.to(device), self.strong.to(device), valid)


@dataclass(frozen=True)
class Batch:
    """What one step learns from."""

    images: torch.Tensor  # (N, C, H, W) float32, normalised
    target: torch.Tensor  # (N, H, W) uint8 class numbers
    valid: torch.Tensor | None = None  # (N, H, W) bool: the pixels that count
    unlabelled: Looks | None = None


class BatchSource(Protocol):
    """Where batches come from. A batch depends on nothing but its number, so any step can be made again."""

    def batch(self, step: int) -> Batch: ...


class _Numbered(Dataset[Batch]):
    def __init__(self, source: BatchSource) -> None:
        self.source = source

    def __getitem__(self, step: int) -> Batch:
        return self.source.batch(step)


def stream(source: BatchSource, start: int, workers: int = 0) -> Iterator[Batch]:
    """Batches from number `start` on, without end; the same ones whatever the number of workers.

    Raises:
        ModicumError: a worker process died (most often for want of memory).
    """
    if workers == 0:
        yield from (source.batch(step) for step in itertools.count(start))
    loader = DataLoader(_Numbered(source), batch_size=None, sampler=range(start, 2**40), num_workers=workers)
    try:
        yield from loader
    except RuntimeError as error:
        if "exited unexpectedly" not in str(error) and "killed by signal" not in str(error):
            raise
        raise ModicumError(
            f"a worker process that prepares pictures died ({error}).",
            remedy="Most often memory ran out: use --set fit.workers=0.",
        ) from error
