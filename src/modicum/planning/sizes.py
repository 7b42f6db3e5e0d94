"""How large a whole picture is shown."""

from __future__ import annotations

import math

from modicum.datasets.fingerprint import Fingerprint

_ELONGATED = 1.5  # longer side to shorter: squares serve up to here


def shown_size(side: int, seen: Fingerprint, step: int = 16) -> int | list[int]:
    """The side of a square, or, in the shape of pictures that are much longer than wide or wider than long, height and width.

    Either has about as many pixels as the square.

    Args:
        step: what height and width must be multiples of.
    """
    ratio = seen.median_height / max(1, seen.median_width)
    if not ratio or 1 / _ELONGATED <= ratio <= _ELONGATED:
        return side
    return [max(step, step * round(side * stretch / step)) for stretch in (math.sqrt(ratio), math.sqrt(1 / ratio))]
