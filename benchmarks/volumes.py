"""Methods for volumes by `modicum compare`, by patient: `python benchmarks/volumes.py phantom`.

Writes `OUT/volumes/EXPERIMENT/report.html`, `comparison.json` and `agreement.json`; what is done is not repeated. `--ray local`
runs cells side by side, one core each.

experiments:
  phantom      synthetic chest CT, 12 patients to test: epicardial fat directly and by way of its sac, with and without depth
               (thesis-data-efficient-segmentation 6.5: Dice .75, .865 by way of the sac, Pearson .886 a slice); also the
               Bland-Altman plots of the first repetition with most labels
  acdc         acdc, both volumes of 3 patients and of all: slices, with depth, with neighbours, a 3D U-Net
  left_ventricle  the left ventricle of acdc: the whole slice, polar about it, a crop about it
  hippocampus  msd_hippocampus, 10 volumes and all
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections import defaultdict
from pathlib import Path
from statistics import mean
from typing import Any

import nibabel
import pandas as pd

from cells import DATA, comparison_options
from few_labels import FIT, recipes
from modicum.datasets.ct_phantoms import write_ct_dataset
from modicum.evaluation.report.figures import bland_altman
from modicum.evaluation.sizes import Measured
from modicum.runs.compare import compare

UPRIGHT = {**FIT, "augmentation": {"name": "strong", "any_rotation": False}}
UNET = {"name": "unet", "encoder": {"widths": [16, 32, 64, 128, 256]}}
FAT = [-200, -30]
SLICES: dict[str, dict[str, Any]] = {  # what a network sees of a volume; the first is the reference
    "slices": {},
    "depth": {"images": {"depth": True}},
    "neighbours": {"images": {"neighbours": 1}},
}
SOLID = {"name": "unet3d", "widths": [16, 32, 64, 96]}
SOLID_FIT = {"batch_size": 2, "samples": 4, "rate": 3.0e-3}
SHOWN = ("bias", "absolute_error", "relative_error", "pearson", "icc")


def phantom(out: Path, options: argparse.Namespace) -> None:
    data, count = out / "data", 24
    if not (data / "split.json").exists():
        write_ct_dataset(data, target="sac", count=count, size=128, seed=2026)
        names = [f"patient{n:02d}" for n in range(count)]
        (data / "split.json").write_text(json.dumps({"train": names[:12], "test": names[12:]}))
    window = [-200, 200]
    steps = [{"name": "tissue_range", "least": FAT[0], "greatest": FAT[1]}]
    methods: dict[str, dict[str, Any]] = {
        "direct": {"images": {"window": window, "depth": True}, "data": {"tissue": FAT}},
        "pericardium": {"images": {"window": window, "depth": True}, "finish": {"steps": steps}},
        "direct-without-depth": {"images": {"window": window}, "data": {"tissue": FAT}},
        "pericardium-without-depth": {"images": {"window": window}, "finish": {"steps": steps}},
    }
    base = {"view": {"name": "whole", "size": 128}, "network": UNET, "fit": UPRIGHT}
    run(data, out, recipes(out / "recipes", base, methods), ["3p", "all"], options)
    for name in methods:
        path = out / "cells" / f"{name}-all-0" / "cases.csv"
        if not path.exists():
            continue  # the cell failed; the comparison says why
        cases = pd.read_csv(path)
        volumes = {"epicardial fat": Measured(cases["found_ml"].tolist(), cases["true_ml"].tolist(), cases["patient"].tolist())}
        (out / f"bland-altman-{name}.svg").write_text(bland_altman(volumes, "volume", "ml"))


def acdc(out: Path, options: argparse.Namespace) -> None:
    base = {"view": {"name": "whole", "size": 128}, "network": UNET, "fit": FIT}
    solid = {"images": {"block": 8}, "network": {**SOLID, "flat": 2}, "fit": {**FIT, **SOLID_FIT}}
    run(DATA / "acdc", out, recipes(out / "recipes", base, SLICES | {"3d": solid}), ["3p", "all"], options)


def left_ventricle(out: Path, options: argparse.Namespace) -> None:
    data = out / "data"
    for kind in ("images", "labels"):
        (data / kind).mkdir(parents=True, exist_ok=True)
    for path in sorted((DATA / "acdc" / "labels").iterdir()):
        if not (data / "labels" / path.name).exists():
            label: Any = nibabel.load(path)
            ventricle = (label.get_fdata() == 3).astype("uint8")
            nibabel.save(nibabel.Nifti1Image(ventricle, label.affine), data / "labels" / path.name)
            shutil.copy(DATA / "acdc" / "images" / path.name, data / "images" / path.name)
    run(data, out, ["small-whole", "small-polar", "small-crops"], ["3p", "all"], options)


def hippocampus(out: Path, options: argparse.Namespace) -> None:
    base = {"view": {"name": "whole", "size": 64}, "network": UNET, "fit": UPRIGHT}
    solid = {"images": {"block": 32}, "network": {**SOLID, "flat": 0}, "fit": {**UPRIGHT, **SOLID_FIT}}
    run(DATA / "msd_hippocampus", out, recipes(out / "recipes", base, SLICES | {"3d": solid}), ["10p", "all"], options)


def run(data: Path, out: Path, names: list[str], labels: list[str], options: argparse.Namespace) -> None:
    """The comparison, and the agreement of volumes and slices in every cell, averaged over repetitions."""
    labels = options.labels.split(",") if options.labels else labels
    names = [n for n in names if not options.methods or Path(n).stem in options.methods.split(",")]
    done = compare(data, out, recipes=names, labels=labels, seeds=options.seeds, budget=options.minutes, ray=options.ray)
    found: dict[str, list[dict[str, float]]] = defaultdict(list)
    for path in sorted((out / "cells").glob("*/summary.json")):
        method, size, _ = path.parent.name.rsplit("-", 2)
        test = json.loads(path.read_text())["test"]
        figures = {"dice": test["dice"]["mean"], "hd95": test["hd95"]["mean"]}
        for kind in ("volume", "slice"):
            for figure in SHOWN:
                values = [one[figure] for one in test[f"{kind}_agreement"].values() if one[figure] is not None]
                figures[f"{kind} {figure}"] = mean(values) if values else float("nan")
        found[f"{method}, {size}"].append(figures)
    table = pd.DataFrame({name: pd.DataFrame(rows).mean() for name, rows in found.items()}).T
    print(table.round(4).to_string())
    (out / "agreement.json").write_text(json.dumps(found, indent=1))
    print(f"{done.folder / 'report.html'}")


EXPERIMENTS = {"phantom": phantom, "acdc": acdc, "left_ventricle": left_ventricle, "hippocampus": hippocampus}


def main() -> None:
    options = comparison_options(__doc__ or "", EXPERIMENTS).parse_args()
    for name in options.experiments:
        EXPERIMENTS[name]((options.out / "volumes" / name).resolve(), options)


if __name__ == "__main__":
    main()
