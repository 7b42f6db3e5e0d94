"""Agreement of two measurements of one thing, such as volumes by hand and by a model (SYSTEMS D, document D 6.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

from modicum.evaluation.statistics import Floats, drawn_sums, interval_of_draws


class Agreement(TypedDict):
    """Figures of agreement; nan where they do not exist."""

    n: int
    bias: float  # mean of measured - reference
    bias_ci95: list[float]
    limits: list[float]  # bias -+ 1.96 standard deviations: where 95 % of the differences lie
    limits_ci95: list[list[float]]  # of the lower and the upper limit
    absolute_error: float  # mean of |measured - reference|
    relative_bias: float  # mean of (measured - reference) / reference, where the reference is not 0
    relative_error: float  # mean of |measured - reference| / reference, likewise
    pearson: float
    pearson_ci95: list[float]
    icc: float  # ICC(A,1): absolute agreement of single measurements
    icc_ci95: list[float]


def agreement(measured: npt.ArrayLike, reference: npt.ArrayLike, groups: Sequence[str] | None = None) -> Agreement:
    """Bland-Altman's bias and limits with their intervals (1986, 1999), Pearson's and the intraclass correlation.

    Where each measurement is of another patient, the limits' interval is the exact one (Carkeet 2015: noncentral t), and that
    of ICC(A,1) is McGraw and Wong's (1996), two-way, absolute agreement. Where a patient was measured several times (slices,
    time points), all intervals come from drawing whole patients, as in `statistics.bootstrap_interval`.

    Args:
        measured: values in any unit.
        reference: of the same things in the same order.
        groups: the patient of each; None: all are of different patients.

    Raises:
        ValueError: the numbers of values differ.
    """
    x, y = np.asarray(measured, np.float64).ravel(), np.asarray(reference, np.float64).ravel()
    if x.size != y.size:
        raise ValueError(f"{x.size} measurements but {y.size} references")
    difference, n = x - y, int(x.size)
    known = y != 0
    relative = difference[known] / y[known]
    nan = float("nan")
    middle = float(y.mean()) if n else 0.0
    moments = np.array([n, *(float(m.sum()) for m in _moments(x - middle, y - middle))])
    bias, low, high, pearson, icc = (float(v) for v in _figures(moments))
    intervals = _exact(x, y) if groups is None or len(set(groups)) == n else _drawn(x - middle, y - middle, groups)
    return Agreement(
        n=n,
        bias=bias,
        bias_ci95=intervals[0],
        limits=[low, high],
        limits_ci95=intervals[1:3],
        absolute_error=float(np.abs(difference).mean()) if n else nan,
        relative_bias=float(relative.mean()) if relative.size else nan,
        relative_error=float(np.abs(relative).mean()) if relative.size else nan,
        pearson=pearson,
        pearson_ci95=intervals[3],
        icc=icc,
        icc_ci95=intervals[4],
    )


def _moments(x: Floats, y: Floats) -> tuple[Floats, ...]:
    return x, y, x * x, y * y, x * y


def _figures(sums: Floats) -> Floats:
    """Bias, both limits, Pearson's r and ICC(A,1), each (...), from (..., 6): n and the sums of x, y, xx, yy, xy."""
    n, x, y, xx, yy, xy = np.moveaxis(np.asarray(sums, np.float64), -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        bias = (x - y) / n
        of_x, of_y, of_both = ((a - b * c / n) / (n - 1) for a, b, c in ((xx, x, x), (yy, y, y), (xy, x, y)))
        spread = np.sqrt(np.maximum(of_x + of_y - 2 * of_both, 0))
        enough = np.where(n > 2, 1.0, np.nan)
        flat = (of_x <= 1e-12 * xx) | (of_y <= 1e-12 * yy)
        pearson = enough * np.where(flat, np.nan, of_both / np.sqrt(of_x * of_y))
        between, rest = (of_x + of_y + 2 * of_both) / 2, spread**2 / 2  # mean squares of things and of what is left
        columns = n * bias**2 / 2
        icc = enough * (between - rest) / (between + rest + 2 * (columns - rest) / n)
    return np.stack([bias, bias - 1.96 * spread, bias + 1.96 * spread, np.clip(pearson, -1, 1), icc])


def _drawn(x: Floats, y: Floats, groups: Sequence[str]) -> list[Any]:
    """Intervals of the five figures from draws of whole groups."""
    draws, many = drawn_sums(np.stack([np.ones_like(x), *_moments(x, y)], axis=1), groups)
    return [list(interval_of_draws(values[np.isfinite(values)], many)) for values in _figures(draws)]


def _exact(x: Floats, y: Floats) -> list[Any]:
    """Intervals of the five figures for independent measurements."""
    n, nan = x.size, [float("nan")] * 2
    if n < 2:
        return [nan] * 5
    difference = x - y
    bias, spread = float(difference.mean()), float(difference.std(ddof=1))
    return [_around(bias, spread / np.sqrt(n), n), *_limits(bias, spread, n), _pearson(x, y), _icc(x, y)]


def _around(value: float, error: float, n: int) -> list[float]:
    from scipy.special import stdtrit

    reach = float(stdtrit(n - 1, 0.975)) * error
    return [value - reach, value + reach]


def _limits(bias: float, spread: float, n: int) -> list[list[float]]:
    """Intervals of the two limits: a normal quantile's, by the noncentral t distribution."""
    from scipy.stats import nct

    low, high = (float(nct.ppf(p, n - 1, 1.96 * np.sqrt(n)) / np.sqrt(n)) * spread for p in (0.025, 0.975))
    return [[bias - high, bias - low], [bias + low, bias + high]]


def _pearson(x: Floats, y: Floats) -> list[float]:
    """Fisher's interval of Pearson's correlation."""
    if x.size < 4 or x.std() == 0 or y.std() == 0:
        return [float("nan")] * 2
    r = float(np.corrcoef(x, y)[0, 1])
    if abs(r) > 1 - 1e-12:
        return [r, r]
    z, reach = np.arctanh(r), 1.959964 / np.sqrt(x.size - 3)
    return [float(np.tanh(z - reach)), float(np.tanh(z + reach))]


def _icc(x: Floats, y: Floats) -> list[float]:
    """The interval of ICC(A,1) of two measurements (McGraw and Wong 1996, table 7)."""
    from scipy.stats import f

    table, n, k = np.stack([x, y], axis=1), x.size, 2
    if n < 3 or table.std() == 0:
        return [float("nan")] * 2
    rows, columns, mean = table.mean(axis=1), table.mean(axis=0), table.mean()
    of_rows = k * rows.var(ddof=1)
    of_columns = n * columns.var(ddof=1)
    of_rest = float(((table - rows[:, None] - columns + mean) ** 2).sum()) / ((n - 1) * (k - 1))
    whole = of_rows + (k - 1) * of_rest + k * (of_columns - of_rest) / n
    icc = (of_rows - of_rest) / whole
    if 1 - icc < 1e-12:
        return [1.0, 1.0]
    if of_rest == 0 and 0 in (of_rows, of_columns):
        return [float(icc) if of_rows else float("nan")] * 2
    a, b = k * icc / (n * (1 - icc)), 1 + k * icc * (n - 1) / (n * (1 - icc))
    freedom = (a * of_columns + b * of_rest) ** 2 / ((a * of_columns) ** 2 / (k - 1) + (b * of_rest) ** 2 / ((n - 1) * (k - 1)))
    upper, lower = f.ppf(0.975, n - 1, freedom), f.ppf(0.975, freedom, n - 1)
    shared = k * of_columns + (k * n - k - n) * of_rest
    low = n * (of_rows - upper * of_rest) / (upper * shared + n * of_rows)
    high = n * (lower * of_rows - of_rest) / (shared + n * lower * of_rows)
    return [float(low), float(high)]
