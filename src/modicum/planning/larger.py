"""Larger versions of a planned recipe, for budgets and machines that have room for enough steps of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from modicum.datasets.fingerprint import Fingerprint
from modicum.planning.rivals import touches
from modicum.planning.sizes import shown_size
from modicum.recipes import Recipe

_ITS_OWN = ("view", "network", "fit.rate", "fit.batch_size", "fit.epochs", "method", "localiser", "start", "supervision")
_LABELS = 15  # with fewer, a wider network on patches learns no more


@dataclass(frozen=True)
class Larger:
    """A larger version: changes of the planned recipe, and the steps below which the smaller one learns more."""

    changes: tuple[str, ...]
    words: str
    steps: int


_WHOLE = (
    (128, Larger((), "128 pixels", 6_000)),
    (192, Larger((), "192 pixels", 8_000)),
    (256, Larger(("network.encoder.widths=[32,64,128,256,512]", "fit.rate=2e-3"), "256 pixels and 32 to 512 channels", 12_000)),
)
_PATCHES = (
    Larger(("network.encoder.widths=[16,32,64,128]",), "16 to 128 channels", 2_500),
    Larger(("network.encoder.widths=[32,64,128,256]", "fit.rate=3e-3"), "32 to 256 channels", 8_000),
)


def larger_ones(planned: Recipe, seen: Fingerprint, changes: Sequence[str]) -> tuple[Larger, ...]:
    """From the least to the largest; none where the user has set what they would change ("key.key=value").

    A picture is shown no larger than the pictures are.
    """
    if any(touches(one, key) for one in changes for key in _ITS_OWN) or planned.fit.budget is None:
        return ()
    if planned.view["name"] == "patches":
        return _PATCHES if seen.labelled >= _LABELS else ()
    longest = max(seen.median_height, seen.median_width)
    fitting = ((shown_size(side, seen), one) for side, one in _WHOLE if side <= longest)
    return tuple(replace(one, changes=(f"view.size={size}", *one.changes)) for size, one in fitting)
