"""What the network says of a few pictures while it is trained: `samples.png`, which the page shows."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from modicum.evaluation import overlay
from modicum.evaluation.pictures import outlines
from modicum.images import write_picture
from modicum.images.intensity import Levels
from modicum.images.volumes import Slicing
from modicum.supervision.labelled import LabelledPictures

_MOST = 4  # pictures
_EDGE = 224  # pixels of each
_REST = 150  # times what a look has cost until the next: well below 1 % of the training
_LABEL = (255, 255, 255)

Picture = npt.NDArray[np.uint8]


class Samples:
    """Square pictures side by side, as the network sees them: its contours in the colours of the classes, the label's white.

    Nothing random is drawn, so that a training is the same with them and without.
    """

    def __init__(
        self,
        path: Path,
        source: LabelledPictures,
        forward: Callable[[nn.Module, torch.Tensor], torch.Tensor],
    ) -> None:
        self._path, self._forward, self._next = path, forward, 0.0
        batch, cases = source.batch(0), source.shown(0)
        chosen = [cases.index(case) for case in dict.fromkeys(cases)][:_MOST]
        self._images = batch.images[chosen]
        labels = _middle(batch.target[chosen])
        mean, sd = (np.array(v, np.float32) for v in (source.intensity.mean, source.intensity.sd))
        self._pictures = [
            outlines(_square(_seen(image, mean, sd, source.slicing)), _square(label), _LABEL)
            for image, label in zip(self._images.numpy(), labels.numpy(), strict=True)
        ]

    @torch.no_grad()
    def take(self, network: nn.Module) -> None:
        """Ask the network, unless that was done a short while ago.

        Raises:
            ModicumError: the file cannot be written.
        """
        begun = time.monotonic()
        if begun < self._next:
            return
        logits = self._forward(network, self._images).float().cpu()
        answers = _middle((logits[:, 0] > 0).to(torch.uint8) if logits.shape[1] == 1 else logits.argmax(1).to(torch.uint8))
        shown = [
            overlay(picture, _square(answer), opacity=0.0, contour=2)
            for picture, answer in zip(self._pictures, answers.numpy(), strict=True)
        ]
        write_picture(self._path, np.concatenate(shown, axis=1))
        now = time.monotonic()
        self._next = now + _REST * (now - begun)


def _middle(numbers: torch.Tensor) -> torch.Tensor:
    """Class numbers (N, h, w); of blocks (N, d, h, w) their middle slices."""
    return numbers if numbers.ndim == 3 else numbers[:, numbers.shape[1] // 2]


def _seen(image: Levels, mean: Levels, sd: Levels, slicing: Slicing) -> Picture:
    """What a network is shown, (C, h, w), of a block (1, d, h, w), as a picture (h, w, 3); of a volume the slice itself."""
    if image.ndim == 4:
        image = image[:, image.shape[1] // 2]
    values = image.transpose(1, 2, 0) * sd + mean
    if values.shape[2] != 3 or not slicing.plain:
        values = np.repeat(values[..., slicing.neighbours, None], 3, axis=2)
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), np.uint8)


def _square(picture: Picture) -> Picture:
    """A picture (h, w, 3) or mask (h, w) within a square, dark where it does not reach."""
    height, width = picture.shape[:2]
    scale = _EDGE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = cv2.INTER_NEAREST if picture.ndim == 2 else cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    top, left = (_EDGE - size[1]) // 2, (_EDGE - size[0]) // 2
    square = np.zeros((_EDGE, _EDGE, *picture.shape[2:]), np.uint8)
    square[top : top + size[1], left : left + size[0]] = cv2.resize(np.ascontiguousarray(picture), size, interpolation=how)
    return square
