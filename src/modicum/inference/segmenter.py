"""A trained network with its view and its preparation: picture in, probability map out."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.fx.experimental.optimization import fuse as fold_batch_norm

from modicum.geometry import CoordinateMap, sample
from modicum.images.intensity import Intensity, working_pixels
from modicum.training.device import in_layout
from modicum.views import View, fuse

_BATCH_PIXELS = 512 * 1024  # seen by the network at once: bounds the memory whatever the picture


@dataclass(frozen=True)
class Segmenter:
    """Everything that a prediction needs, on one device."""

    network: nn.Module  # eval mode
    view: View
    intensity: Intensity
    classes: int  # K, foreground classes
    bf16: bool = False
    flips: bool = False  # average over the four flips of every view: better, four times the time

    def probabilities(self, picture: npt.NDArray[Any]) -> npt.NDArray[np.float16]:
        """Probability maps (K, H, W) of the foreground classes for a picture (H, W, C) of any dtype."""
        pixels = working_pixels(picture, self.intensity.channels, grey=self.intensity.grey)
        maps = self.view.inference_maps((pixels.shape[0], pixels.shape[1]))
        return fuse(self._answers(pixels, maps), (pixels.shape[0], pixels.shape[1]), self.classes)

    def _answers(self, pixels: npt.NDArray[np.uint8], maps: Any) -> Iterator[tuple[CoordinateMap, npt.NDArray[np.float32]]]:
        """The network's answer (K, h, w) to every view, a batch at a time."""
        mean, sd = self.intensity.scale(pixels)
        table = ((np.linspace(0, 1, 256, dtype=np.float32)[:, None] - mean) / sd).astype(np.float32)
        count = max(1, _BATCH_PIXELS // (maps[0].target[0] * maps[0].target[1]))
        for start in range(0, len(maps), count):
            group = maps[start : start + count]
            seen = np.stack([cv2.LUT(sample(pixels, by), table[None]).reshape(*by.target, -1) for by in group])
            answers = self.answer(torch.from_numpy(seen).permute(0, 3, 1, 2)).cpu().numpy()
            yield from zip(group, answers, strict=True)

    @torch.inference_mode()
    def answer(self, images: torch.Tensor) -> torch.Tensor:
        """Probabilities (N, K, h, w) for prepared images (N, C, h, w)."""
        device = next(self.network.parameters()).device
        images = images.to(device)
        total = self._forward(images)
        if not self.flips:
            return total
        for axes in ((2,), (3,), (2, 3)):
            total = total + self._forward(images.flip(axes)).flip(axes)
        return total / 4

    def _forward(self, images: torch.Tensor) -> torch.Tensor:
        with torch.autocast(images.device.type, torch.bfloat16) if self.bf16 else contextlib.nullcontext():
            logits: torch.Tensor = self.network(images)
        logits = logits.float()
        return logits.sigmoid() if self.classes == 1 else logits.softmax(dim=1)[:, 1:]


def ready(network: nn.Module, *, channels_last: bool = True) -> nn.Module:
    """A copy of a network for prediction: eval mode, batch norm folded into the convolutions where that can be traced."""
    network = copy.deepcopy(network).eval()
    with contextlib.suppress(Exception):  # a network that cannot be traced is used as it is: the same answers, slower
        network = fold_batch_norm(network)
    return in_layout(network, channels_last)
