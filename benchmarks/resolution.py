"""A model on pictures of other cameras, at their own size and at the size where it is surest: `--scale auto`.

`python benchmarks/resolution.py MODEL.modicum drive chase_db1 hrf --pictures 10` segments the prescribed test pictures of each
data set (all where there are none), or so many of them, spread evenly, and writes `OUT/resolution/NAME.json`: mean Dice at
both, the difference with its 95 % interval (drawing patients), and the scale that was chosen.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cells import DATA
from modicum.bundle import Bundle
from modicum.datasets import discover
from modicum.datasets.case import Case, Dataset
from modicum.datasets.loading import load_field_of_view, load_label
from modicum.evaluation.metrics import binary_metrics
from modicum.evaluation.statistics import paired_difference
from modicum.images import read_mask
from modicum.runs.predicting import predict
from modicum.runs.scaling import surest_scale


def dice(case: Case, data: Dataset, folder: Path) -> float:
    found, valid = read_mask(folder / f"{case.id}.png") > 0, load_field_of_view(case)
    return float(binary_metrics(found, load_label(case, data.code) > 0, valid, distances=False)["dice"])


def measured(bundle: Bundle, name: str, out: Path, most: int) -> dict[str, Any]:
    data = discover(DATA / name)
    cases = [c for c in data.labelled if c.part == "test"] or list(data.labelled)
    cases = [cases[i] for i in np.linspace(0, len(cases) - 1, min(most, len(cases))).round().astype(int)]
    scale, expected = surest_scale(bundle, [c.image for c in cases])
    found = {}
    for shown in dict.fromkeys((1.0, scale)):
        folder = out / name / f"{shown:g}"
        predict(bundle, [str(c.image) for c in cases], folder, scale=shown)
        found[shown] = pd.Series({c.id: dice(c, data, folder) for c in cases})
    gain = paired_difference(found[scale], found[1.0], [c.patient for c in cases])
    means = {f"{shown:g}": float(each.mean()) for shown, each in found.items()}
    return {
        "pictures": len(cases),
        "scale": scale,
        "expected": expected,
        "dice": means,
        "gain": gain["mean"],
        "ci95": gain["ci95"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    parser.add_argument("--pictures", type=int, default=20)
    parser.add_argument("--name", default="model", help="of the results")
    options = parser.parse_args()
    bundle, out, results = Bundle.load(options.model), options.out / "resolution", {}
    for data in options.data:
        results[data] = measured(bundle, data, out / options.name, options.pictures)
        print(options.name, data, json.dumps(results[data]), flush=True)
        (out / f"{options.name}.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
