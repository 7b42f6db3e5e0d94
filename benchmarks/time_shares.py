"""What a training and a prediction spend their time on: `python benchmarks/time_shares.py`.

Trains `small-whole` and `small-patches` for `--minutes` each and predicts 200 pictures of 256 pixels (isic2018 made small)
with the first model. Counts the processor's seconds of one thread, so that other work on the machine does not count. Writes
`OUT/time_shares.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "BUDGETS": "processor"}

import cv2
import torch

import modicum as md
from cells import DATA, manifest
from modicum.inference import Segmenter
from modicum.runs import predicting, quality
from modicum.starts.pooled import Pooled
from modicum.supervision.labelled import LabelledPictures
from modicum.training import checkpoint, ema, loop

SPENT: dict[str, float] = defaultdict(float)
DATA_OF = {"small-whole": "isic2018", "small-patches": "drive"}


def timed(owner: Any, name: str, what: str) -> None:
    """From now on the seconds in a function count for something; not those in a timed one inside it."""
    inner: Callable[..., Any] = getattr(owner, name)

    def outer(*args: Any, **more: Any) -> Any:
        began, before = time.process_time(), sum(SPENT.values())
        found = inner(*args, **more)
        SPENT[what] += time.process_time() - began - (sum(SPENT.values()) - before)
        return found

    setattr(owner, name, outer)


def watch() -> None:
    timed(loop, "_step", "network: forward, backward, optimiser")
    timed(LabelledPictures, "batch", "views and augmentation")
    timed(ema.AveragedWeights, "update", "averaged weights")
    timed(checkpoint.Checkpoints, "save", "checkpoints")
    timed(Segmenter, "forward", "network")
    timed(Pooled, "forward", "network: description")
    timed(predicting, "read_picture", "reading")
    timed(quality.Quality, "add", "quality of each, beside the network")
    timed(quality.Quality, "write", "contact sheet")
    timed(predicting, "_write", "writing")
    timed(predicting, "class_numbers", "thresholds and finishing")


def training(recipe: str, minutes: float, out: Path) -> tuple[md.Run, dict[str, float]]:
    """Shares of the training, without reading before and testing after it."""
    inner, found = loop.fit, {}

    def fit(parts: loop.Parts, batches: Any, validate: Callable[..., Any], *more: Any) -> Any:
        SPENT.clear()
        timed(parts_of := type("Look", (), {"validate": staticmethod(validate)}), "validate", "network: validation")
        began = time.process_time()
        done = inner(parts, batches, parts_of.validate, *more)
        found.update(shares(time.process_time() - began))
        return done

    from modicum.runs import training as runs

    runs.fit = fit
    data = DATA_OF[recipe]
    run = md.train(manifest(data, 40 if data == "isic2018" else 16, out), out / recipe, recipe=recipe, budget=minutes)
    runs.fit = inner
    return run, found


def prediction(run: md.Run, out: Path) -> dict[str, float]:
    pictures = out / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    for path in sorted((DATA / "isic2018" / "images").iterdir())[:200]:
        cv2.imwrite(
            str(pictures / f"{path.stem}.png"), cv2.resize(cv2.imread(str(path)), (256, 256), interpolation=cv2.INTER_AREA)
        )
    SPENT.clear()
    began = time.process_time()
    predicting.predict(run.bundle, [str(pictures)], out / "masks")
    return {**shares(whole := time.process_time() - began), "seconds a picture": whole / 200}


def shares(whole: float) -> dict[str, float]:
    """Of everything that was timed, and the rest."""
    found = {what: seconds / whole for what, seconds in SPENT.items()}
    return {**found, "the rest": 1 - sum(found.values())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    parser.add_argument("--minutes", type=float, default=2.0)
    options = parser.parse_args()
    out = options.out / "time_shares"
    torch.set_num_threads(1)
    watch()
    result = {}
    for recipe in DATA_OF:
        run, result[f"training, {recipe}"] = training(recipe, options.minutes, out)
        if recipe == "small-whole":
            result["prediction, 256 pixels"] = prediction(run, out)
    out.with_suffix(".json").write_text(json.dumps(result, indent=1))
    for name, found in result.items():
        print(name)
        for what, value in sorted(found.items(), key=lambda one: -one[1]):
            print(f"  {what:40} {value:.3f}" if "seconds" in what else f"  {what:40} {value:6.1%}")


if __name__ == "__main__":
    main()
