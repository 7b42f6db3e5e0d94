"""Nothing slow or heavy at import: the command line answers at once."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

TRAINING = ("lightning_fabric", "torch._dynamo")  # of use to trainings alone
HEAVY = ("torch", "torchvision", "monai", "lightning_fabric", "sklearn", "skimage", "matplotlib", "pandas")


@pytest.mark.parametrize(
    ("module", "heavy"),
    [("modicum", HEAVY), ("modicum.cli", HEAVY), ("modicum.recipes", TRAINING), ("modicum.runs.predicting", TRAINING)],
)
def test_import_pulls_in_nothing_heavy(module: str, heavy: tuple[str, ...]) -> None:
    script = f"import sys, {module}; print(*(name for name in {heavy!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"import {module} failed:\n{done.stderr}"
    assert done.stdout.split() == [], f"import {module} pulls in {done.stdout.strip()}"


def test_help_answers_in_under_300_ms() -> None:
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", "modicum", "--help"], capture_output=True, text=True, check=False)
        seconds.append(time.perf_counter() - start)
        assert done.returncode == 0, f"modicum --help failed:\n{done.stderr}"
    assert "train" in done.stdout
    assert min(seconds) < 0.3, f"modicum --help took {min(seconds):.2f} s at best of 5"
