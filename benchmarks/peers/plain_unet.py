"""The plain U-Net of thesis-data-efficient-segmentation: the whole picture made small, Dice loss, Adam, no augmentation."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from task import Clock, Segment, Task, finish, small, small_mask
from torch import nn

WIDTHS = [32, 64, 128, 256, 512]
SIDE = 256


def block(before: int, after: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs in (before, after):
        layers += [nn.Conv2d(inputs, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(block(b, a) for b, a in zip([3, *WIDTHS], WIDTHS, strict=False))
        pairs = list(zip(WIDTHS[:0:-1], WIDTHS[-2::-1], strict=True))
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, 2) for b, a in pairs)
        self.up = nn.ModuleList(block(2 * a, a) for _, a in pairs)
        self.last = nn.Conv2d(WIDTHS[0], 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = []
        for number, down in enumerate(self.down):
            x = down(nn.functional.max_pool2d(x, 2) if number else x)
            kept.append(x)
        for enlarge, up, skip in zip(self.enlarge, self.up, kept[-2::-1], strict=True):
            x = up(torch.cat([enlarge(x), skip], 1))
        return self.last(x)


def whole_pictures(task: Task) -> tuple[torch.Tensor, torch.Tensor]:
    """All pictures (N, 3, S, S), 0 to 1, and masks (N, 1, S, S)."""
    x = np.stack([small(image, SIDE) for image in task.images]).astype(np.float32) / 255
    y = np.stack([small_mask(mask, SIDE) for mask in task.masks]).astype(np.float32)
    return torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(y)[:, None]


def segmenter(network: nn.Module) -> Segment:
    """The whole picture made small, the answer enlarged, a threshold of .5."""
    network.eval()

    @torch.no_grad()
    def segment(image: np.ndarray) -> np.ndarray:
        x = small(image, SIDE).astype(np.float32) / 255
        answer = torch.sigmoid(network(torch.from_numpy(x).permute(2, 0, 1)[None])).numpy()[0, 0]
        return cv2.resize(answer, image.shape[1::-1], interpolation=cv2.INTER_LINEAR) >= 0.5

    return segment


def dice_loss(answer: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    likely = torch.sigmoid(answer)
    both = (likely * true).sum((1, 2, 3))
    return (1 - (2 * both + 1) / (likely.sum((1, 2, 3)) + true.sum((1, 2, 3)) + 1)).mean()


def main() -> None:
    task = Task.read(Path(sys.argv[1]))
    torch.manual_seed(0)
    network, (x, y) = UNet(), whole_pictures(task)
    optimiser, clock, again = torch.optim.Adam(network.parameters(), 1e-3), Clock(task.seconds), True
    while again:
        chosen = torch.randperm(len(x))[:8]
        optimiser.zero_grad()
        dice_loss(network(x[chosen]), y[chosen]).backward()
        optimiser.step()
        again = clock.step()
    finish(task, segmenter(network), clock)


if __name__ == "__main__":
    main()
