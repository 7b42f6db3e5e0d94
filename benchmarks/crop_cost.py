"""What plain downscaling and crops cost at each size: `python benchmarks/crop_cost.py` after `two_steps.py crops`.

For each model of that experiment: parameters, Dice, seconds a picture (median over 30 test pictures, no flips), peak memory of
prediction, peak memory of a training step of 8 and the largest batch that fits into 8 GiB (a straight line through the steps of
8 and 32; the second network of a method of two is trained when the first is gone). Memory is that of a process of its own, less
what it holds before the first picture. As thesis-data-efficient-segmentation table 5.4. Writes `OUT/crop_cost.json`.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import modicum as md
from modicum.images import read_picture
from modicum.training.device import step_seconds
from modicum.views import VIEWS

LIMIT = 8 * 1024.0  # MiB


def peak() -> float:
    """Largest resident memory of this process so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def probe_prediction(model: Path, pictures: list[str]) -> dict[str, float]:
    """Seconds a picture and memory of prediction."""
    segmenter = md.Bundle.load(model).segmenter(flips=False)
    loaded = [read_picture(Path(p)) for p in pictures]
    before, seconds = peak(), []
    for picture in [loaded[0], *loaded]:
        start = time.perf_counter()
        segmenter.probabilities(picture)
        seconds.append(time.perf_counter() - start)
    return {"seconds": float(np.median(seconds[1:])), "predict_mib": peak() - before}


def probe_step(model: Path, batch: int) -> dict[str, float]:
    """Memory of a training step."""
    bundle = md.Bundle.load(model)
    shape = (batch, bundle.intensity.channels, *VIEWS.build(bundle.recipe.view).size)
    network, before = bundle.network(), peak()
    step_seconds(network, shape, "bf16-mixed", True)
    return {"step_mib": peak() - before}


def in_a_process(*arguments: object) -> dict[str, float]:
    done = subprocess.run([sys.executable, __file__, *map(str, arguments)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    parser.add_argument("--probe", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.manual_seed(0)
    if options.probe:
        kind, model, *rest = options.probe
        found = probe_prediction(Path(model), rest) if kind == "predict" else probe_step(Path(model), int(rest[0]))
        print(json.dumps(found))
        return
    table = []
    for cell in json.loads((options.out / "two_steps" / "crops.json").read_text()):
        place = next((options.out / "two_steps").glob(f"crops-*-{cell['name'].replace(' ', '_')}-*seed{cell['seed']}"))
        listed = pd.read_csv(options.out / "two_steps" / f"{cell['data']}-{cell['labels']}.csv")
        pictures = listed[listed["split"] == "test"]["image"].head(30)
        model = place / "model.modicum"
        row = {"method": cell["name"], "parameters": cell["params"], "dice": cell["summary"]["dice"]["mean"]}
        row |= in_a_process("--probe", "predict", model, *pictures)
        small, large = (in_a_process("--probe", "step", model, n)["step_mib"] for n in (8, 32))
        row |= {"step_of_8_mib": small, "largest_batch": int((LIMIT - small) / ((large - small) / 24) + 8)}
        table.append(row)
        print("  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()), flush=True)
    (options.out / "crop_cost.json").write_text(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
