"""Looks at the training pictures early in a training, by which doubtful labels are found."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from torch import nn

from modicum.runs.folder import RunFolder
from modicum.supervision.labelled import LabelledPictures
from modicum.training.doubts import agreement

_FROM, _TO = 0.1, 0.5  # of the training
_MOST = 32  # pictures after each epoch
_COLUMNS = ["epoch", "case", "dice"]


class EarlyLook:
    """Dice of training pictures with the averaged network's answers in the first half of a training; kept in `early.csv`."""

    def __init__(
        self,
        folder: RunFolder,
        part: str,
        source: LabelledPictures,
        forward: Callable[[nn.Module, torch.Tensor], torch.Tensor],
    ) -> None:
        self._folder, self._name, self._source, self._forward = folder, f"{part}early.csv", source, forward

    @property
    def dice(self) -> dict[str, float]:
        """Of each case that was seen, its looks averaged."""
        return {str(case): float(dice) for case, dice in self._table.groupby("case")["dice"].mean().items()}

    @torch.no_grad()
    def take(self, network: nn.Module, progress: float, epoch: int) -> None:
        """Look at the next few pictures at the end of an epoch, at this progress (0 to 1) of the training.

        An epoch that is made again takes the place of what it was before.
        """
        if not _FROM <= progress <= _TO:
            return
        table, size = self._table, self._source.batch_size
        batches = -(-min(_MOST, len(self._source.pictures)) // size)
        rows = table[table["epoch"] != epoch].to_dict("records")
        for step in range(epoch * batches, (epoch + 1) * batches):
            batch = self._source.batch(step)
            found = agreement(self._forward(network, batch.images).float(), batch)
            for case, dice in zip(self._source.shown(step), found, strict=True):
                if not np.isnan(dice):  # nothing is there, and a single pixel found would be a Dice of 0
                    rows.append({"epoch": epoch, "case": case, "dice": float(dice)})
        self._folder.write(self._name, pd.DataFrame(rows, columns=_COLUMNS).to_csv(index=False))

    @property
    def _table(self) -> pd.DataFrame:
        """A row for every look."""
        path = self._folder.path / self._name
        return (pd.read_csv(path, dtype={"case": str}) if path.exists() else pd.DataFrame()).reindex(columns=_COLUMNS)
