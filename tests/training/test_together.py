"""Two processes train what one does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import modicum as md
from discs import TINY, write_discs
from modicum.runs.folder import RunFolder

TWO = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "modicum", "train"]
# 3 and 2 pictures; a start with a loss of its own, labelled pictures alone, and unlabelled ones beside them
CHANGES = [*TINY, "fit.batch_size=5", "fit.epochs=3", "start=denoise"]


@pytest.fixture(scope="module")
def discs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_discs(tmp_path_factory.mktemp("together") / "discs", 16)
    for number in range(4):
        (folder / "labels" / f"case_{number:02d}.png").unlink()
    return folder


def together(discs: Path, out: Path, recipe: str, changes: list[str]) -> subprocess.CompletedProcess[str]:
    chosen = [part for change in changes for part in ("--set", change)]
    command = [*TWO, str(discs), "--out", str(out), "--recipe", recipe, *chosen]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, env={**os.environ, "OMP_NUM_THREADS": "1"})


def test_two_processes_go_on_with_what_one_began_and_make_its_weights(
    discs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(folder: RunFolder, part: str, history: list[object]) -> None:
        epochs.append(part)
        if len(epochs) == 3:  # the start is finished then, and two epochs of the next training
            raise KeyboardInterrupt

    epochs: list[str] = []

    expected = md.train(discs, tmp_path / "one", recipe="small-consistency", changes=CHANGES).bundle.weights
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(RunFolder, "write_metrics", stop)
        md.train(discs, tmp_path / "two", recipe="small-consistency", changes=CHANGES)
    done = together(discs, tmp_path / "two", "small-consistency", CHANGES)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Model:") == 1, "only one of them tells"
    weights = md.Bundle.load(tmp_path / "two" / "model.modicum").weights
    for key, value in expected.items():
        assert torch.allclose(value.float(), weights[key].float(), rtol=1e-3, atol=1e-4), key


def test_an_error_ends_all_of_them_with_its_words_once(discs: Path, tmp_path: Path) -> None:
    done = together(discs, tmp_path / "two", "small-whole", [*TINY, "fit.rate=1e30", "fit.precision=bf16-mixed"])
    assert done.returncode != 0
    assert done.stderr.count("the training left the rails") == 1, done.stderr
