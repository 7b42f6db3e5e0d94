"""Checkpoints: written whole or not at all, the last two and the best; a damaged one falls back to the one before."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from modicum.errors import ModicumError

State = dict[str, Any]  # tensors, numbers, strings, and dicts and lists of them


class Checkpoints:
    """The checkpoints of one run, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, state: State, epoch: int, *, best: bool) -> None:
        """Write the state after an epoch; keep the last two.

        Raises:
            ModicumError: the disk is full or cannot be written; earlier checkpoints are untouched.
        """
        if best:  # first: what the newest epoch calls the best is then always there, wherever the writing breaks off
            self._write(state, self.folder / "best.pt")
        self._write(state, self._path(epoch))
        for old in self._found()[2:]:
            old.unlink(missing_ok=True)

    def latest(self) -> State | None:
        """The newest state that can be read, or None where there is none."""
        for path in self._found():
            state = self._read(path)
            if state is not None:
                return state
        return None

    def best(self) -> State | None:
        """The best state so far, or None."""
        path = self.folder / "best.pt"
        return self._read(path) if path.exists() else None

    def _path(self, epoch: int) -> Path:
        return self.folder / f"epoch-{epoch:05d}.pt"

    def _found(self) -> list[Path]:
        return sorted(self.folder.glob("epoch-*.pt"), reverse=True)

    def _read(self, path: Path) -> State | None:
        try:
            state: State = torch.load(path, map_location="cpu", weights_only=True)
        except Exception:  # a torn file can fail in many ways; the one before it serves
            return None
        return state

    def _write(self, state: State, path: Path) -> None:
        unfinished = path.with_suffix(".unfinished")
        try:
            with unfinished.open("wb") as file:
                torch.save(state, file)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except (OSError, RuntimeError) as error:
            unfinished.unlink(missing_ok=True)
            if isinstance(error.__context__, KeyboardInterrupt):  # Ctrl-C inside `torch.save`, which hides it
                raise error.__context__ from None
            raise ModicumError(
                f"the checkpoint could not be written ({error}).",
                file=path,
                remedy="Free some disk space and start the same command again: it goes on from the last checkpoint.",
            ) from error
