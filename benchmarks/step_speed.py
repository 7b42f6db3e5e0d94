"""The training step against the plain PyTorch loop, same network, in one run: `python benchmarks/step_speed.py`.

The plain loop is what a tutorial writes: single precision, PyTorch's default layout, Adam, Dice loss, data already in memory.
Ours includes all of a real step: augmented batches, clipping, averaged weights. Both are timed in turns, so that a noisy
machine is noisy for both.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch

from modicum.augment import POLICIES
from modicum.images.intensity import Intensity
from modicum.losses import LOSSES
from modicum.networks import NETWORKS
from modicum.supervision.labelled import LabelledPictures
from modicum.training.device import choose_compute
from modicum.training.ema import AveragedWeights
from modicum.views import VIEWS, TrainingPicture

CASES = {
    "U-Net 32..512, 128 px": ({"encoder": {"widths": [32, 64, 128, 256, 512]}}, 128),
    "U-Net 16..256, 128 px": ({"encoder": {"widths": [16, 32, 64, 128, 256]}}, 128),
    "U-Net 8..64, 192 px": ({"encoder": {"widths": [8, 16, 32, 64]}}, 192),
    "U-Net Lite0, 160 px": ({"encoder": "efficientnet_lite0", "decoder": [96, 64, 32, 16], "up": "bilinear"}, 160),
    "U-Net Lite0, 256 px": ({"encoder": "efficientnet_lite0", "decoder": [96, 64, 32, 16], "up": "bilinear"}, 256),
}
BATCH = 8


def plain(unet: dict[str, Any], size: int) -> Callable[[], None]:
    network = NETWORKS.build({"name": "unet", **unet}, 3, 1)
    optimiser, loss = torch.optim.Adam(network.parameters(), 1e-3), LOSSES.build("dice")
    images, target = torch.rand(BATCH, 3, size, size), torch.randint(0, 2, (BATCH, size, size))

    def step() -> None:
        optimiser.zero_grad()
        loss(network(images), target).backward()
        optimiser.step()

    return step


def ours(unet: dict[str, Any], size: int) -> Callable[[], None]:
    rng = np.random.default_rng(0)
    view = VIEWS.build({"name": "patches", "size": size})
    pictures = [
        view.prepare(TrainingPicture(str(i), rng.integers(0, 256, (584, 565, 3), np.uint8), np.eye(584, 565, dtype=np.uint8)))
        for i in range(5)
    ]
    intensity = Intensity.of([p.image for p in pictures], per_picture=False)
    source = LabelledPictures(pictures, POLICIES.build("strong"), view=view, intensity=intensity, batch_size=BATCH, seed=0)
    network = NETWORKS.build({"name": "unet", **unet}, 3, 1)
    compute = choose_compute(network, (BATCH, 3, size, size), None)
    fabric, loss = compute.fabric(), LOSSES.build("dice_ce")
    average = AveragedWeights(network, 0.99)
    network, optimiser = fabric.setup(compute.layout(network), torch.optim.AdamW(network.parameters(), 1e-3))
    numbers = count()

    def step() -> None:
        number = next(numbers)
        batch = source.batch(number)
        optimiser.zero_grad()
        fabric.backward(loss(network(batch.images).float(), batch.target))
        fabric.clip_gradients(network, optimiser, max_norm=1.0)
        optimiser.step()
        average.update(network.module, number)

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", default=list(CASES))
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/step_speed.json"))
    options = parser.parse_args()
    results = {}
    for name in options.cases:
        unet, size = CASES[name]
        steps = {"plain": plain(unet, size), "modicum": ours(unet, size)}
        seconds: dict[str, list[float]] = {key: [] for key in steps}
        for turn in range(options.rounds + 1):
            for key, step in steps.items():
                start = time.perf_counter()
                step()
                step()
                if turn:  # the first turn warms up
                    seconds[key].append((time.perf_counter() - start) / 2)
        rate = {key: BATCH / float(np.median(s)) for key, s in seconds.items()}
        results[name] = {**rate, "ratio": rate["modicum"] / rate["plain"]}
        print(
            f"{name:24} plain {rate['plain']:6.1f} pictures/s   modicum {rate['modicum']:6.1f}   "
            f"ratio {results[name]['ratio']:.2f}",
            flush=True,
        )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
