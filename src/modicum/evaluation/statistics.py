"""Mean, spread and interval of a metric over pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_DRAWS = 5000
_FEWEST = 4  # groups; with 2 and 3 intervals that are called 95 % held the true mean in 52 and 74 % of simulations
_BLOCK = 2_000_000  # numbers drawn at once, so that memory stays small with many patients


class Summary(TypedDict):
    """What is said about one metric; nan where it does not exist."""

    mean: float
    sd: float  # of the pictures, divided by n - 1
    median: float
    ci95: list[float]  # of the mean
    n: int  # values that exist
    groups: int  # patients that they are of
    undefined: int  # values that do not (nan), left out of the rest


def summarise(values: npt.ArrayLike, groups: Sequence[str] | None = None, seed: int = 0) -> Summary:
    """Mean, standard deviation, median and the 95 % interval of the mean.

    Args:
        values: one for each picture; nan is left out and counted.
        groups: the patient of each picture; pictures of one patient are alike, so patients are drawn, not pictures.
        seed: of the bootstrap.
    """
    given = np.asarray(values, np.float64).ravel()
    names = np.arange(given.size) if groups is None else np.asarray(groups, dtype=str)
    if names.size != given.size:
        raise ValueError(f"{given.size} values but {names.size} groups")
    exists = ~np.isnan(given)
    found, names = given[exists], names[exists]
    nan, n = float("nan"), int(found.size)
    return Summary(
        mean=float(found.mean()) if n else nan,
        sd=float(found.std(ddof=1)) if n > 1 else nan,
        median=float(np.median(found)) if n else nan,
        ci95=list(bootstrap_interval(found, names, seed)),
        n=n,
        groups=len(np.unique(names)),
        undefined=int(given.size - n),
    )


class Difference(TypedDict):
    """How one method differs from another on the same pictures; nan where it does not exist."""

    mean: float
    ci95: list[float]
    p: float  # Wilcoxon signed-rank test over patients, two-sided
    n: int  # pictures for which both exist


def paired_difference(
    values: npt.ArrayLike, reference: npt.ArrayLike, groups: Sequence[str] | None = None, seed: int = 0
) -> Difference:
    """Mean of values - reference with its bootstrap interval, and the p value of a Wilcoxon signed-rank test.

    Args:
        values: one for each picture.
        reference: of the same pictures in the same order.
        groups: the patient of each picture; the interval draws patients, the test compares their means.

    Raises:
        ValueError: the numbers of pictures differ.
    """
    difference = np.asarray(values, np.float64).ravel() - np.asarray(reference, np.float64).ravel()
    summary = summarise(difference, groups, seed)
    exists = ~np.isnan(difference)
    known = difference[exists] if groups is None else group_means(difference[exists], np.asarray(groups, str)[exists])
    if not known.any():
        p = 1.0 if known.size else float("nan")
    else:
        from scipy.stats import wilcoxon

        p = float(wilcoxon(known, zero_method="zsplit").pvalue)
    return Difference(mean=summary["mean"], ci95=summary["ci95"], p=p, n=summary["n"])


def group_means(values: Floats, groups: npt.ArrayLike) -> Floats:
    """Mean of each group's values (n,), in the order of their names."""
    _, member = np.unique(np.asarray(groups, str), return_inverse=True)
    return np.asarray(np.bincount(member, values) / np.bincount(member), np.float64)


def bootstrap_interval(
    values: Floats, groups: npt.NDArray[np.generic], seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """Bootstrap interval of the mean, drawing whole groups; (nan, nan) with fewer than four groups.

    The expanded percentile interval (Hesterberg 2015, The American Statistician 69:371, section 5.3): percentiles are
    taken further out, at Phi(-sqrt(g / (g - 1)) t), because plain percentiles are too narrow for few groups g. Measured on
    skewed values, the true mean lies inside for 5, 10, 20 pictures in 91, 95, 95 % of cases; with plain percentiles in
    84, 89, 93 %. Like all percentiles they stay within the values' range.
    """
    draws, many = drawn_sums(np.stack([values, np.ones_like(values)], axis=1), groups, seed)
    return interval_of_draws(draws[:, 0] / draws[:, 1], many, level)


def drawn_sums(columns: Floats, groups: npt.ArrayLike, seed: int = 0) -> tuple[Floats, int]:
    """Sums of columns (n, k) over bootstrap draws of whole groups, (draws, k), and the number of groups."""
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    many = int(member.max()) + 1 if member.size else 0
    if not many:
        return np.empty((0, columns.shape[1])), 0
    sums = np.stack([np.bincount(member, column) for column in columns.T], axis=1)
    generator = np.random.default_rng(seed)
    drawn = np.empty((_DRAWS, columns.shape[1]))
    step = max(1, _BLOCK // many)
    for start in range(0, _DRAWS, step):
        chosen = generator.integers(many, size=(min(step, _DRAWS - start), many))
        drawn[start : start + step] = np.stack([column[chosen].sum(1) for column in sums.T], axis=1)
    return drawn, many


def interval_of_draws(draws: Floats, groups: int, level: float = 0.95) -> tuple[float, float]:
    """The expanded percentile interval of draws (n,) of so many groups; (nan, nan) with fewer than four."""
    if groups < _FEWEST or not draws.size:
        return float("nan"), float("nan")
    from scipy.special import ndtr, stdtrit

    outside = float(ndtr(np.sqrt(groups / (groups - 1)) * stdtrit(groups - 1, (1 - level) / 2)))
    low, high = np.quantile(draws, [outside, 1 - outside])
    return float(low), float(high)


def without_nan(value: Any) -> Any:
    """The same nested values with None for what JSON does not know, nan and infinity, and Python's numbers for NumPy's."""
    if isinstance(value, Mapping):
        return {k: without_nan(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(v) for v in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value
