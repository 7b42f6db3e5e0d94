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
from modicum.networks import ENCODERS, NETWORKS
from modicum.tables import nearest
from modicum.training.device import step_seconds

_SIDE = 256  # pixels of the pictures
_BATCH = 2


@dataclass(frozen=True)
class NetworkCost:
    """One network with its own options."""

    name: str
    parameters: int
    gflops: float  # for one picture of 256x256; a multiplication with an addition counts as two
    problem: str = ""  # why it cannot be built here
    training: float | None = None  # pictures a second, in bfloat16 where the machine is faster so
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
    costs = []
    with bar("Measuring the networks" if measure else "Counting", len(chosen)) as progress:
        for name in chosen:
            costs.append(_cost(name, measure))
            progress.step()
    return costs


def _cost(name: str, measure: bool) -> NetworkCost:
    try:
        network = NETWORKS.build(name, 3, 1).eval()
    except ModicumError as error:  # a library is not there
        return NetworkCost(name, 0, 0, str(error))
    pictures = torch.zeros(1, 3, _SIDE, _SIDE)
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # whose arithmetic the counter does not know
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(pictures)
    torch.backends.mha.set_fastpath_enabled(fused)
    cost = NetworkCost(name, sum(p.numel() for p in network.parameters()), counter.get_total_flops() / 1e9)
    if not measure:
        return cost
    shape = (_BATCH, 3, _SIDE, _SIDE)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    step = min(step_seconds(network, shape, precision, True, device) for precision in ("bf16-mixed", "32-true"))
    seconds = min(_inference_seconds(network, device, bf16) for bf16 in (True, False))
    return replace(cost, training=_BATCH / step, inference=_BATCH / seconds)


def _inference_seconds(network: torch.nn.Module, device: str, bf16: bool) -> float:
    """Seconds for a batch without gradients; best of three."""
    prepared = ready(network).to(device)
    pictures = torch.rand(_BATCH, 3, _SIDE, _SIDE, device=device).to(memory_format=torch.channels_last)
    times = []
    with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=bf16):
        for _ in range(4):
            start = time.perf_counter()
            prepared(pictures)
            if device == "cuda":
                torch.cuda.synchronize()
            times.append(time.perf_counter() - start)
    return min(times[1:])
