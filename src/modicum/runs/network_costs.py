"""What each network costs: parameters, arithmetic, and pictures a second measured on this machine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch.utils.flop_counter import FlopCounterMode

from modicum.console import bar
from modicum.errors import ModicumError
from modicum.inference import ready
from modicum.networks import ENCODERS, NETWORKS, SOLID
from modicum.tables import nearest
from modicum.training.device import Compute, channels_last_of, choose_compute, step_seconds

_PICTURE, _BLOCK = (256, 256), (16, 128, 128)  # pixels; voxels, for networks of three dimensions
_BATCH = 2


@dataclass(frozen=True)
class NetworkCost:
    """One network with its own options."""

    name: str
    parameters: int
    gflops: float  # for one picture of 256x256 (3D: 16 slices of 128x128); a multiplication with an addition counts as two
    problem: str = ""  # why it cannot be built here
    training: float | None = None  # pictures a second, in the precision in which this machine trains a small U-Net fastest
    inference: float | None = None


def network_costs(names: Sequence[str], measure: bool) -> list[NetworkCost]:
    """The costs of networks by name, all of them without names; with `measure` their speed too, which takes minutes.

    Raises:
        ModicumError: an unknown name.
    """
    for name in names:
        if name not in NETWORKS:
            told = f"It is an encoder: use --set network.encoder={name}" if name in ENCODERS else nearest(name, NETWORKS)
            raise ModicumError(f"unknown network '{name}'.", remedy=told)
    chosen = list(names or NETWORKS)
    costs, compute = [], _compute() if measure else None
    with bar("Measuring the networks" if measure else "Counting", len(chosen)) as progress:
        for name in chosen:
            costs.append(_cost(name, compute))
            progress.step()
    return costs


def _cost(name: str, compute: Compute | None) -> NetworkCost:
    try:
        network = NETWORKS.build(name, 3, 1).eval()
    except ModicumError as error:  # a library is not there
        return NetworkCost(name, 0, 0, str(error))
    pictures = torch.zeros(1, 3, *(_BLOCK if name in SOLID else _PICTURE))
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # whose arithmetic the counter does not know
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(pictures)
    torch.backends.mha.set_fastpath_enabled(fused)
    cost = NetworkCost(name, sum(p.numel() for p in network.parameters()), counter.get_total_flops() / 1e9)
    if compute is None:
        return cost
    shape = (_BATCH, *pictures.shape[1:])
    step = step_seconds(network, shape, compute.precision, compute.channels_last, compute.accelerator, best_of=1)
    return replace(cost, training=_BATCH / step, inference=_BATCH / _inference_seconds(network, shape, compute))


def _compute() -> Compute:
    """How this machine does its arithmetic fastest."""
    small = {"name": "unet", "encoder": {"widths": [16, 32, 64]}}
    return choose_compute(NETWORKS.build(small, 3, 1), (_BATCH, 3, *_PICTURE), None)


def _inference_seconds(network: torch.nn.Module, shape: Sequence[int], compute: Compute) -> float:
    """Seconds for a batch of this shape without gradients, once warm."""
    device = compute.accelerator
    prepared = ready(network, channels_last=compute.channels_last).to(device)
    pictures = torch.rand(*shape, device=device).to(memory_format=channels_last_of(len(shape)))
    with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=compute.precision == "bf16-mixed"):
        prepared(pictures)
        start = time.perf_counter()
        prepared(pictures)
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start
