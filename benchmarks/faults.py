"""What kills and damaged files do: `python benchmarks/faults.py kills`, `python benchmarks/faults.py fuzz --minutes 60`.

kills: commands on tiny phantoms, each first undisturbed, then killed at moments drawn evenly over the time that this took (four
  of five times by SIGKILL, else by SIGINT or SIGTERM) and started again, up to five times, and at last left alone. The result
  must be complete and, where the length is given in epochs, the same as undisturbed. Each command is a fork of a process that
  has imported everything already, so that no kill is spent on imports. Writes `OUT/kills.json`.
fuzz: valid files of every kind that Modicum reads, damaged, into the readers (`fuzz_seeds.py`, `mutations.py`, `fuzzing.py`).
  Anything but success or a ModicumError is a finding, as are more than 10 s or 4 GiB. Writes `OUT/fuzz.json` and `OUT/found`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import shutil
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import modicum as md
from fuzz_seeds import TINY, seeds
from fuzzing import fuzz
from modicum.cli import main
from modicum.datasets.phantoms import write_fundus_dataset

SET = [part for change in TINY for part in ("--set", change)]
AT_MOST = 5  # kills before a command is left alone
FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Command:
    """A command with everything but its `--out`."""

    name: str
    words: tuple[str, ...]
    exact: bool = True  # its result does not depend on the clock


def commands(data: Path, model: Path) -> list[Command]:
    """What is killed."""

    def train(name: str, recipe: str, *more: str, exact: bool = True) -> Command:
        return Command(f"train {name}", ("train", str(data), "--recipe", recipe, *SET, *more), exact)

    by_clock = [part for change in TINY if "epochs" not in change for part in ("--set", change)]
    return [
        train("one network", "small-whole"),
        train("two networks", "small-polar"),
        train("folds", "small-whole", "--folds", "2"),
        train("pseudo-labels", "small-pseudo", "--set", "supervision.share_range=[0,1]", "--set", "supervision.confidence=0"),
        train("without labels first", "small-denoise", "--set", "start.epochs=2"),
        Command(
            "train by the clock", ("train", str(data), "--recipe", "small-whole", *by_clock, "--budget", "2s"), exact=False
        ),
        Command(
            "compare",
            ("compare", str(data), "--recipes", "small-whole,small-patches", "--labels", "4", "--seeds", "1", *SET),
        ),
        Command("predict", ("predict", str(model), str(data / "images"), "--probabilities", "--overlays")),
    ]


def started(command: Command, out: Path, log: Path) -> Any:
    """A process that runs the command."""
    process = FORK.Process(target=_run, args=([*command.words, "--out", str(out)], log))
    process.start()
    return process


def _run(words: list[str], log: Path) -> None:
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.argv = ["modicum", *words]
    main()


def result(command: Command, out: Path) -> dict[str, Any]:
    """What must be there in the end, and must be the same as undisturbed where the command is exact.

    Raises:
        Exception: something is missing or cannot be read.
    """
    pictures = {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*.png")) if ".part" not in p.name}
    if command.words[0] == "predict":
        assert pictures, "no mask was written"
        return {**pictures, "quality.csv": (out / "quality.csv").read_text()}
    assert (out / "report.html").stat().st_size > 10_000, "the report is not whole"
    if command.words[0] == "compare":
        summary = json.loads((out / "comparison.json").read_text())
        assert not summary["failed"], summary["failed"]
        return {"rows": summary["rows"], **pictures}
    weights = md.Bundle.load(out / "model.modicum").weights
    figures = json.loads((out / "summary.json").read_text())["test"]
    tables = {str(p.relative_to(out)): pd.read_csv(p) for p in sorted(out.rglob("*.csv"))}
    timed = re.compile(r", \d+% of the time|^seconds$")
    kept = {
        name: t.rename(columns=lambda c: timed.sub("", c)).drop(columns="", errors="ignore").to_csv()
        for name, t in tables.items()
    }
    if not command.exact:
        return {}
    return {**{k: v.numpy().tobytes() for k, v in weights.items()}, **kept, **pictures, "figures": json.dumps(figures)}


def kills(out: Path, count: int, seed: int) -> dict[str, Any]:
    """Commands killed so often in all; a summary."""
    rng = np.random.default_rng(seed)
    (place := out / "kills").mkdir(parents=True, exist_ok=True)
    if not (data := out / "killed-data").exists():
        write_fundus_dataset(data, count=12, size=64, seed=0)
        for path in sorted((data / "labels").iterdir())[-2:]:
            path.unlink()  # unlabelled ones
    if not (model := out / "killed-model").exists():
        md.train(data, model, recipe="small-whole", changes=TINY)
    planned = commands(data, model / "model.modicum")
    expected, seconds = {}, {}
    for command in planned:
        shutil.rmtree(place / "whole", ignore_errors=True)
        began = time.monotonic()
        process = started(command, place / "whole", place / "log.txt")
        process.join()
        assert process.exitcode == 0, f"{command.name} fails undisturbed: see {place / 'log.txt'}"
        seconds[command.name] = time.monotonic() - began
        expected[command.name] = result(command, place / "whole")
    killed: Counter[str] = Counter()
    runs: Counter[str] = Counter()
    lost: list[dict[str, str]] = []
    while killed.total() < count:
        for command in planned:
            folder = place / f"{command.name}-{runs[command.name]}".replace(" ", "-")
            shutil.rmtree(folder, ignore_errors=True)
            runs[command.name] += 1
            log = folder.with_suffix(".txt")
            log.unlink(missing_ok=True)
            killed[command.name] += _killed(command, folder, log, seconds, rng)
            wrong = _wrong(command, folder, log, expected[command.name])
            if wrong:
                lost.append({"command": command.name, "folder": str(folder), "wrong": wrong})
            else:
                shutil.rmtree(folder)
            told = {"kills": dict(killed), "runs": dict(runs), "seconds": seconds, "lost": lost}
            (out / "kills.json").write_text(json.dumps(told, indent=1))
    return told


def _killed(command: Command, folder: Path, log: Path, seconds: dict[str, float], rng: np.random.Generator) -> int:
    """Start a command and kill it, again and again; how often it was still running.

    A command that is done sooner than undisturbed, because the machine is less busy now, is not given as long in the next run.
    """
    count = 0
    for number in range(AT_MOST):
        began = time.monotonic()
        process = started(command, folder, log)
        process.join(rng.uniform(0, seconds[command.name]))
        blow = signal.SIGKILL if rng.random() < 0.8 else rng.choice([signal.SIGINT, signal.SIGTERM])
        if process.is_alive():
            os.kill(process.pid, blow)
            count += 1
        elif number == 0:
            seconds[command.name] = time.monotonic() - began
        process.join()
    return count


def _wrong(command: Command, folder: Path, log: Path, expected: dict[str, Any]) -> str:
    """What is wrong with the result once the command is left alone; nothing for a result that is as it should be."""
    process = started(command, folder, log)
    process.join()
    if process.exitcode != 0:
        return f"exit code {process.exitcode}: {log.read_text(errors='replace')[-300:]}"
    try:
        found = result(command, folder)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "; ".join(f"{k} differs" for k in sorted({*found, *expected}) if found.get(k) != expected.get(k))[:300]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", choices=["kills", "fuzz"])
    parser.add_argument("--count", type=int, default=200, help="of kills")
    parser.add_argument("--minutes", type=float, default=60, help="of fuzzing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "out" / "faults")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if given.experiment == "kills":
        done = kills(given.out, given.count, given.seed)
    else:
        done = fuzz(seeds(given.out / "seeds"), given.out, given.minutes, given.seed)
    print(json.dumps({key: value for key, value in done.items() if key != "by_seed"}, indent=1))
