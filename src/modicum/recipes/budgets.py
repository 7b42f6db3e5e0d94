"""Lengths of time as people write them."""

from __future__ import annotations

import math
import re

from modicum.errors import ModicumError

_MINUTES = {"s": 1 / 60, "m": 1.0, "": 1.0, "h": 60.0}


def minutes_of(budget: str | float | None) -> float | None:
    """Minutes of "90s", "20m", "2h", "15" or 15 (minutes).

    Raises:
        ModicumError: it is no length of time, or none at all.
    """
    if budget is None:
        return None
    if isinstance(budget, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smh]?)\s*", budget)
        minutes = float(match[1]) * _MINUTES[match[2]] if match else 0.0
    else:
        minutes = float(budget)
    if not 0 < minutes < math.inf:
        raise ModicumError(f"'{budget}' is no length of time.", remedy="Write for example 90s, 20m or 2h.")
    return minutes
