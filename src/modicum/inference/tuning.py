"""A network tuned to one picture by what a person has marked in it (Wang et al. 2018, arXiv:1710.04043)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from modicum.geometry import sample
from modicum.inference.ensemble import Ensemble
from modicum.inference.segmenter import Predictor, Segmenter
from modicum.views import Glimpse

_STEPS = 10
_RATE = 1e-4
_GLIMPSES = 8  # at most, of those with the most marks: bounds time and memory


def tuned(
    predictor: Predictor,
    picture: npt.NDArray[np.uint8],
    truth: npt.NDArray[np.bool_],
    weight: npt.NDArray[np.float32],
    *,
    number: int = 1,
) -> Predictor:
    """The same predictor, its networks tuned to one picture: a few steps of all weights by weighted cross-entropy.

    Args:
        picture: (H, W, C), of any dtype.
        truth: (H, W), what is taken for the object: scribbles, and for all other pixels what they lead to.
        weight: (H, W), how much each pixel counts; 0 where nothing is known.
        number: of the class, from 1.

    Returns:
        Methods without a network, networks that see volumes, and those that look elsewhere, come back as they are.
    """
    if isinstance(predictor, Ensemble):
        return Ensemble([tuned(member, picture, truth, weight, number=number) for member in predictor.members])
    if not isinstance(predictor, Segmenter) or predictor.block is not None or not weight.any():
        return predictor
    glimpses = _telling(predictor.look(picture).glimpses, weight)
    if not glimpses:
        return predictor
    network = copy.deepcopy(predictor.network)
    device = next(network.parameters()).device
    images = torch.cat(list(predictor.shown(predictor.pixels(picture), glimpses))).to(device)
    target = _seen(truth.astype(np.uint8), glimpses).float().to(device)
    counts = _seen(weight, glimpses).to(device)
    learner = replace(predictor, network=network)
    with torch.enable_grad():
        weights = [p.requires_grad_() for p in network.parameters()]
        optimiser = torch.optim.Adam(weights, lr=_RATE)
        for _ in range(_STEPS):
            found = learner.forward(images)[:, number - 1].clamp(1e-6, 1 - 1e-6)
            loss = (functional.binary_cross_entropy(found, target, reduction="none") * counts).sum() / counts.sum()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    network.requires_grad_(False)
    return learner


def _telling(glimpses: Sequence[Glimpse], weight: npt.NDArray[np.float32]) -> list[Glimpse]:
    """Those in which something is known, at most so many."""
    known = [float(sample(weight, glimpse.by, border="zero").sum()) for glimpse in glimpses]
    best = sorted(range(len(glimpses)), key=lambda i: -known[i])[:_GLIMPSES]
    return [glimpses[i] for i in sorted(best) if known[i] > 0]


def _seen(values: npt.NDArray[np.uint8] | npt.NDArray[np.float32], glimpses: Sequence[Glimpse]) -> torch.Tensor:
    """Values of pixels (H, W) as the network would see them, (N, h, w); nothing beyond the border."""
    return torch.from_numpy(np.stack([sample(values, glimpse.by, border="zero", nearest=True) for glimpse in glimpses]))
