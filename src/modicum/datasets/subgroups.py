"""Columns of a manifest as groups of cases."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

_MOST = 12  # a column of words with more values (a name, a remark) does not divide the cases into groups
NOT_GIVEN = "not given"


def subgroups(values: Sequence[str]) -> list[str] | None:
    """The group of each case by its value ("" where there is none); None where there are no groups to tell apart.

    Up to 12 values are a group each; more numbers (an age) become three groups of about the same size, "18 to 45".
    """
    given = {v for v in values if v}
    if len(given) > _MOST:
        numbers = [_number(v) for v in values]
        if any(v and math.isnan(n) for v, n in zip(values, numbers, strict=True)):
            return None
        return _thirds(numbers)
    return [v or NOT_GIVEN for v in values] if len(set(values)) > 1 else None


def in_order(groups: Sequence[str]) -> list[str]:
    """Each group once: numbers and ranges as they grow, words by the alphabet, what is not given last."""

    def place(group: str) -> tuple[bool, float, str]:
        number = _number(group.split(" to ")[0])
        return group == NOT_GIVEN, math.inf if math.isnan(number) else number, group

    return sorted(set(groups), key=place)


def _thirds(numbers: Sequence[float]) -> list[str]:
    known = np.array([n for n in numbers if not math.isnan(n)])
    ends = [*np.quantile(known, [1 / 3, 2 / 3], method="lower"), known.max()]
    place = np.searchsorted(ends, numbers)
    names = {p: f"{min(own):g} to {max(own):g}" for p in set(place) if (own := known[np.searchsorted(ends, known) == p]).size}
    return [NOT_GIVEN if math.isnan(n) else names[p] for n, p in zip(numbers, place, strict=True)]


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan
