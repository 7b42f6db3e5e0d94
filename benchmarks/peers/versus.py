"""Modicum and its peers, the same labels, minutes and test pictures: `python benchmarks/peers/versus.py isic10 --minutes 5`.

The peers want an environment of their own: `python3 -m venv PEERS && PEERS/bin/pip install --no-deps -r
benchmarks/peers/requirements.txt`, then `--peers PEERS/bin/python`. What is done is not repeated. Prints a table and writes
`OUT/peers.json`.

Only the training clock counts for the peers; reading, planning and preprocessing do not. Modicum's budget counts its trials
with all that belongs to them, and its training; not reading, nor what it learns of thresholds and trust afterwards.
segmentation_models.pytorch begins with ImageNet's weights, as does Modicum where the table says small-imagenet; the others with
random ones. Peers train in float32, as their documentation has it, Modicum in what it finds fastest. All masks are measured
alike, within the field of view where there is one. With BUDGETS=processor in the environment all of them count the processor's
seconds instead of the clock's.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from hearts import hearts
from task import now, peak_gib

HERE = Path(__file__).parent
DATA = Path(os.environ.get("MODICUM_DATA", HERE.parents[2] / "shared" / "data"))
TASKS = {  # data set, labels, test pictures (None: the official ones), whether peers had better see crops at full resolution
    "drive5": ("drive", 5, None, True),
    "drive20": ("drive", 20, None, True),
    "chase8": ("chase_db1", 8, None, True),
    "isic10": ("isic2018", 10, 100, False),
    "isic40": ("isic2018", 40, 100, False),
    "kvasir40": ("kvasir_seg", 40, 100, False),
    "dsb20": ("dsb2018", 20, 100, True),
    "acdc5": ("acdc", 5, 10, False),  # patients; the left ventricle, slice by slice, measured volume by volume
}
PEERS = ("plain_unet", "smp_unet", "monai_basic_unet", "nnunet")


@dataclass(frozen=True)
class Row:
    """A picture of a task."""

    stem: str
    image: str
    label: str
    fov: str
    part: str
    whole: str  # what is measured as one: the picture, or the volume that it is a slice of
    patient: str


def rows(task: str, out: Path) -> list[Row]:
    """Official parts where there are any, else a draw by a fixed seed; labels are the first of their part.

    Args:
        out: where slices of volumes are kept as pictures.
    """
    name, labels, tested, _ = TASKS[task]
    if name == "acdc":
        slices = hearts(DATA / name, out.parent / "hearts", labels, tested or 0)
        return [Row(s.stem, str(s.image), str(s.label), "", s.part, s.whole, s.patient) for s in slices]
    images = {p.stem: p for p in sorted((DATA / name / "images").iterdir())}
    if tested is None:
        official = json.loads((DATA / name / "split.json").read_text())
        test, train = official["test"], official["train"]
    else:
        drawn = random.Random(2026).sample(sorted(images), len(images))
        test, train = drawn[-tested:], drawn[tested:]  # the first have tested what `auto` is to choose ("Trials" in RESULTS.md)
    found = []
    for part, stems in (("train", train[:labels]), ("test", test)):
        for stem in stems:
            label, fov = (DATA / name / kind / f"{stem}.png" for kind in ("labels", "fov"))
            patient = stem.rstrip("LR") if name == "chase_db1" else stem  # both eyes of one child
            found.append(Row(stem, str(images[stem]), str(label), str(fov) if fov.exists() else "", part, stem, patient))
    return found


def modicum(task: str, seconds: float, out: Path) -> None:
    """This very process trains `auto`, so that its memory is its own."""
    sys.path.append(str(HERE.parent))
    import cells  # noqa: F401 - which clock a budget goes by
    import modicum as md
    from modicum.bundle import class_numbers
    from modicum.images import read_picture

    table = out / "manifest.csv"
    pd.DataFrame([asdict(row) for row in rows(task, out)]).rename(columns={"part": "split"}).drop(
        columns=["stem", "whole"]
    ).to_csv(table, index=False)
    run = md.train(table, out / "run", budget=seconds / 60)
    (out / "masks").mkdir(exist_ok=True)
    bundle = run.bundle
    segmenter, test, began = bundle.segmenter(), [row for row in rows(task, out) if row.part == "test"], now()
    for row in test:
        picture = read_picture(Path(row.image))
        found = class_numbers(segmenter.probabilities(picture), bundle, picture)
        cv2.imwrite(str(out / "masks" / f"{row.stem}.png"), found * 255)
    cost = {
        "steps": run.summary["steps"],
        "training_seconds": run.summary["seconds"],
        "inference_seconds": (now() - began) / len(test),
        "peak_gib": peak_gib(),
        "recipe": run.summary["recipe"],
    }
    (out / "cost.json").write_text(json.dumps(cost))


def cell(task: str, who: str, minutes: float, options: argparse.Namespace) -> dict[str, Any]:
    """Train and test one, or read what it gave before."""
    out = (options.out / "peers" / f"{task}-{who}-{minutes:g}m").resolve()
    if not (out / "cost.json").exists():
        out.mkdir(parents=True, exist_ok=True)
        every = rows(task, out)
        about = {
            "train": [asdict(row) for row in every if row.part == "train"],
            "test": {row.stem: row.image for row in every if row.part == "test"},
            "seconds": minutes * 60,
            "fine": TASKS[task][3],
            "out": str(out),
        }
        (out / "task.json").write_text(json.dumps(about))
        own = [sys.executable, str(HERE / "versus.py"), "--only", task, str(minutes * 60), str(out)]
        command = own if who == "modicum" else [str(options.peers), str(HERE / f"{who}.py"), str(out / "task.json")]
        with (out / "log.txt").open("w") as log:
            subprocess.run(command, check=True, stdout=log, stderr=subprocess.STDOUT)
    dice, patients = measured(task, out), {row.whole: row.patient for row in rows(task, out)}
    told = {"task": task, "who": who, "minutes": minutes, "dice": dice, "patients": [patients[whole] for whole in dice]}
    return told | json.loads((out / "cost.json").read_text())


def measured(task: str, out: Path) -> dict[str, float]:
    """Dice of every test picture, or test volume."""
    from modicum.evaluation import binary_metrics

    pairs: dict[str, list[tuple[np.ndarray, ...]]] = defaultdict(list)
    for row in rows(task, out):
        if row.part == "test":
            files = out / "masks" / f"{row.stem}.png", row.label, *([row.fov] if row.fov else [])
            pairs[row.whole].append(tuple(cv2.imread(str(p), cv2.IMREAD_GRAYSCALE) > 127 for p in files))
    stacked = {whole: [np.stack(each) for each in zip(*own, strict=True)] for whole, own in pairs.items()}
    return {whole: float(binary_metrics(*masks, distances=False)["dice"]) for whole, masks in stacked.items()}


def show(results: list[dict[str, Any]]) -> None:
    """A row for each cell; the difference is Modicum's to it, paired. Intervals draw patients."""
    from modicum.evaluation.statistics import paired_difference, summarise

    ours = {(r["task"], r["minutes"]): pd.Series(r["dice"]) for r in results if r["who"] == "modicum"}
    for r in results:
        dice = pd.Series(r["dice"])
        s = summarise(dice, r["patients"])
        text = (
            f"{r['task']:9} {r['minutes']:3g} min  {r['who']:17} Dice {s['mean']:.3f} [{s['ci95'][0]:.3f}, {s['ci95'][1]:.3f}]"
        )
        text += f"  {r['steps']:5} steps  {r['peak_gib']:.1f} GiB  {r['inference_seconds']:.2f} s a picture"
        own = ours.get((r["task"], r["minutes"]))
        if own is not None and r["who"] != "modicum":
            d = paired_difference(own[dice.index], dice, r["patients"])
            text += f"  Modicum {d['mean']:+.3f} [{d['ci95'][0]:+.3f}, {d['ci95'][1]:+.3f}]"
        print(text + (f"  {r['recipe']}" if "recipe" in r else ""))


def main() -> None:
    if sys.argv[1:2] == ["--only"]:
        task, seconds, out = sys.argv[2:]
        modicum(task, float(seconds), Path(out))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", default=list(TASKS))
    parser.add_argument("--minutes", type=float, nargs="+", default=[2.0, 5.0, 15.0])
    parser.add_argument("--who", nargs="+", default=["modicum", *PEERS])
    parser.add_argument("--peers", type=Path, required=True, help="Python of the peers' environment")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    options = parser.parse_args()
    if unknown := {*options.tasks} - {*TASKS} | {*options.who} - {"modicum", *PEERS}:
        parser.error(f"{', '.join(sorted(unknown))}: tasks are {', '.join(TASKS)}; --who is modicum, {', '.join(PEERS)}")
    results = [cell(task, who, m, options) for task in options.tasks for m in options.minutes for who in options.who]
    (options.out / "peers.json").write_text(json.dumps(results, indent=1))
    show(results)


if __name__ == "__main__":
    main()
