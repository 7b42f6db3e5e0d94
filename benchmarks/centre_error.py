"""How far off a centre may be: `python benchmarks/centre_error.py` after `two_steps.py centres`.

As thesis-data-efficient-segmentation figure 4.12, for every polar model of that experiment with a localiser of its own. First
the true centre moved on purpose, in a random direction, by a part of the object's radius (that of a disc of its area); then the
test pictures sorted by how far off the model's own centre was. Writes `OUT/centre_error.json`.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

import modicum as md
from modicum.bundle import class_numbers
from modicum.evaluation.metrics import binary_metrics
from modicum.images import read_picture
from modicum.inference import Segmenter

MOVED = (0.0, 0.1, 0.25, 0.5, 1.0)  # radii
BINS = (0.0, 0.1, 0.25, 0.5, 1.0, np.inf)
Mask = npt.NDArray[np.bool_]


def centre(mask: Mask) -> npt.NDArray[np.float64]:
    return np.argwhere(mask).mean(axis=0)


def overlap(mask: Mask, truth: Mask) -> float:
    return binary_metrics(mask, truth, distances=False)["dice"]


def about(segmenter: Segmenter, picture: npt.NDArray[np.uint8], point: npt.NDArray[np.float64]) -> npt.NDArray[np.float16]:
    """The answer when the centre is a given point: shown to the model as a mask of that one pixel."""
    mask = np.zeros(picture.shape[:2], bool)
    y, x = np.clip(np.rint(point), 0, np.array(mask.shape) - 1).astype(int)
    mask[y, x] = True
    return segmenter.look(picture, mask).probability


def case(bundle: md.Bundle, segmenter: Segmenter, row: dict[str, str], rng: np.random.Generator) -> dict[str, Any]:
    """Dice about moved centres and about the model's own, and how far off that was, radii."""
    picture = read_picture(Path(row["image"]))
    truth = cv2.imread(row["label"], cv2.IMREAD_GRAYSCALE) > 127

    def score(probability: npt.NDArray[np.float16]) -> float:
        return overlap(class_numbers(probability, bundle) > 0, truth)

    radius, angle = np.sqrt(truth.sum() / np.pi), rng.uniform(0, 2 * np.pi)
    way = radius * np.array([np.sin(angle), np.cos(angle)])
    second = replace(segmenter, with_localiser=False)
    found: dict[str, Any] = {f"moved {m:g}": score(about(second, picture, centre(truth) + m * way)) for m in MOVED}
    look = segmenter.look(picture)
    answers = second.answers(segmenter.pixels(picture), look.glimpses)
    rough = look.rough if look.rough is not None else truth
    error = np.linalg.norm(np.array(look.places[0].centre) - centre(truth)) / radius if look.places else np.inf
    return found | {
        "error": float(error),
        "both networks": score(look.probability),
        "second network": score(segmenter.view.fuse(zip(look.glimpses, answers, strict=True), truth.shape, 1)),
        "first mask": overlap(rough, truth),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    options = parser.parse_args()
    results = {}
    for cell in json.loads((options.out / "two_steps" / "centres.json").read_text()):
        if not cell["name"].startswith("polar") or cell["upper_bound"]:
            continue
        name = cell["name"].replace(" ", "_")
        place = next((options.out / "two_steps").glob(f"centres-{cell['data']}-*{name}*seed{cell['seed']}"))
        bundle, rng = md.Bundle.load(place / "model.modicum"), np.random.default_rng(0)
        listed = pd.read_csv(options.out / "two_steps" / f"{cell['data']}-{cell['labels']}.csv")
        segmenter = bundle.segmenter()
        rows = [case(bundle, segmenter, row, rng) for row in listed[listed["split"] == "test"].to_dict("records")]
        table = pd.DataFrame(rows)
        binned = table.groupby(pd.cut(table["error"], BINS, include_lowest=True), observed=True)
        print(f"\n{place.name}: median error {table['error'].median():.3f} radii")
        print("true centre moved by:", "  ".join(f"{m:g} {table[f'moved {m:g}'].mean():.4f}" for m in MOVED))
        print(
            binned[["first mask", "second network", "both networks", "moved 0"]]
            .mean()
            .assign(pictures=binned.size())
            .round(4)
            .to_string()
        )
        results[place.name] = rows
    (options.out / "centre_error.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
