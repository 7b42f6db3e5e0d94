"""`modicum demo`: the main job on synthetic pictures, nothing to download."""

from __future__ import annotations

from pathlib import Path

from modicum.bundle import Bundle
from modicum.console import bar
from modicum.datasets.phantoms import write_fundus_dataset
from modicum.runs.predicting import predict
from modicum.runs.train import Run, train


def demo(out: Path, minutes: float, *, count: int = 40, size: int = 256) -> tuple[Run, tuple[Path, ...]]:
    """Grow fundus phantoms, train, test on held-out ones, predict a folder.

    Returns:
        the run (in `out/run`) and the masks written for the pictures of `out/new`.
    """
    data, new = out / "data", out / "new"
    with bar(f"Growing {count} synthetic fundus pictures", count) as progress:
        write_fundus_dataset(data, count=count, size=size, seed=0, progress=lambda done, total: progress.update(done, total))
        write_fundus_dataset(new, count=4, size=size, seed=1)
    run = train(data, out / "run", minutes=minutes)
    predicted = predict(Bundle.load(run.folder / "model.modicum"), [str(new / "images")], out / "masks", overlays=True)
    return run, predicted.written
