"""Views about objects against the whole picture, at equal minutes: `python benchmarks/two_steps.py centres crops ...`

Every cell of an experiment is one `modicum.train` on a manifest that names its pictures; a cell that is done is not repeated.
On two cores two cells side by side get through half as much again in the same time as one after the other:
`for i in 0 1; do OMP_NUM_THREADS=1 taskset -c $i python benchmarks/two_steps.py EXPERIMENT --part $i/2 & done; wait`

With `--tables`, or when all cells are done, prints tables with paired differences and writes `OUT/two_steps/EXPERIMENT.json`.

experiments: centres (kvasir_seg, isic2018), fractions (isic2018, 25 to 100 % of the labels), crops (dsb2018 at four sizes),
several (dsb2018, a polar view about each nucleus), pair (coarse-to-fine on isic2018, in and out of sample).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

import modicum as md
from modicum.evaluation.statistics import paired_difference
from modicum.runs.evaluating import evaluate_bundle

DATA = Path(os.environ.get("MODICUM_DATA", Path(__file__).parents[2] / "shared" / "data"))
HELD_OUT = {"kvasir_seg": (40, 200), "isic2018": (40, 200), "dsb2018": (20, 100)}  # validation, test


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

    @property
    def key(self) -> str:
        return f"{self.experiment}-{self.data}-{self.labels}-{self.name.replace(' ', '_')}-{self.minutes:g}m-seed{self.seed}"


def centres(minutes: float, seeds: int) -> Iterator[Cell]:
    for seed in range(seeds):
        for data in ("isic2018", "kvasir_seg"):
            yield Cell("centres", "whole picture", data, 160, minutes, "small-whole", seed=seed)
            yield Cell("centres", "polar, centre from a mask", data, 160, minutes, "small-polar", seed=seed)
            jitter = ("view.jitter=0.05", "view.jitter_chance=0.3")  # as published: these centres are near
            heat = ("start=random", *jitter, "localiser={name: heatmap, share: 0.6, pixel: bce}")
            yield Cell("centres", "polar, centre from a heatmap", data, 160, minutes, "small-polar", heat, seed=seed)
            true = ("start=random", *jitter, "localiser=truth")
            yield Cell("centres", "polar, TRUE centre (upper bound)", data, 160, minutes, "small-polar", true, seed=seed)


def fractions(minutes: float, seeds: int) -> Iterator[Cell]:
    for seed in range(seeds):
        for labels in (40, 80, 120, 160):
            yield Cell("fractions", "whole picture", "isic2018", labels, minutes, "small-whole", seed=seed)
            yield Cell("fractions", "polar, centre from a mask", "isic2018", labels, minutes, "small-polar", seed=seed)
        scratch = ("start=random",)
        yield Cell("fractions", "polar from a mask, random start", "isic2018", 160, minutes, "small-polar", scratch, seed)


def crops(minutes: float, seeds: int) -> Iterator[Cell]:
    for seed in range(seeds):
        for size in (64, 128, 192, 256):
            whole = (f"view.size={size}",)
            yield Cell("crops", f"{size} whole picture", "dsb2018", 130, minutes, "small-whole", whole, seed)
            about = (f"view.size={size}", f"localiser.size={size}")
            yield Cell("crops", f"{size} crops", "dsb2018", 130, minutes, "small-crops", about, seed)


def several(minutes: float, seeds: int) -> Iterator[Cell]:
    for seed in range(seeds):
        yield Cell("several", "whole picture", "dsb2018", 130, minutes, "small-whole", ("view.size=192",), seed)
        each = (
            "view={name: polar, size: [96, 96], objects: each}",
            "localiser.size=192",
            "finish={threshold: auto, low: auto}",
        )
        yield Cell("several", "polar about each object", "dsb2018", 130, minutes, "small-polar", each, seed)


def pair(minutes: float, seeds: int) -> Iterator[Cell]:
    for seed in range(seeds):
        for size in (64, 128, 256):
            whole, inner = (f"view.size={size}",), (f"network.size={size}", f"localiser.size={size}", "view.size=512")
            yield Cell("pair", f"{size} whole picture", "isic2018", 160, minutes, "small-whole", whole, seed, "kvasir_seg")
            yield Cell("pair", f"{size} pair", "isic2018", 160, minutes, "small-coarse-to-fine", inner, seed, "kvasir_seg")


EXPERIMENTS = {f.__name__: (f, minutes) for f, minutes in
               ((centres, 10.0), (fractions, 3.0), (crops, 4.0), (several, 4.0), (pair, 2.0))}  # fmt: skip


def manifest(data: str, labels: int, folder: Path) -> Path:
    """A CSV that divides the pictures, shuffled by a fixed seed: test first, so that it is the same for every size."""
    images = {p.stem: p for p in sorted((DATA / data / "images").iterdir())}
    val, test = HELD_OUT[data]
    stems = random.Random(2026).sample(sorted(images), len(images))
    parts = {"test": stems[:test], "val": stems[test : test + val], "train": stems[test + val : test + val + labels]}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{data}-{labels}.csv"
    new = folder / f"{path.name}.{os.getpid()}"  # another part may be reading the old one
    with new.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "label", "split"])
        writer.writerows([images[s], DATA / data / "labels" / f"{s}.png", part] for part, ids in parts.items() for s in ids)
    return new.replace(path)


def run_cell(cell: Cell, out: Path) -> dict[str, Any]:
    """Train and test one cell, or read what it gave before."""
    place = out / cell.key
    if (place / "cell.json").exists():
        return json.loads((place / "cell.json").read_text())  # type: ignore[no-any-return]
    run = md.train(
        manifest(cell.data, cell.labels, out), place, recipe=cell.recipe, minutes=cell.minutes,
        changes=list(cell.changes), seed=cell.seed,
    )  # fmt: skip
    steps = pd.read_csv(place / "steps.csv").set_index("case") if (place / "steps.csv").exists() else pd.DataFrame()
    cases = pd.read_csv(place / "cases.csv").set_index("case")
    found = {
        **asdict(cell),
        "summary": {m: run.summary["test"][m] for m in ("dice", "recall", "precision", "thresholded_jaccard")},
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


def show(results: list[dict[str, Any]]) -> None:
    """A row for each cell; the difference is to the first cell of its group (the whole picture), seeds taken together."""
    frame = pd.DataFrame([{**r, "group": (r["data"], r["labels"], r["name"].split()[0].isdigit() and r["name"].split()[0])}
                          for r in results])  # fmt: skip
    for group, rows in frame.groupby("group", sort=False):
        whole = rows[rows["name"] == rows["name"].iloc[0]]
        print(f"\n{group[0]}, {group[1]} labels, {rows['minutes'].iloc[0]:g} minutes")
        for name, same in rows.groupby("name", sort=False):
            means = [r["dice"]["mean"] for r in same["summary"]]
            recall = [r["recall"]["mean"] for r in same["summary"]]
            jaccard = [r["thresholded_jaccard"]["mean"] for r in same["summary"]]
            text = f"{name:36} Dice {sum(means) / len(means):.4f} ({len(means)} seeds)  recall {sum(recall) / len(recall):.4f}"
            text += f"  thresholded Jaccard {sum(jaccard) / len(jaccard):.4f}"
            reference = whole[whole["seed"].isin(same["seed"])]
            if name != rows["name"].iloc[0] and len(same) == len(reference):
                ours, theirs = (_mean_over_seeds(part) for part in (same, reference))
                d = paired_difference(ours, theirs[ours.index])
                text += f"  {d['mean']:+.4f} [{d['ci95'][0]:+.4f}, {d['ci95'][1]:+.4f}] p {d['p']:.2g}"
            print(text)
            for step in same["by_step"].iloc[0]:
                print(f"    {step['name']:32} Dice {step['dice']['mean']:.4f} (first seed)")


def _mean_over_seeds(rows: pd.DataFrame) -> pd.Series[float]:
    return pd.DataFrame(list(rows["dice"])).mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiments", nargs="*", default=list(EXPERIMENTS))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--tables", action="store_true", help="train nothing, show the cells that are done")
    parser.add_argument(
        "--part", default="0/1", metavar="I/N", help="every N-th cell from the I-th, to run N at once; no tables"
    )
    options = parser.parse_args()
    out = options.out / "two_steps"
    first, step = (int(n) for n in options.part.split("/"))
    for name in options.experiments:
        cells, minutes = EXPERIMENTS[name]
        chosen = list(cells(options.minutes or minutes, options.seeds))[first::step]
        results = [run_cell(c, out) for c in chosen if not options.tables or (out / c.key / "cell.json").exists()]
        if step > 1:
            continue
        if not results:
            print(f"{name}: no cell is done yet")
            continue
        (out / f"{name}.json").write_text(json.dumps(results, indent=1))
        show(results)


if __name__ == "__main__":
    main()
