"""The run folder: one experiment, complete and readable, never shared by two."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import modicum
from modicum.datasets.case import Dataset, Split
from modicum.errors import ModicumError
from modicum.recipes import Recipe, dump
from modicum.training.loop import EpochRecord


class RunFolder:
    """Paths and writers of one run.

    Raises:
        ModicumError: the folder cannot be written, belongs to other data or another recipe, or is in use.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(path / ".lock")
        except OSError as error:
            raise ModicumError(
                f"the run folder cannot be written ({error.strerror}).",
                file=path,
                remedy="Choose another place with --out.",
            ) from error

    @property
    def bundle(self) -> Path:
        return self.path / "model.modicum"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def summary(self) -> Path:
        return self.path / "summary.json"

    @property
    def predictions(self) -> Path:
        return self.path / "predictions"

    def claim(self, dataset: Dataset, recipe: Recipe, splits: Sequence[Split]) -> bool:
        """Make the folder this run's own; True when it already was, so that the run goes on where it stopped."""
        identity = {
            "data": _data_identity(dataset, splits),
            "recipe": hashlib.sha256(dump(recipe).encode()).hexdigest(),
        }
        marker = self.path / "identity.json"
        if marker.exists():
            theirs = json.loads(marker.read_text("utf-8"))
            if theirs["data"] != identity["data"]:
                raise ModicumError(
                    "this run folder belongs to other data (or to another split of them).",
                    file=self.path,
                    remedy="Give another folder with --out; two runs never share one.",
                )
            if theirs["recipe"] != identity["recipe"]:
                raise ModicumError(
                    "this run folder was begun with another recipe (see its recipe.yaml).",
                    file=self.path,
                    remedy="Give another folder with --out, or repeat the command as it was to go on.",
                )
            return True
        if any(p.name != ".lock" for p in self.path.iterdir()):
            raise ModicumError(
                "the folder is not empty and is no run of Modicum.", file=self.path, remedy="Choose another with --out."
            )
        self.write("recipe.yaml", dump(recipe))
        self.write_json("environment.json", environment(recipe.seed))
        self._write_splits(splits)
        self.write_json("identity.json", identity)
        return False

    def write(self, name: str, text: str) -> None:
        """A file of the folder, whole or not at all."""
        path = self.path / name
        unfinished = path.with_name(path.name + ".unfinished")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_text(text, "utf-8")
            unfinished.replace(path)
        except OSError as error:
            raise ModicumError(
                f"the file cannot be written ({error.strerror}).", file=path, remedy="Check disk space and permissions."
            ) from error

    def write_json(self, name: str, values: Any) -> None:
        """JSON with NaN written as null."""
        self.write(name, json.dumps(values, indent=1, ensure_ascii=False, default=str, allow_nan=False) + "\n")

    def write_metrics(self, part: str, history: Iterable[EpochRecord]) -> None:
        """metrics.csv of one training: a line for each epoch."""
        rows = [asdict(r) for r in history]
        lines = [",".join(rows[0])] + [",".join(f"{v:.6g}" for v in r.values()) for r in rows]
        self.write(f"{part}metrics.csv", "\n".join(lines) + "\n")

    def log(self, event: str) -> None:
        """A line in the events log, with the time."""
        with (self.path / "events.log").open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {event}\n")

    def _write_splits(self, splits: Sequence[Split]) -> None:
        with (self.path / "split.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["fold", "part", "case"])
            for fold, split in enumerate(splits, 1):
                for part in ("train", "val", "test"):
                    writer.writerows((fold, part, case) for case in getattr(split, part))


def environment(seed: int) -> dict[str, Any]:
    """What a run depends on besides data and recipe."""
    packages = ("torch", "monai", "numpy", "opencv-python-headless", "scikit-image", "lightning-fabric")
    return {
        "modicum": modicum.__version__,
        "python": platform.python_version(),
        **{p: version(p) for p in packages},
        "platform": platform.platform(),
        "cpu_cores": os.cpu_count(),
        "seed": seed,
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "started": time.strftime("%Y-%m-%d %H:%M:%S %z"),
    }


def _data_identity(dataset: Dataset, splits: Sequence[Split]) -> str:
    """Of names, sizes of files and the split; not of the place, so that a data set may move."""
    digest = hashlib.sha256()
    for case in sorted(dataset.labelled, key=lambda c: c.id):
        sizes = [p.stat().st_size for p in (case.image, *case.labels)]
        digest.update(f"{case.id} {sizes}\n".encode())
    for split in splits:
        digest.update(repr((sorted(split.train), sorted(split.val), sorted(split.test))).encode())
    return digest.hexdigest()


def _locked(path: Path) -> IO[str]:
    """Hold a lock for as long as this process lives."""
    file = path.open("w")
    try:
        import fcntl
    except ImportError:  # Windows: no lock, as elsewhere in this ecosystem
        return file
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ModicumError("another process is using this run folder.", file=path.parent) from None
    return file
