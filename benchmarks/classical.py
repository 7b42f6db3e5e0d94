"""Classical methods on real data: vessel filters on DRIVE, pixels against networks at few labels, finishing on and off.

`python benchmarks/classical.py vessels`     filters and pixel classifiers on all 20 test pictures of DRIVE
`python benchmarks/classical.py simple`      thresholds and what grows from them; an atlas of hippocampi
`python benchmarks/classical.py crossing`    a forest of pixels on 1, 2, 5 labelled pictures, three draws of them each
`python benchmarks/classical.py crossing --minutes 5`   the same beside the U-Net that `auto` plans, in so many minutes each
`python benchmarks/classical.py finishing --minutes 10` steps after a network on DRIVE, each on and off

Cells that are done are not repeated; each experiment writes OUT/classical/EXPERIMENT.json.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from skimage.morphology import skeletonize

import modicum as md
from cells import DATA
from modicum.bundle import Bundle, class_numbers
from modicum.datasets import discover, load_field_of_view, load_label, load_picture
from modicum.runs.compare import compare

FILTERS = ("bcosfire", "matched-filter", "frangi", "pixel-forest", "pixel-boosting", "pixel-perceptron")
SIMPLE = {
    **dict.fromkeys(("isic2018", "kvasir_seg", "dsb2018"), ("otsu", "fixed-range", "region-growing", "otsu-snake")),
    "msd_hippocampus": ("atlas",),
}
SETS, LABELS = ("drive", "dsb2018", "isic2018"), ("1", "2", "5")
STEPS: dict[str, list[Any]] = {
    "none": [],
    "dual threshold .3": [{"name": "dual_threshold", "low": 0.3}],
    "dual threshold .4": [{"name": "dual_threshold", "low": 0.4}],
    "closing 1.5": [{"name": "closing", "radius": 1.5}],
    "closing 3": [{"name": "closing", "radius": 3}],
    "dual threshold .4, closing 1.5": [{"name": "dual_threshold", "low": 0.4}, {"name": "closing", "radius": 1.5}],
    "remove small 30": [{"name": "remove_small", "area": 30}],
    "guided filter": [{"name": "guided_filter", "radius": 2}],
}


def vessels(out: Path, minutes: float | None, seeds: int, sets: list[str]) -> list[dict[str, Any]]:
    """Each method fitted to the 20 training pictures of DRIVE; figures inside the field of view."""
    rows = []
    print(f"{'':18}sensitivity  specificity  accuracy  AUC     Dice    s")
    for recipe in FILTERS:
        run = md.train(DATA / "drive", out / "vessels" / recipe, recipe=recipe)
        found = run.summary["test"]
        row = {m: found[m]["mean"] for m in ("recall", "specificity", "accuracy", "dice")} | {"auc": found["auc"]["pooled"]}
        rows.append({"recipe": recipe, **row, "seconds": run.summary["seconds"]})
        print(
            f"{recipe:18}{row['recall']:<13.4f}{row['specificity']:<13.4f}{row['accuracy']:<10.4f}{row['auc']:<8.4f}"
            f"{row['dice']:<8.4f}{rows[-1]['seconds']:.0f}"
        )
    return rows


def simple(out: Path, minutes: float | None, seeds: int, sets: list[str]) -> list[dict[str, Any]]:
    """Methods that learn next to nothing, with the split that `train` makes."""
    rows = []
    for data, recipes in SIMPLE.items():
        for recipe in recipes:
            run = md.train(DATA / data, out / "simple" / f"{data}-{recipe}", recipe=recipe)
            dice = run.summary["test"]["dice"]
            rows.append({"data": data, "recipe": recipe, **dice, "seconds": run.summary["seconds"]})
            low, high = dice["ci95"]
            print(f"{data:16}{recipe:16}Dice {dice['mean']:.3f} [{low:.3f}, {high:.3f}]  n {dice['n']}", flush=True)
    return rows


def crossing(out: Path, minutes: float | None, seeds: int, sets: list[str]) -> list[dict[str, Any]]:
    """Learning curves of the forest and, where minutes are given, of the network."""
    recipes, rows = ["pixel-forest", *(["auto"] if minutes else [])], []
    for data in sets:
        done = compare(DATA / data, out / f"crossing-{data}", recipes=recipes, labels=LABELS, seeds=seeds, budget=minutes)
        for row in done.summary["rows"]:
            rows.append({"data": data, **row})
            each = " ".join(f"{d:.3f}" for d in row["by_repetition"])
            low, high = row["ci95"]
            print(
                f"{data:10}{row['recipe']:14}{row['labels']} labels  Dice {row['dice']:.3f} ({low:.3f} to {high:.3f})  {each}"
            )
    return rows


def finishing(out: Path, minutes: float | None, seeds: int, sets: list[str]) -> list[dict[str, Any]]:
    """Steps after one and the same network, on the 20 test pictures of DRIVE; `seeds` networks."""
    rows, dataset = [], discover(DATA / "drive")
    cases = [c for c in dataset.labelled if c.part == "test"]
    for seed in range(seeds):
        place = out / f"finishing-{minutes or 10:g}m-seed{seed}"
        bundle = md.train(DATA / "drive", place, recipe="small-patches", budget=minutes or 10, seed=seed).bundle
        segmenter, looks = bundle.segmenter(), []
        for case in cases:
            picture = load_picture(case)
            looks.append((picture, segmenter.probabilities(picture), load_label(case, dataset.code), load_field_of_view(case)))
        rows += [{"seed": seed, "steps": name, **_measured(_with(bundle, steps), looks)} for name, steps in STEPS.items()]
    print(f"{'':32}sensitivity  specificity  Dice    clDice")
    for name in STEPS:
        own = [r for r in rows if r["steps"] == name]
        values = [mean(r[m] for r in own) for m in ("sensitivity", "specificity", "dice", "cldice")]
        print(f"{name:32}{values[0]:<13.4f}{values[1]:<13.4f}{values[2]:<8.4f}{values[3]:.4f}")
    return rows


def _with(bundle: Bundle, steps: list[Any]) -> Bundle:
    finish = bundle.recipe.finish.model_copy(update={"steps": tuple(steps)})
    return replace(bundle, recipe=bundle.recipe.model_copy(update={"finish": finish}))


def _measured(bundle: Bundle, looks: list[Any]) -> dict[str, float]:
    """Means over pictures."""
    each = []
    for picture, probability, truth, valid in looks:
        found, true = (class_numbers(probability, bundle, picture) > 0) & valid, (truth > 0) & valid
        both = (found & true).sum()
        each.append(
            {
                "sensitivity": both / true.sum(),
                "specificity": (~found & ~true & valid).sum() / (~true & valid).sum(),
                "dice": 2 * both / (found.sum() + true.sum()),
                "cldice": cl_dice(found, true),
            }
        )
    return {key: float(np.mean([one[key] for one in each])) for key in each[0]}


def cl_dice(found: np.ndarray, true: np.ndarray) -> float:
    """Harmonic mean of the share of one's centre lines inside the other and the reverse (Shit et al. 2021)."""
    precise, sensitive = true[skeletonize(found)].mean(), found[skeletonize(true)].mean()
    return float(2 * precise * sensitive / max(precise + sensitive, 1e-12))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    experiments = {"vessels": vessels, "simple": simple, "crossing": crossing, "finishing": finishing}
    parser.add_argument("experiments", nargs="*", default=["vessels", "crossing"])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sets", default=",".join(SETS), help="of the crossing, with commas")
    options = parser.parse_args()
    out = options.out / "classical"
    for name in options.experiments:
        rows = experiments[name](out, options.minutes, options.seeds, options.sets.split(","))
        (out / f"{name}.json").write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
