"""A trained network with its view and its preparation: picture or volume in, probability map out."""

from __future__ import annotations

import contextlib
import copy
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import fx, nn
from torch.fx.experimental.optimization import fuse as fold_batch_norm

from modicum.errors import ModicumError
from modicum.geometry import sample
from modicum.images.intensity import Intensity, Levels, working_pixels
from modicum.inference.calibration import tempered
from modicum.training.device import in_layout
from modicum.views import Glimpse, Place, View
from modicum.views.blocks import as_one_channel, slices_from, starts_of
from modicum.views.fusion import gaussian_window

_BATCH_PIXELS = 512 * 1024  # seen by the network at once: bounds the memory whatever the picture


@dataclass(frozen=True)
class Rough:
    """What a localiser makes of one picture."""

    mask: npt.NDArray[np.bool_]  # (H, W), roughly where the objects are; empty where nothing was found
    probability: npt.NDArray[np.float16] | None = None  # (K, H, W), where it is a segmenter itself


Localiser = Callable[[npt.NDArray[np.uint8]], Rough]
"""From working pixels (H, W, C)."""


@dataclass(frozen=True)
class Look:
    """What was seen in one picture, and how."""

    probability: npt.NDArray[np.float16]  # (K, H, W)
    glimpses: Sequence[Glimpse]
    rough: npt.NDArray[np.bool_] | None  # (H, W), of the localiser, where the view needs one
    places: Sequence[Place]

    @property
    def lost(self) -> bool:
        """Whether the localiser found nothing, so that the whole picture was shown."""
        return self.rough is not None and not self.places


