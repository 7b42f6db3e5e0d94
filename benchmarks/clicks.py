"""Dice against clicks: `python benchmarks/clicks.py kvasir40 isic10`.

Somebody who knows the true mask draws a box about everything (each side up to a twentieth too far out) and then clicks, again
and again, into the middle of the largest error that is left inside the box. What the page makes of that without a network, with
one, and with one that is tuned to the picture after each click, beside the network alone. The networks are Modicum's of
`peers/versus.py` (`--who modicum`), the pictures the first of its test pictures. Prints a table and writes `OUT/clicks.json`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

sys.path.append(str(Path(__file__).parent / "peers"))
from versus import rows

from modicum.bundle import Bundle
from modicum.evaluation.metrics import binary_metrics
from modicum.evaluation.statistics import paired_difference
from modicum.images import read_picture
from modicum.inference import tuned
from modicum.web.refining import INSIDE, OUTSIDE, Box, lesson, refine

Mask = npt.NDArray[np.bool_]


class Finder:
    """What is found in one picture from a box and clicks, by each method."""

    def __init__(self, bundle: Bundle, picture: npt.NDArray[np.uint8], box: Box) -> None:
        self.bundle, self.picture, self.box = bundle, picture, box
        self.segmenter = bundle.segmenter()
        self.probability = np.asarray(self.segmenter.probabilities(picture)[0], np.float32)

    def network(self, seeds: npt.NDArray[np.uint8]) -> Mask:
        """What it says inside the box; clicked pixels are as clicked."""
        top, left, bottom, right = self.box
        found = np.zeros(seeds.shape, np.bool_)
        found[top:bottom, left:right] = self.probability[top:bottom, left:right] >= self.bundle.threshold
        return (found | (seeds == INSIDE)) & (seeds != OUTSIDE)

    def box_and_clicks(self, seeds: npt.NDArray[np.uint8]) -> Mask:
        return refine(self.picture, seeds, self.box)

    def with_network(self, seeds: npt.NDArray[np.uint8]) -> Mask:
        return refine(self.picture, seeds, self.box, self.probability)

    def tuned_to_it(self, seeds: npt.NDArray[np.uint8]) -> Mask:
        """Anew after each click, from the model as it is."""
        if not seeds.any():
            return self.with_network(seeds)
        truth, weight = lesson(self.picture, seeds, self.box, self.probability)
        found = tuned(self.segmenter, self.picture, truth, weight).probabilities(self.picture)
        return refine(self.picture, seeds, self.box, np.asarray(found[0], np.float32))


METHODS = {
    "network inside the box": Finder.network,
    "box and clicks": Finder.box_and_clicks,
    "and the network": Finder.with_network,
    "tuned to the picture": Finder.tuned_to_it,
}


def box_about(truth: Mask, rng: np.random.Generator) -> Box:
    """Each side up to a twentieth of the object too far out."""
    ys, xs = np.nonzero(truth)
    height, width = np.ptp(ys) + 1, np.ptp(xs) + 1
    top, left, bottom, right = (int(rng.uniform(0, 0.05) * side) for side in (height, width, height, width))
    return (
        max(0, ys.min() - top),
        max(0, xs.min() - left),
        min(truth.shape[0], ys.max() + 1 + bottom),
        min(truth.shape[1], xs.max() + 1 + right),
    )


def click(found: Mask, truth: Mask, seeds: npt.NDArray[np.uint8], box: Box) -> bool:
    """A dot as wide as the page's scribbles where the largest error in the box is deepest; False if there is none."""
    wrong = np.zeros(truth.shape, np.uint8)
    top, left, bottom, right = box
    wrong[top:bottom, left:right] = (found ^ truth)[top:bottom, left:right]
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(wrong)
    if len(stats) < 2:
        return False
    largest = (pieces == 1 + stats[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8)
    depth = cv2.distanceTransform(np.pad(largest, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    y, x = np.unravel_index(depth.argmax(), depth.shape)
    dot = np.zeros(truth.shape, np.uint8)
    cv2.circle(dot, (int(x), int(y)), max(1, round(max(truth.shape) / 120)), 1, -1)
    seeds[(dot > 0) & (truth == truth[y, x])] = INSIDE if truth[y, x] else OUTSIDE
    return True


def measured(task: str, options: argparse.Namespace) -> dict[str, object]:
    """Dice by picture, method and number of clicks."""
    cell = options.out / "peers" / f"{task}-modicum-{options.minutes:g}m"
    if not (model := cell / "run" / "model.modicum").exists():
        raise SystemExit(f"{model}: train it with peers/versus.py {task} --minutes {options.minutes:g} --who modicum")
    bundle, rng = Bundle.load(model), np.random.default_rng(0)
    dice: dict[str, dict[str, list[float]]] = defaultdict(dict)
    seconds: dict[str, list[float]] = defaultdict(list)
    for row in [row for row in rows(task, cell) if row.part == "test"][: options.pictures]:
        truth = cv2.imread(row.label, cv2.IMREAD_GRAYSCALE) > 127
        finder = Finder(bundle, read_picture(Path(row.image)), box_about(truth, rng))
        alone = finder.probability >= bundle.threshold
        dice["network alone"][row.stem] = [float(binary_metrics(alone, truth, distances=False)["dice"])]
        for name, method in METHODS.items():
            seeds, curve = np.zeros(truth.shape, np.uint8), []
            for _ in range(options.clicks + 1):
                began = time.process_time()
                found = method(finder, seeds)
                seconds[name].append(time.process_time() - began)
                curve.append(float(binary_metrics(found, truth, distances=False)["dice"]))
                if not click(found, truth, seeds, finder.box):
                    break
            dice[name][row.stem] = curve + curve[-1:] * (options.clicks + 1 - len(curve))
    return {"task": task, "dice": dice, "seconds": {name: float(np.mean(each)) for name, each in seconds.items()}}


def show(result: dict[str, object]) -> None:
    """A row for each method; what the last number is ahead of the network alone, paired over pictures."""
    dice, seconds = result["dice"], result["seconds"]
    assert isinstance(dice, dict)
    assert isinstance(seconds, dict)
    alone = pd.Series({stem: curve[0] for stem, curve in dice["network alone"].items()})
    print(f"{result['task']}, {len(alone)} pictures; a box and 0, 1, ... clicks")
    for name, curves in dice.items():
        means = " ".join(f"{m:.3f}" for m in np.mean(list(curves.values()), axis=0))
        text = f"  {name:24} {means}"
        if name in seconds:
            gain = paired_difference(pd.Series({stem: curve[-1] for stem, curve in curves.items()}), alone)
            text += f"  {gain['mean']:+.3f} [{gain['ci95'][0]:+.3f}, {gain['ci95'][1]:+.3f}]  {seconds[name]:.2f} s"
        print(text)


def main() -> None:
    """The table."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("tasks", nargs="+")
    given.add_argument("--minutes", type=float, default=5, help="of the cell whose network is taken")
    given.add_argument("--pictures", type=int, default=40)
    given.add_argument("--clicks", type=int, default=5)
    given.add_argument("--out", type=Path, default=Path(__file__).parent / "out")
    options = given.parse_args()
    results = []
    for task in options.tasks:
        results.append(measured(task, options))
        show(results[-1])
    (options.out / "clicks.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
