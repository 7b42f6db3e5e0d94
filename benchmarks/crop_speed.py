"""Seconds for a picture with few and with many objects, crops as one batch: `python benchmarks/crop_speed.py`

Networks of random weights (their answers do not matter to the clock), a localiser of the same size that is run and then
overruled by the true mask, so that the number of objects is known. "One by one" is the published way: a crop an object, one
after the other. Prints a table and writes `OUT/crop_speed.json`.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from modicum.images.intensity import Intensity
from modicum.inference import Segmenter, ready
from modicum.networks import NETWORKS
from modicum.views import VIEWS

UNET = {"name": "unet", "encoder": {"widths": [16, 32, 64, 128, 256]}}
SIDE = 512


def picture(objects: int, seed: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """A picture with so many discs that do not touch, and their mask."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((SIDE, SIDE))
    mask, placed = np.zeros((SIDE, SIDE), bool), 0
    while placed < objects:
        cy, cx, radius = rng.uniform(14, SIDE - 14), rng.uniform(14, SIDE - 14), rng.uniform(6, 11)
        if not mask[(y - cy) ** 2 + (x - cx) ** 2 < (radius + 4) ** 2].any():
            mask |= (y - cy) ** 2 + (x - cx) ** 2 < radius**2
            placed += 1
    image = np.where(mask[..., None], 180, 60) + rng.normal(0, 12, (SIDE, SIDE, 3))
    return np.clip(image, 0, 255).astype(np.uint8), mask


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    network, intensity = ready(NETWORKS.build(UNET, 3, 1)), Intensity((0.5,) * 3, (0.25,) * 3)
    coarse = Segmenter(network, VIEWS.build({"name": "whole", "size": 96}), intensity, 1)
    ways = {
        "crops": Segmenter(network, VIEWS.build({"name": "crops", "size": 96}), intensity, 1),
        "a crop an object, one batch": Segmenter(
            network, VIEWS.build({"name": "crops", "size": 96, "most": None}), intensity, 1
        ),
    }

    def seconds(way: Segmenter, objects: int, number: int, *, singly: bool = False) -> tuple[float, int]:
        image, mask = picture(objects, number)
        start = time.perf_counter()
        coarse.probabilities(image)
        if singly:
            glimpses = way.view.glimpses((SIDE, SIDE), way.view.places(mask, image))
            for glimpse in glimpses:
                way.view.fuse([(glimpse, next(iter(way.answers(image, [glimpse]))))], (SIDE, SIDE), 1)
        else:
            glimpses = way.look(image, mask).glimpses
        return time.perf_counter() - start, len(glimpses)

    table = []
    for name, way, singly in [(n, w, False) for n, w in ways.items()] + [("a crop an object, one by one", way_all(ways), True)]:
        row: dict[str, float | str] = {"way": name}
        for objects in (1, 5, 20, 100):
            times = [seconds(way, objects, number, singly=singly) for number in range(options.rounds)]
            row[f"{objects} objects, s"] = round(float(np.median([t for t, _ in times])), 4)
            row[f"{objects} objects, crops"] = float(np.median([n for _, n in times]))
        row["100 to 5"] = round(float(row["100 objects, s"]) / float(row["5 objects, s"]), 2)
        table.append(row)
        print("  ".join(f"{k}: {v}" for k, v in row.items()), flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "crop_speed.json").write_text(json.dumps(table, indent=1))


def way_all(ways: dict[str, Segmenter]) -> Segmenter:
    """The segmenter that cuts out every object."""
    return ways["a crop an object, one batch"]


if __name__ == "__main__":
    main()