class Predictor(Protocol):
    """Whatever makes probability maps of pictures: a trained network with all that it needs, or a classical method."""

    def probabilities(self, picture: npt.NDArray[Any]) -> npt.NDArray[np.float16]:
        """Probability maps (K, H, W) of the foreground classes for a picture (H, W, C) of any dtype."""
        ...

    def look(self, picture: npt.NDArray[Any], mask: npt.NDArray[np.bool_] | None = None) -> Look:
        """The same, and what was shown for it; `mask` (H, W) tells an upper bound where to look."""
        ...

    def pixels(self, picture: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """A picture as it is worked on: 8 bits, the channels that are known."""
        ...


@dataclass(frozen=True)
class Segmenter:
    """A trained network with everything that a prediction needs, on one device."""

    network: nn.Module  # eval mode
    view: View
    intensity: Intensity
    classes: int  # K, foreground classes
    bf16: bool = False
    flips: Sequence[tuple[int, ...]] = ()  # axes of (..., h, w): average over these flips as well, each as much time again
    localiser: Localiser | None = None  # for a view that looks at objects
    block: int | None = None  # slices that a network of three dimensions sees at once; it segments volumes
    with_localiser: bool = False  # average with the probability maps of the localiser, which knows the same classes
    prepare: Sequence[Mapping[str, Any]] = ()  # preparations of pictures that were not prepared before
    depth: bool = False  # the last channel says how high a slice lies
    temperature: float = 1.0  # of the probabilities that are told; `answers` are the network's own

    def probabilities(self, picture: npt.NDArray[Any]) -> npt.NDArray[np.float16]:
        """Probability maps (K, H, W) of the foreground classes for a picture (H, W, C) of any dtype; see `look` for volumes."""
        return self.look(picture).probability

    def look(self, picture: npt.NDArray[Any], mask: npt.NDArray[np.bool_] | None = None) -> Look:
        """Probability maps of a picture (H, W, C) of any dtype, and what the network was shown for them.

        Args:
            picture: where the network sees blocks of slices a volume (H, W, D), whose probability maps are (K, D, H, W).
            mask: (H, W) to look at instead of the localiser's; the true one gives an upper bound.

        Raises:
            ModicumError: channels that the model does not know; a view of objects with neither localiser nor mask.
        """
        if self.block is not None:
            return Look(tempered(self._volume(picture, self.block), self.temperature), (), None, ())
        pixels = self.pixels(picture)
        shape = (pixels.shape[0], pixels.shape[1])
        rough = self._rough(pixels, mask) if self.view.localised else None
        places = () if rough is None else self.view.places(rough.mask, pixels)
        glimpses = self.view.glimpses(shape, places)
        answers = zip(glimpses, self.answers(pixels, glimpses), strict=True)
        probability = self.view.fuse(answers, shape, self.classes)
        if rough is not None and rough.probability is not None:
            probability = np.asarray((probability + rough.probability) / 2, np.float16)
        probability = tempered(probability, self.temperature)
        return Look(probability, glimpses, None if rough is None else rough.mask, places)

    def pixels(self, picture: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """A picture as the model works on it: 8 bits, its channels."""
        return working_pixels(picture, self.intensity.channels, grey=self.intensity.grey, prepare=self.prepare)

    def _volume(self, slices: npt.NDArray[np.uint8], block: int) -> npt.NDArray[np.float16]:
        """Probability maps (K, D, H, W) of slices (H, W, D): of overlapping blocks, those in their middle count most.

        As in training, each slice is prepared by itself, and the whole volume says how bright its blocks are.
        """
        height, width, depth = slices.shape
        slices = np.concatenate([self.pixels(slices[..., number : number + 1]) for number in range(depth)], axis=2)
        scale = self.intensity.scale(as_one_channel(slices))
        total = np.zeros((self.classes, depth, height, width), np.float32)
        weight = np.zeros((1, depth, 1, 1), np.float32)
        weights = gaussian_window((block, 1))[:, :1, None]  # (block, 1, 1)
        for start in starts_of(depth, block):
            shown = np.ascontiguousarray(slices[..., slices_from(start, block, depth)])
            glimpses = self.view.glimpses((height, width), ())
            answers = zip(glimpses, self.answers(shown, glimpses, scale), strict=True)
            fused = self.view.fuse(answers, (height, width), self.classes * block)
            found = fused.reshape(self.classes, block, height, width) * weights
            first, last = max(0, -start), min(block, depth - start)  # without those that stand in
            total[:, start + first : start + last] += found[:, first:last]
            weight[:, start + first : start + last] += weights[first:last]
        np.divide(total, weight, out=total)
        return total.astype(np.float16)

    def _rough(self, pixels: npt.NDArray[np.uint8], mask: npt.NDArray[np.bool_] | None) -> Rough:
        """Where to look and, if it is to be averaged, what the localiser answers."""
        if mask is not None and not self.with_localiser:
            return Rough(mask)
        if self.localiser is None:
            raise ModicumError(
                "this model looks where the true mask says that objects are: it is an upper bound and cannot segment pictures "
                "whose mask is not known.",
                remedy="Train with a localiser that finds them, e.g. --set localiser=segmenter",
            )
        rough = self.localiser(pixels)
        return Rough(rough.mask if mask is None else mask, rough.probability if self.with_localiser else None)

    def answers(
        self, pixels: npt.NDArray[np.uint8], glimpses: Sequence[Glimpse], scale: tuple[Levels, Levels] | None = None
    ) -> Iterator[npt.NDArray[np.float32]]:
        """The network's answer (K, h, w) to every glimpse, a batch at a time; of a block (K d, h, w).

        Args:
            scale: mean and standard deviation (C,); None: those of these pixels.
        """
        for images in self.shown(pixels, glimpses, scale):
            yield from self.answer(images).flatten(1, -3).cpu().numpy()

    def shown(
        self, pixels: npt.NDArray[np.uint8], glimpses: Sequence[Glimpse], scale: tuple[Levels, Levels] | None = None
    ) -> Iterator[torch.Tensor]:
        """What the network sees in every glimpse, a batch at a time: (N, C, h, w), of blocks (N, 1, d, h, w)."""
        mean, sd = scale or self.intensity.scale(pixels)
        plain = np.repeat(np.linspace(0, 1, 256, dtype=np.float32)[:, None], len(mean), axis=1)
        count = max(1, _BATCH_PIXELS // (glimpses[0].by.target[0] * glimpses[0].by.target[1] * (self.block or 1)))
        for start in range(0, len(glimpses), count):
            seen = []
            for glimpse in glimpses[start : start + count]:
                table = ((glimpse.stretched(plain) - mean) / sd).astype(np.float32)
                table = table if self.block is None else np.repeat(table, self.block, axis=1)
                part = sample(pixels, glimpse.by, border=self.view.border)
                if self.depth:  # beyond the border of the slice as well
                    part[..., -1] = pixels[0, 0, -1]
                seen.append(cv2.LUT(part, table[None]).reshape(*glimpse.by.target, -1))
            images = torch.from_numpy(np.stack(seen)).permute(0, 3, 1, 2)
            yield images if self.block is None else images[:, None]

    @torch.inference_mode()
    def answer(self, images: torch.Tensor) -> torch.Tensor:
        """Probabilities (N, K, h, w) for prepared images (N, C, h, w); of blocks (N, K, d, h, w) for (N, C, d, h, w)."""
        device = next(self.network.parameters()).device
        images = images.to(device)
        total = self.forward(images)
        for axes in self.flips:
            total = total + self.forward(images.flip(axes)).flip(axes)
        return total / (1 + len(self.flips))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """What `answer` says without flips, of images on the network's device; gradients flow through it."""
        with torch.autocast(images.device.type, torch.bfloat16) if self.bf16 else contextlib.nullcontext():
            logits: torch.Tensor = self.network(images)
        logits = logits.float()
        return logits.sigmoid() if self.classes == 1 else logits.softmax(dim=1)[:, 1:]


def ready(network: nn.Module, *, channels_last: bool = True) -> nn.Module:
    """A copy of a network for prediction: eval mode, batch norm folded into the convolutions where that can be traced."""
    network = copy.deepcopy(network).eval()
    with contextlib.suppress(Exception):  # a network that cannot be traced is used as it is: the same answers, slower
        if not _repeats(network):
            network = fold_batch_norm(network)
    return in_layout(network, channels_last)


def _repeats(network: nn.Module) -> bool:
    """Whether a layer is used more than once, as in R2U-Net: a batch norm would be folded into it each time."""
    calls = Counter(node.target for node in fx.symbolic_trace(network).graph.nodes if node.op == "call_module")
    return any(
        count > 1 and isinstance(network.get_submodule(str(name)), nn.Conv2d | nn.Conv3d) for name, count in calls.items()
    )
