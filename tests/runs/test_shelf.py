"""Pictures that are too many for the memory are the same pictures."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch

import modicum as md
from discs import TINY
from modicum.runs import shelf
from modicum.runs.train import Run
from modicum.views import TrainingPicture


def pictures(count: int) -> list[TrainingPicture]:
    rng = np.random.default_rng(0)
    found = []
    for n in range(count):
        height, width = rng.integers(1, 9, 2)
        label = rng.integers(0, 2, (height, width)).astype(np.uint8)
        image = rng.integers(0, 255, (height, width, 3)).astype(np.uint8)[:, ::-1]  # not in the order of memory
        found.append(TrainingPicture(str(n), image, label, label if n % 2 else None))
    return found


@pytest.mark.parametrize("block", [1, 2**28])
def test_they_come_back_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(shelf, "_BLOCK", block)
    for before, after in zip(pictures(20), shelf.shelved(pictures(20), tmp_path), strict=True):
        assert before.case_id == after.case_id
        assert np.array_equal(before.image, after.image)
        assert np.array_equal(before.label, after.label)
        assert (before.valid is None) == (after.valid is None)
        assert before.valid is None or np.array_equal(before.valid, after.valid)  # type: ignore[arg-type]
        assert after.image.flags.writeable == (block == 2**28), "what lies in a file is not written to"
    assert not [*tmp_path.iterdir()]


def test_a_training_is_the_same(discs: Path, finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "_BLOCK", 1)
    run = md.train(discs, tmp_path / "run", recipe="small-whole", changes=TINY)
    weights = finished.bundle.weights
    assert all(torch.equal(weights[name], found) for name, found in run.bundle.weights.items())


def test_several_pictures_share_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "_BLOCK", 500)
    for before, after in zip(pictures(20), shelf.shelved(pictures(20), tmp_path), strict=True):
        assert np.array_equal(before.image, after.image)
        assert np.array_equal(before.label, after.label)


def test_without_room_they_stay_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(dir: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shelf, "_BLOCK", 1)
    monkeypatch.setattr(shelf, "TemporaryFile", full)
    assert len(shelf.shelved(pictures(3), tmp_path)) == 3
    assert "no room" in "".join(capsys.readouterr())
