"""Trainings that the page starts: processes of their own, which outlive the page and the server.

Each is `python -m modicum train` with a run folder in DATA/.modicum/runs. While it lives, the process holds a lock on a
file beside that folder; so a server that was started later knows what still runs, whatever the process's number says.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Literal

from modicum.errors import ModicumError
from modicum.web.files import write_text

State = Literal["running", "finished", "stopped"]

LONGEST = 24 * 60  # minutes
_FEW, _SHORT = 10, 5.0  # so few labels in so few minutes have two folds, so that the model itself has a third of the time
_SAID = 12  # lines of the output that are shown
_UNKNOWN: dict[str, Any] = {"recipe": "unknown", "minutes": 0, "labels": 0, "begun": "unknown"}


def recipes() -> list[str]:
    """Names of the recipes, `auto` first."""
    from modicum.recipes import names  # Torch comes with it

    return ["auto", *names()]


class Run:
    """One training: NUMBER/ (the run folder), NUMBER.json (what was asked for), NUMBER.log, NUMBER.lock."""

    def __init__(self, runs: Path, number: int) -> None:
        self.number = number
        self.folder = runs / str(number)
        self.wish = runs / f"{number}.json"
        self.log = runs / f"{number}.log"
        self.lock = runs / f"{number}.lock"

    @property
    def state(self) -> State:
        """What it does."""
        if _held(self.lock):
            return "running"
        return "finished" if (self.folder / "report.html").exists() else "stopped"

    @property
    def bundle(self) -> Path:
        return self.folder / "model.modicum"

    @property
    def continuable(self) -> bool:
        """Whether another training can begin with its weights: it has a network, and is no classical method."""
        try:
            return self.bundle.exists() and "\nmethod:" not in (self.folder / "recipe.yaml").read_text("utf-8")
        except OSError:
            return False

    def begin(self, data: Path) -> None:
        """Start the process, or let a stopped training go on."""
        asked = self.asked()
        command = [sys.executable, "-m", "modicum", "train", str(data), "--out", str(self.folder)]
        if asked.get("continues"):  # paths as seen from where the process runs: no name of a folder travels with the model
            before = asked["continues"]
            command += ["--recipe", f"{before}/recipe.yaml", "--set", f"start={{name: model, bundle: {before}/model.modicum}}"]
        else:
            command += ["--recipe", asked["recipe"]]
        command += ["--budget", f"{asked['minutes'] * 60:g}s"]
        if asked.get("two_folds"):
            command += ["--folds", "2"]
        with self.lock.open("w") as lock, self.log.open("ab") as log:
            _hold(lock)
            process = subprocess.Popen(
                command, cwd=self.folder.parent, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True, pass_fds=[lock.fileno()] if os.name == "posix" else (),
            )  # fmt: skip
            lock.write(str(process.pid))
        threading.Thread(target=process.wait, daemon=True).start()  # so that none is left behind as a zombie

    def stop(self) -> None:
        """End the process and its workers: at most one epoch is lost, and the training can go on later."""
        if self.state == "running":
            with suppress(ProcessLookupError, ValueError):
                os.killpg(int(self.lock.read_text()), signal.SIGTERM)

    def asked(self) -> dict[str, Any]:
        """Recipe, minutes, number of labels, and when.

        Raises:
            ModicumError: the file that tells it is damaged.
        """
        try:
            asked = json.loads(self.wish.read_text("utf-8"))
        except (OSError, ValueError):
            asked = None
        if not isinstance(asked, dict) or not asked.keys() >= _UNKNOWN.keys():
            raise ModicumError("is damaged: what was asked for is not known.", file=self.wish.name, remedy="Train anew.")
        return asked

    def told(self) -> dict[str, Any]:
        """All that the page shows of it."""
        state, parts, problem = self.state, self._parts(), ""
        try:
            asked = self.asked()
        except ModicumError as error:
            asked, problem = _UNKNOWN, str(error)
        trained = sum(rows[-1]["seconds"] for rows in parts.values() if rows) + self._tried()
        said, budget = _last_lines(self.log), asked["minutes"] * 60
        if state == "stopped" and said and said[-1].startswith("modicum: "):
            problem = said[-1][9:]
        return {
            **asked,
            "number": self.number,
            "state": state,
            "progress": 1.0 if state == "finished" else min(0.99, trained / budget) if budget else 0.0,
            "parts": parts,
            "said": said,
            "problem": problem,
            "continuable": self.continuable,
            "samples": self._seen(),
            "result": self._result() if state == "finished" else None,
        }

    @property
    def samples(self) -> Path | None:
        """The newest picture of what the networks of the run say of a few pictures."""
        found = {path: path.stat().st_mtime_ns for path in self.folder.rglob("samples.png")}
        return max(found, key=lambda path: found[path], default=None)

    def _seen(self) -> str | None:
        """By what the page knows that there are other samples."""
        return None if self.samples is None else f"{self.samples.stat().st_mtime_ns}"

    def _tried(self) -> float:
        """Seconds that went into trials."""
        try:
            return float(json.loads((self.folder / "trials.json").read_text("utf-8"))["spent"])
        except (OSError, ValueError, KeyError):
            return 0.0

    def _parts(self) -> dict[str, list[dict[str, float]]]:
        """metrics.csv of each training of the run but trials, in the order in which they began."""
        found = [p for p in self.folder.rglob("metrics.csv") if "trials" not in p.relative_to(self.folder).parts]
        files = sorted(found, key=lambda p: (p.parent / "checkpoints").stat().st_ctime)
        return {str(p.parent.relative_to(self.folder)): _metrics(p) for p in files}

    def _result(self) -> dict[str, Any]:
        summary = json.loads((self.folder / "summary.json").read_text("utf-8"))
        warnings = [f["message"] for f in summary["findings"] if f["severity"] != "note"]
        return {"test": summary["test"], "warnings": warnings}


class Trainings:
    """All trainings of a data folder."""

    def __init__(self, data: Path, workshop: Path) -> None:
        self.data = data
        self.runs = workshop / "runs"
        self._starting = threading.Lock()

    def all(self) -> list[Run]:
        """The oldest first."""
        numbers = sorted(int(p.stem) for p in self.runs.glob("*.json") if p.stem.isdigit())
        return [Run(self.runs, n) for n in numbers]

    def run(self, number: int) -> Run:
        """One of them.

        Raises:
            KeyError: there is none of that number.
        """
        found = Run(self.runs, number)
        if not found.wish.exists():
            raise KeyError(number)
        return found

    def start(self, recipe: str, minutes: float, labels: int, *, tested: bool = False, onward: bool = False) -> Run:
        """A new training.

        Args:
            tested: whether some of the labels are those of a prescribed test set; else few of them are tested by folds.
            onward: with the recipe and the weights of the newest model, instead of anew.

        Raises:
            ModicumError: another one is running, too few labels, or a recipe or budget that cannot be.
        """
        if recipe not in recipes():
            raise ModicumError(f"there is no recipe '{recipe}'.")
        if not 0 < minutes <= LONGEST:
            raise ModicumError("that is no training time.", remedy="Choose up to 24 hours.")
        before = next((r for r in reversed(self.all()) if r.continuable), None) if onward else None
        if onward and before is None:
            raise ModicumError("there is no model of a network to continue from.", remedy="Train anew.")
        if labels < 2:
            raise ModicumError("two labelled pictures are the least: one to learn from, one to test.", remedy="Label another.")
        with self._starting:
            self._refuse_two()
            self.runs.mkdir(parents=True, exist_ok=True)
            run = Run(self.runs, max((r.number for r in self.all()), default=0) + 1)
            begun = time.strftime("%Y-%m-%d %H:%M")
            wish: dict[str, Any] = {"recipe": recipe, "minutes": minutes, "labels": labels, "begun": begun}
            wish["two_folds"] = labels < _FEW and minutes <= _SHORT and not tested
            write_text(run.wish, json.dumps(wish | ({"continues": before.number} if before else {})))
            run.begin(self.data)
        return run

    def resume(self, number: int) -> Run:
        """Let a stopped training go on.

        Raises:
            ModicumError: another one is running.
        """
        run = self.run(number)
        with self._starting:
            self._refuse_two()
            run.begin(self.data)
        return run

    def newest_model(self) -> Run | None:
        """The last training that gave a model."""
        return next((r for r in reversed(self.all()) if r.bundle.exists()), None)

    def _refuse_two(self) -> None:
        if any(r.state == "running" for r in self.all()):
            raise ModicumError("a training is running already.", remedy="Wait for it, or stop it first.")


def _metrics(path: Path) -> list[dict[str, float]]:
    """Loss and Dice of each epoch; what was not measured is left out."""
    with path.open(newline="") as file:
        rows = [{key: float(row[key]) for key in ("seconds", "train_loss", "val_dice")} for row in csv.DictReader(file)]
    return [{key: value for key, value in row.items() if value == value} for row in rows]


def _last_lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "replace").splitlines()[-_SAID:]
    except OSError:
        return []


def _hold(file: IO[str]) -> None:
    """Lock a file until the last process that has it open ends."""
    with suppress(ImportError):  # Windows: no lock, as in the run folder
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)


def _held(path: Path) -> bool:
    try:
        import fcntl

        with path.open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except (ImportError, OSError):
        return False
    return False
