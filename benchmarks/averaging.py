"""Is it the polar view, or that two networks are averaged? `python benchmarks/averaging.py`, after `two_steps.py centres`.

For each data set on which the polar method was trained with two seeds: the two first networks (whole pictures, the localiser's
minutes each) averaged with each other, beside each of them averaged with the polar network that it leads. All about .5.
Writes `OUT/averaging.json`.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

import modicum as md
from modicum.evaluation.metrics import binary_metrics
from modicum.evaluation.statistics import paired_difference
from modicum.images import read_picture

MASK = "polar,_centre_from_a_mask"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    folder = parser.parse_args().out / "two_steps"
    results = {}
    for data in ("isic2018", "kvasir_seg"):
        runs = sorted(folder.glob(f"centres-{data}-*-{MASK}-*-seed*"))[:2]
        if len(runs) < 2:
            continue
        bundles = [md.Bundle.load(run / "model.modicum") for run in runs]
        polar = [replace(b.segmenter(), with_localiser=False) for b in bundles]
        firsts = [b.localiser.segmenter() for b in bundles if b.localiser]
        listed = pd.read_csv(next(folder.glob(f"{data}-160.csv")))
        rows = []
        for row in listed[listed["split"] == "test"].to_dict("records"):
            picture, truth = read_picture(Path(row["image"])), cv2.imread(row["label"], cv2.IMREAD_GRAYSCALE) > 127
            first = [s.probabilities(picture).astype(np.float32) for s in firsts]
            second = [s.probabilities(picture).astype(np.float32) for s in polar]

            def score(*maps: npt.NDArray[np.float32], truth: npt.NDArray[np.bool_] = truth) -> float:
                return binary_metrics(np.mean(maps, axis=0)[0] >= 0.5, truth, distances=False)["dice"]

            rows.append({
                "a first network": np.mean([score(f) for f in first]),
                "a polar network": np.mean([score(s) for s in second]),
                "two first networks": score(*first),
                "a first and its polar network": np.mean([score(f, s) for f, s in zip(first, second, strict=True)]),
                "two polar networks": score(*second),
            })  # fmt: skip
        table = pd.DataFrame(rows)
        print(f"\n{data}, {len(table)} test pictures, seeds 0 and 1")
        for name in table:
            d = paired_difference(table[name], table["two first networks"])
            print(f"{name:32} Dice {table[name].mean():.4f}  to two first networks {d['mean']:+.4f} "
                  f"[{d['ci95'][0]:+.4f}, {d['ci95'][1]:+.4f}]")  # fmt: skip
        results[data] = rows
    (folder.parent / "averaging.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
