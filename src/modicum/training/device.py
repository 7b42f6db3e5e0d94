"""Which processor, which precision, which memory layout: measured once, on the very network, and written down."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import nn

if TYPE_CHECKING:
    from lightning_fabric import Fabric  # takes seconds to import: only when something is trained

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


@dataclass(frozen=True)
class Compute:
    """How the arithmetic is done, and why."""

    accelerator: Literal["cpu", "cuda", "mps"]
    precision: Precision
    channels_last: bool
    reason: str

    def fabric(self) -> Fabric:
        """Lightning Fabric set up this way, one device."""
        from lightning_fabric import Fabric

        logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # what was chosen is in the run's log already
        return Fabric(accelerator=self.accelerator, devices=1, precision=self.precision)

    def layout(self, network: nn.Module) -> nn.Module:
        """The network in this memory layout."""
        return in_layout(network, self.channels_last)


def in_layout(network: nn.Module, channels_last: bool) -> nn.Module:
    """The network with its weights in channels-last memory, or as it is."""
    if not channels_last:
        return network
    solid = any(isinstance(layer, nn.Conv3d) for layer in network.modules())
    laid_out: nn.Module = network.to(memory_format=channels_last_of(5 if solid else 4))  # type: ignore[call-overload]
    return laid_out


def channels_last_of(dimensions: int) -> torch.memory_format:
    """Channels-last of (N, C, H, W) or of (N, C, D, H, W)."""
    return torch.channels_last_3d if dimensions == 5 else torch.channels_last


def choose_compute(network: nn.Module, shape: Sequence[int], precision: Precision | None) -> Compute:
    """Time a training step of a small batch in each precision and layout and take the fastest.

    bfloat16 with channels-last must be beaten by a quarter, so that noise does not decide.

    Args:
        shape: (N, C, H, W) or (N, C, D, H, W) of a batch; two pictures of it are enough to time.
        precision: what the user demands, or None. A demand leaves nothing to measure.
    """
    if torch.cuda.is_available():
        best: Precision = "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"
        return Compute("cuda", precision or best, True, f"GPU {torch.cuda.get_device_name()}")
    if precision is not None:
        return Compute("cpu", precision, True, "demanded by the recipe")
    candidates: list[tuple[Precision, bool]] = [
        ("bf16-mixed", True),
        ("bf16-mixed", False),
        ("32-true", True),
        ("32-true", False),
    ]
    few = (min(2, shape[0]), *shape[1:])
    seconds = {(p, last): step_seconds(network, few, p, last) for p, last in candidates}
    preferred = {key: s / (1.25 if key == candidates[0] else 1.0) for key, s in seconds.items()}
    chosen, layout = min(preferred, key=lambda key: preferred[key])
    told = ", ".join(f"{p}{' channels-last' if last else ''} {1000 * s:.0f} ms" for (p, last), s in sorted(seconds.items()))
    return Compute("cpu", chosen, layout, f"measured on {torch.get_num_threads()} CPU threads, step of 2: {told}")


def step_seconds(
    network: nn.Module, shape: Sequence[int], precision: Precision, last: bool, device: str = "cpu", best_of: int = 3
) -> float:
    """Seconds of one forward and backward pass of a copy of the network on a random batch of this shape, once warm."""
    layout = channels_last_of(len(shape)) if last else torch.contiguous_format
    dtype = torch.float16 if precision == "16-mixed" else torch.bfloat16
    twin = in_layout(copy.deepcopy(network).train().to(device), last)
    images = torch.rand(*shape, device=device).to(memory_format=layout)
    times = []
    for _ in range(1 + best_of):
        start = time.perf_counter()
        with torch.autocast(device, dtype, enabled=precision != "32-true"):
            answer = twin(images)
        answer.float().mean().backward()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return min(times[1:])
