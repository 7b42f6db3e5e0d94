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
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import IO, Any

import modicum
from modicum.bundle import file_of
from modicum.datasets.case import Dataset, Split
from modicum.datasets.inputs import expand
from modicum.errors import ModicumError
from modicum.evaluation.statistics import without_nan
from modicum.images.digest import digest
from modicum.recipes import Recipe, dump
from modicum.recipes.localisers import LOCALISERS
from modicum.starts import STARTS
from modicum.training.loop import EpochRecord

_BEGINNINGS = (".lock", "recipe.yaml", "environment.json", "split.csv", "identity.json")  # of a run killed at once


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

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *exception: object) -> None:
        """Others may use the folder from now on."""
        self._lock.close()

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

    def claim(self, dataset: Dataset, recipes: Sequence[Recipe], splits: Sequence[Split]) -> bool:
        """Make the folder this run's own; True when it already was, so that the run goes on where it stopped.

        Args:
            recipes: the planned one, and all others that this run may choose.
        """
        files = _named_files(recipes)
        identity = {
            "data": _data_identity(dataset, splits, _used_unlabelled(dataset, recipes[0])),
            "recipe": hashlib.sha256("".join(map(dump, recipes)).encode()).hexdigest(),
            "files": files,
        }
        marker = self.path / "identity.json"
        if marker.exists():
            theirs = _read_identity(marker)
            if theirs["data"] != identity["data"]:
                raise ModicumError(
                    "this run folder belongs to other data, or the data, their labels or their split have changed.",
                    file=self.path,
                    remedy="Give another folder with --out; two runs never share one.",
                )
            if theirs["recipe"] != identity["recipe"]:
                raise ModicumError(
                    "this run folder was begun with another recipe (see its recipe.yaml).",
                    file=self.path,
                    remedy="Give another folder with --out, or repeat the command as it was to go on.",
                )
            if changed := [name for name, content in files.items() if _differ(content, theirs["files"].get(name))]:
                raise ModicumError(
                    f"this file, which the recipe names, has changed since the run in {self.path} was begun.",
                    file=changed[0],
                    remedy="Give another folder with --out.",
                )
            return True
        if gone := [name for name, content in files.items() if not content]:
            raise ModicumError("there is no such file, and the recipe names it.", file=gone[0], remedy="Check the path.")
        if any(p.name.removesuffix(".unfinished") not in _BEGINNINGS for p in self.path.iterdir()):
            raise ModicumError(
                "the folder is not empty and is no run of Modicum.", file=self.path, remedy="Choose another with --out."
            )
        self.write("recipe.yaml", dump(recipes[0]))
        self.write_json("environment.json", {**environment(recipes[0].seed), "started": now()})
        self._write_splits(splits)
        self.write_json("identity.json", identity)
        return False

    def environment(self) -> dict[str, Any]:
        """What the run was begun with, and when; {} where its file cannot be read."""
        try:
            found: dict[str, Any] = json.loads((self.path / "environment.json").read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found

    def write(self, name: str, text: str) -> None:
        """A file of the folder, whole or not at all."""
        path = self.path / name
        unfinished = path.with_name(path.name + ".unfinished")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_text(text, "utf-8")
            unfinished.replace(path)
        except OSError as error:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise ModicumError(
                f"the file cannot be written ({error.strerror}).", file=path, remedy="Check disk space and permissions."
            ) from error

    def write_json(self, name: str, values: Any) -> None:
        """JSON with NaN and infinity written as null."""
        self.write(name, json.dumps(without_nan(values), indent=1, ensure_ascii=False, default=str, allow_nan=False) + "\n")

    def write_metrics(self, part: str, history: Iterable[EpochRecord]) -> None:
        """metrics.csv of one training: a line for each epoch."""
        rows = [flat(r) for r in history]
        lines = [",".join(rows[0])] + [",".join(f"{v:.6g}" for v in r.values()) for r in rows]
        self.write(f"{part}metrics.csv", "\n".join(lines) + "\n")

    def log(self, event: str) -> None:
        """A line in the events log, with the time."""
        path = self.path / "events.log"
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {event}\n")
        except OSError as error:
            raise ModicumError(f"the log cannot be written ({error.strerror}).", file=path) from error

    def _write_splits(self, splits: Sequence[Split]) -> None:
        text = StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["fold", "part", "case"])
        for fold, split in enumerate(splits, 1):
            for part in ("train", "val", "test"):
                writer.writerows((fold, part, case) for case in getattr(split, part))
        self.write("split.csv", text.getvalue())


def flat(record: EpochRecord) -> dict[str, float]:
    """A record with a column for each class of which unlabelled pictures taught."""
    values = asdict(record)
    return values | {f"sure_{number}": share for number, share in enumerate(values.pop("sure"))}


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
    }


def now() -> str:
    """Date, time and zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S %z")


def _read_identity(marker: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(marker.read_text("utf-8"))
        return {"data": found["data"], "recipe": found["recipe"], "files": dict(found.get("files", {}))}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModicumError(
            f"the run folder is damaged ({error}).", file=marker, remedy="Begin anew in another folder with --out."
        ) from error


def _used_unlabelled(dataset: Dataset, recipe: Recipe) -> list[str]:
    """The content of every unlabelled picture that a recipe may learn from."""
    pretext, taught = STARTS.build(recipe.start).pretext, recipe.taught_by
    if pretext is None and taught.unlabelled is None:
        return []
    folders = {f for f in (taught.folder, pretext.folder if pretext else None) if f is not None}
    files = [*(c.image for c in dataset.unlabelled), *(path for f in folders for path in expand([f]))]
    return sorted(digest(path) for path in files)


def _named_files(recipes: Sequence[Recipe]) -> dict[str, str]:
    """The content of each file that recipes name: weights to begin with, a localiser, a teacher; "" of one that is gone."""
    names: set[str | None] = set()
    for recipe in recipes:
        names |= {STARTS.build(recipe.start).file, recipe.taught_by.teacher}
        names |= {LOCALISERS.build(recipe.localiser).bundle} if recipe.localiser else set()
    return {name: digest(file_of(Path(name))) for name in sorted(filter(None, names))}


def _differ(content: str, other: str | None) -> bool:
    """Whether both are known, and not the same."""
    return bool(content and other) and content != other


def _data_identity(dataset: Dataset, splits: Sequence[Split], unlabelled: Sequence[str]) -> str:
    """Of the files' content, what the labels mean, patients and split; not of the place, so that a data set may move."""
    whole = hashlib.sha256(repr((dataset.classes, dataset.code)).encode())
    if dataset.code.unmarked is not None:
        whole.update(repr((dataset.code.unmarked, dataset.code.ground)).encode())
    for case in sorted(dataset.labelled, key=lambda c: c.id):
        files = [digest(p) for p in (case.image, *case.labels, case.field_of_view) if p is not None]
        whole.update(repr((case.id, case.patient, files)).encode())
    if unlabelled:
        whole.update(repr(unlabelled).encode())
    for split in splits:
        whole.update(repr((sorted(split.train), sorted(split.val), sorted(split.test))).encode())
    return whole.hexdigest()


def _locked(path: Path) -> IO[str]:
    """Hold a lock until the file is closed, or this process ends."""
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
