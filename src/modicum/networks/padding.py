"""Any picture size for networks that halve the picture: padded before the network, cropped after it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Protocol, TypeVar

import torch
from torch import fx
from torch.nn import functional as F


class _Halving(Protocol):
    """A network that wants height and width to be multiples of a number; or each axis to be one of its own."""

    @property
    def divisor(self) -> int | tuple[int, ...]: ...


N = TypeVar("N", bound=_Halving)
Forward = Callable[[N, torch.Tensor], torch.Tensor]


def any_size(forward: Forward[N]) -> Forward[N]:
    """Decorator for the `forward` of a network with a `divisor`: it then takes (N, C, H, W) of any height and width.

    What is missing to a multiple is mirrored at the bottom and on the right, and cut off the answer (N, outputs, H, W).
    Sizes that fit go through untouched.
    """

    @functools.wraps(forward)
    def padded(self: N, x: torch.Tensor) -> torch.Tensor:
        return _cropped(forward(self, _padded(x, self.divisor)), x)

    return padded


def _padded(x: torch.Tensor, divisor: int | tuple[int, ...]) -> torch.Tensor:
    """(N, C, H, W) with height and width brought up to multiples of the divisor; (N, C, D, H, W) likewise."""
    sizes = x.shape[2:]
    divisors = (divisor,) * len(sizes) if isinstance(divisor, int) else divisor
    missing = [-size % each for size, each in zip(sizes, divisors, strict=True)]
    if not any(missing):
        return x
    fits = all(more < size for more, size in zip(missing, sizes, strict=True))  # a mirror cannot show more than there is
    return F.pad(x, [n for more in reversed(missing) for n in (0, more)], mode="reflect" if fits else "replicate")


def _cropped(answer: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """The part of an answer (N, K, H', W') that belongs to the picture x (N, C, H, W)."""
    if answer.shape[2:] == x.shape[2:]:
        return answer
    for axis, size in enumerate(x.shape[2:], 2):
        answer = answer.narrow(axis, 0, size)
    return answer


# For torch.fx (the folding of batch norm) each is one step, because what they do depends on the shape.
fx.wrap("_padded")
fx.wrap("_cropped")
