"""Accuracy on real data, few labels, few minutes: `python benchmarks/accuracy.py drive5 isic20 --out benchmarks/out`.

Every task is one `modicum.train` on a manifest that names its training and test pictures; nothing else is chosen here. Prints
a table and writes `OUT/accuracy-TIME.json`. With BUDGETS=processor in the environment minutes are those of the processor.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import time
from pathlib import Path

import cells  # noqa: F401 - which clock a budget goes by
import modicum as md

DATA = Path(os.environ.get("MODICUM_DATA", Path(__file__).parents[2] / "shared" / "data"))

# name: (data set, training pictures, test pictures or None for the official ones, minutes)
TASKS = {
    "drive20": ("drive", 20, None, 20.0),
    "drive5": ("drive", 5, None, 5.0),
    "isic20": ("isic2018", 20, 100, 5.0),
    "kvasir40": ("kvasir_seg", 40, 100, 5.0),
    "dsb40": ("dsb2018", 40, 100, 5.0),
}


def manifest(task: str, folder: Path) -> Path:
    """A CSV of the first pictures by name for training and the next ones (or the official test set) for testing."""
    name, train, test, _ = TASKS[task]
    images = {p.stem: p for p in sorted((DATA / name / "images").iterdir())}
    if test is None:
        official = json.loads((DATA / name / "split.json").read_text())
        parts = {"train": official["train"][:train], "test": official["test"]}
    else:
        stems = list(images)
        parts = {"train": stems[:train], "test": stems[train : train + test]}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{task}.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "label", "split", "fov"])
        for part, ids in parts.items():
            for stem in ids:
                fov = DATA / name / "fov" / f"{stem}.png"
                label = DATA / name / "labels" / f"{stem}.png"
                writer.writerow([images[stem], label, part, fov if fov.exists() else ""])
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*", default=list(TASKS))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    parser.add_argument("--recipe", default="auto")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[])
    options = parser.parse_args()
    results = []
    for task in options.tasks:
        minutes = options.minutes or TASKS[task][3]
        start = time.monotonic()
        run = md.train(
            manifest(task, options.out),
            options.out / f"{task}-{options.recipe}-{minutes:g}m-seed{options.seed}-{time.strftime('%H%M%S')}",
            recipe=options.recipe,
            budget=minutes,
            changes=options.set,
            seed=options.seed,
        )
        test = run.summary["test"]
        results.append(
            {
                "task": task,
                "minutes": minutes,
                "dice": test["dice"]["mean"],
                "ci95": test["dice"]["ci95"],
                "auc_pooled": test["auc"]["pooled"],
                "dice_pooled": test["pooled"]["dice"],
                "steps": run.summary["steps"],
                "params": run.summary["params"],
                "training_seconds": run.summary["seconds"],
                "wall_seconds": round(time.monotonic() - start, 1),
                "seed": options.seed,
                "set": options.set,
                "folder": str(run.folder),
            }
        )
        row = results[-1]
        print(
            f"{task:10} {minutes:4g} min  Dice {row['dice']:.4f} [{row['ci95'][0]:.4f}, {row['ci95'][1]:.4f}]  "
            f"AUC {row['auc_pooled']:.4f}  {row['steps']} steps  {row['params']:,} parameters",
            flush=True,
        )
        (options.out / f"accuracy-{time.strftime('%Y%m%d-%H%M%S')}.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
