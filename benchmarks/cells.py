"""Cells of benchmarks: each is one `modicum.train` on a manifest that names its pictures; one that is done is not repeated.

On two cores two cells side by side get through half as much again in the same time as one after the other:
`for i in 0 1; do OMP_NUM_THREADS=1 taskset -c $i python benchmarks/SCRIPT.py EXPERIMENT --part $i/2 & done; wait`

With BUDGETS=processor in the environment a budget counts the processor's seconds instead of the clock's, so that a cell on one
core makes no fewer steps where other work wants that core as well.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd

import modicum as md
from modicum.runs.evaluating import evaluate_bundle
from modicum.training import pace

DATA = Path(os.environ.get("MODICUM_DATA", Path(__file__).parents[2] / "shared" / "data"))
HELD_OUT = {"kvasir_seg": (40, 200), "isic2018": (40, 200), "dsb2018": (20, 100), "drive": (4, 20)}  # validation, test

if os.environ.get("BUDGETS") == "processor":
    pace.time = SimpleNamespace(monotonic=time.process_time)  # type: ignore[assignment]


@dataclass(frozen=True)
class Cell:
    """One training. `labels` are training pictures; validation and test pictures are the same for all cells of a data set."""

    experiment: str
    name: str
    data: str
    labels: int
    minutes: float
    recipe: str
    changes: tuple[str, ...] = ()
    seed: int = 0
    also: str = ""  # another data set to test on
    validated: bool = True  # whether validation pictures are set aside, beyond the labels

    @property
    def key(self) -> str:
        return f"{self.experiment}-{self.data}-{self.labels}-{self.name.replace(' ', '_')}-{self.minutes:g}m-seed{self.seed}"


Experiment = Callable[[float, int], Iterator[Cell]]  # (minutes, seeds)
Show = Callable[[list[dict[str, Any]]], None]


def manifest(data: str, labels: int, folder: Path, validated: bool = True) -> Path:
    """A CSV that divides the pictures, shuffled by a fixed seed: test first, so that it is the same for every size."""
    images = {p.stem: p for p in sorted((DATA / data / "images").iterdir())}
    val, test = HELD_OUT[data]
    stems = random.Random(2026).sample(sorted(images), len(images))
    if (DATA / data / "split.json").exists():
        official = json.loads((DATA / data / "split.json").read_text())
        stems = [*official["test"], *official["train"]]
    parts = {"test": stems[:test], "val": stems[test : test + val], "train": stems[test + val : test + val + labels]}
    if not validated:
        parts["val"] = []
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{data}-{labels}{'' if validated else '-without-val'}.csv"
    new = folder / f"{path.name}.{os.getpid()}"  # another part may be reading the old one
    with new.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "label", "split", "fov"])
        for part, ids in parts.items():
            for stem in ids:
                fov = DATA / data / "fov" / f"{stem}.png"
                label = DATA / data / "labels" / f"{stem}.png"
                writer.writerow([images[stem], label, part, fov if fov.exists() else ""])
    return new.replace(path)


def run_cell(cell: Cell, out: Path) -> dict[str, Any]:
    """Train and test one cell, or read what it gave before."""
    place = out / cell.key
    if (place / "cell.json").exists():
        return json.loads((place / "cell.json").read_text())  # type: ignore[no-any-return]
    run = md.train(
        manifest(cell.data, cell.labels, out, cell.validated), place, recipe=cell.recipe, budget=cell.minutes,
        changes=list(cell.changes), seed=cell.seed,
    )  # fmt: skip
    steps = pd.read_csv(place / "steps.csv").set_index("case") if (place / "steps.csv").exists() else pd.DataFrame()
    cases = pd.read_csv(place / "cases.csv").set_index("case")
    found = {
        **asdict(cell),
        "summary": {m: run.summary["test"][m] for m in ("dice", "recall", "precision", "thresholded_jaccard")},
        "auc": run.summary["test"]["auc"]["pooled"],
        "params": run.summary["params"],
        "steps": run.summary["steps"],
        "seconds": run.summary["seconds"],
        "lost": len(run.summary["localiser_found_nothing"]),
        "upper_bound": run.summary["upper_bound"],
        "by_step": run.summary["by_step"],
        "dice": cases["dice"].to_dict(),
        "step_dice": {c: steps[c].to_dict() for c in steps.columns if c != "patient"},
    }
    if cell.also:
        other = manifest(cell.also, 1, out)
        done, _ = evaluate_bundle(place / "model.modicum", other, place / f"on-{cell.also}")
        found["also_summary"] = {m: done["test"][m] for m in ("dice", "thresholded_jaccard")}
    (place / "cell.json").write_text(json.dumps(found, indent=1))
    return found


def comparison_options(about: str, experiments: Collection[str]) -> argparse.ArgumentParser:
    """Options of benchmarks that are made of `modicum compare`."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiments", nargs="+", choices=list(experiments))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=10.0, help="of training for each cell")
    parser.add_argument("--labels", help="instead of each experiment's own, e.g. 5,10 or 3p")
    parser.add_argument("--methods", help="only these, e.g. labelled,pseudo")
    parser.add_argument("--ray")
    return parser


def main(about: str, experiments: Mapping[str, tuple[Experiment, float]], show: Show, place: str) -> None:
    """Run experiments (each with its minutes a cell), or show what is done; writes `OUT/place/EXPERIMENT.json`."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiments", nargs="*", default=list(experiments))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--tables", action="store_true", help="train nothing, show the cells that are done")
    parser.add_argument(
        "--part", default="0/1", metavar="I/N", help="every N-th cell from the I-th, to run N at once; no tables"
    )
    options = parser.parse_args()
    out = options.out / place
    first, step = (int(n) for n in options.part.split("/"))
    for name in options.experiments:
        cells, minutes = experiments[name]
        chosen = list(cells(options.minutes or minutes, options.seeds))[first::step]
        results = [run_cell(c, out) for c in chosen if not options.tables or (out / c.key / "cell.json").exists()]
        if step > 1:
            continue
        if not results:
            print(f"{name}: no cell is done yet")
            continue
        (out / f"{name}.json").write_text(json.dumps(results, indent=1))
        show(results)
