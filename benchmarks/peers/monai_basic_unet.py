"""MONAI: BasicUNet with the settings of its 2D segmentation tutorial (crops of 96, Dice loss, Adam 1e-3, sliding window).

The tutorial cuts them from pictures of 128 pixels, and so do we; at full resolution where structures are fine.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from monai.inferers import sliding_window_inference
from monai.losses import DiceLoss
from monai.networks.nets import BasicUNet
from monai.transforms import Compose, RandCropByPosNegLabeld, RandRotate90d, ScaleIntensityd
from monai.utils import set_determinism
from task import Clock, Task, finish, small, small_mask

SIZE, SIDE = (96, 96), 128


def main() -> None:
    task = Task.read(Path(sys.argv[1]))
    set_determinism(0)
    rng = np.random.default_rng(0)
    pairs = list(zip(task.images, task.masks, strict=True))
    if not task.fine:
        pairs = [(small(image, SIDE), small_mask(mask, SIDE)) for image, mask in pairs]
    pictures = [
        {"image": torch.from_numpy(image.transpose(2, 0, 1).astype(np.float32)), "label": torch.from_numpy(mask[None]).float()}
        for image, mask in pairs
    ]
    show = Compose(
        [
            ScaleIntensityd(keys="image"),
            RandCropByPosNegLabeld(("image", "label"), "label", SIZE, pos=1, neg=1, num_samples=4),
            RandRotate90d(("image", "label"), prob=0.5, spatial_axes=(0, 1)),
        ]
    )
    network, loss = BasicUNet(spatial_dims=2, in_channels=3, out_channels=1), DiceLoss(sigmoid=True)
    optimiser, clock, again = torch.optim.Adam(network.parameters(), 1e-3), Clock(task.seconds), True
    while again:
        chosen = rng.choice(len(pictures), 2, replace=False)
        crops = [crop for index in chosen for crop in show(pictures[index])]
        optimiser.zero_grad()
        answer = network(torch.stack([crop["image"].as_tensor() for crop in crops]))
        loss(answer, torch.stack([crop["label"].as_tensor() for crop in crops])).backward()
        optimiser.step()
        again = clock.step()
    network.eval()

    @torch.no_grad()
    def segment(image: np.ndarray) -> np.ndarray:
        shown = image if task.fine else small(image, SIDE)
        x = torch.from_numpy(shown.transpose(2, 0, 1).astype(np.float32))
        x = (x - x.min()) / (x.max() - x.min()).clamp(min=1e-6)
        answer = sliding_window_inference(x[None], SIZE, 4, network)
        return cv2.resize(torch.sigmoid(answer)[0, 0].numpy(), image.shape[1::-1]) >= 0.5

    finish(task, segment, clock)


if __name__ == "__main__":
    main()
