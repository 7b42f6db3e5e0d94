"""segmentation_models.pytorch: U-Net on ResNet-34 without published weights (no hub is reachable), flips, AdamW, one cycle."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
import without_torchvision  # noqa: F401

import segmentation_models_pytorch as smp  # isort: skip
from plain_unet import segmenter, whole_pictures
from task import Clock, Task, finish

MEAN, SD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def main() -> None:
    task = Task.read(Path(sys.argv[1]))
    torch.manual_seed(0)
    network, (x, y) = smp.Unet("resnet34", encoder_weights=None), whole_pictures(task)
    x = (x - torch.tensor(MEAN).float()[:, None, None]) / torch.tensor(SD).float()[:, None, None]
    dice, bce = smp.losses.DiceLoss("binary"), torch.nn.BCEWithLogitsLoss()
    optimiser, clock, again = torch.optim.AdamW(network.parameters(), 1e-3), Clock(task.seconds), True
    while again:
        for group in optimiser.param_groups:  # one cycle, by the clock
            p = clock.progress
            group["lr"] = 1e-3 * (p / 0.3 if p < 0.3 else (1 + np.cos(np.pi * (p - 0.3) / 0.7)) / 2) + 1e-6
        chosen = torch.randperm(len(x))[:8]
        flips = [d for d in (2, 3) if torch.rand(()) < 0.5]
        images, true = x[chosen].flip(flips), y[chosen].flip(flips)
        optimiser.zero_grad()
        answer = network(images)
        (dice(answer, true) + bce(answer, true)).backward()
        optimiser.step()
        again = clock.step()
    finish(task, segmenter(network, task.side, MEAN, SD), clock)


if __name__ == "__main__":
    main()
