"""A tiny data set and a run on it, shared by the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

import modicum as md
from discs import TINY, write_discs
from modicum.runs.train import Run


@pytest.fixture(scope="session")
def discs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_discs(tmp_path_factory.mktemp("dåta with space") / "discs", 14)


@pytest.fixture(scope="session")
def finished(discs: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A short run on the discs."""
    return md.train(discs, tmp_path_factory.mktemp("runs") / "rün 1", recipe="small-whole", changes=TINY)
