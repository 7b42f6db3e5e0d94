"""`modicum demo`: the main job on synthetic pictures or volumes, nothing to download."""

from __future__ import annotations

import json
from pathlib import Path

from modicum.bundle import Bundle
from modicum.console import bar
from modicum.datasets.ct_phantoms import write_ct_dataset
from modicum.datasets.phantoms import write_fundus_dataset
from modicum.runs.predicting import predict
from modicum.runs.train import Run, train


def demo(out: Path, budget: str | float, *, count: int = 40, size: int = 256) -> tuple[Run, tuple[Path, ...]]:
    """Grow fundus phantoms, train, test on held-out ones, predict a folder.

    Returns:
        the run (in `out/run`) and the masks written for the pictures of `out/new`.
    """
    data, new = out / "data", out / "new"
    with bar(f"Growing {count} synthetic fundus pictures", count) as progress:
        write_fundus_dataset(data, count=count, size=size, seed=0, progress=lambda done, total: progress.update(done, total))
        write_fundus_dataset(new, count=4, size=size, seed=1)
    return _finished(out, train(data, out / "run", budget=budget))


def demo_ct(out: Path, budget: str | float, *, count: int = 12, size: int = 128) -> tuple[Run, tuple[Path, ...]]:
    """Likewise with synthetic chest CT: the fat about the heart, by way of its sac; every third patient is for testing."""
    data, new = out / "data", out / "new"
    with bar(f"Growing {count} synthetic chest CT", count) as progress:
        write_ct_dataset(data, count=count, size=size, seed=0, progress=lambda done, total: progress.update(done, total))
        write_ct_dataset(new, count=2, size=size, seed=1)
    parts: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for number in range(count):
        parts["test" if number % 3 == 2 else "val" if number % 6 == 1 else "train"].append(f"patient{number:02d}")
    (data / "split.json").write_text(json.dumps(parts))
    return _finished(out, train(data, out / "run", recipe="small-eat", budget=budget))


def _finished(out: Path, run: Run) -> tuple[Run, tuple[Path, ...]]:
    bundle = Bundle.load(run.folder / "model.modicum")
    return run, predict(bundle, [str(out / "new" / "images")], out / "masks", overlays=True).written
