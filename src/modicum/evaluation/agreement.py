"""Agreement of two measurements of one thing, such as volumes by hand and by a model (SYSTEMS D, document D 6.5)."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import numpy.typing as npt

from modicum.evaluation.statistics import Floats


class Agreement(TypedDict):
    """Figures of agreement; nan where they do not exist."""

    n: int
    bias: float  # mean of measured - reference
    bias_ci95: list[float]
    limits: list[float]  # bias -+ 1.96 standard deviations: where 95 % of the differences lie
    limits_ci95: list[list[float]]  # of the lower and the upper limit
    relative_error: float  # mean of |measured - reference| / reference, where the reference is not 0
    pearson: float
    pearson_ci95: list[float]
    icc: float  # ICC(A,1): absolute agreement of single measurements
    icc_ci95: list[float]


def agreement(measured: npt.ArrayLike, reference: npt.ArrayLike) -> Agreement:
    """Bland-Altman's bias and limits with their intervals (1986, 1999), Pearson's and the intraclass correlation.

    The limits' interval is the exact one (Carkeet 2015: noncentral t); ICC(A,1) and its interval are those of McGraw and Wong
    (1996), two-way, absolute agreement.

    Raises:
        ValueError: the numbers of values differ.
    """
    x, y = np.asarray(measured, np.float64).ravel(), np.asarray(reference, np.float64).ravel()
    if x.size != y.size:
        raise ValueError(f"{x.size} measurements but {y.size} references")
    difference, n = x - y, int(x.size)
    nan = float("nan")
    bias = float(difference.mean()) if n else nan
    spread = float(difference.std(ddof=1)) if n > 1 else nan
    known = y != 0
    pearson, pearson_interval = _pearson(x, y)
    icc, icc_interval = _icc(x, y)
    return Agreement(
        n=n,
        bias=bias,
        bias_ci95=_around(bias, spread / np.sqrt(n), n) if n > 1 else [nan, nan],
        limits=[bias - 1.96 * spread, bias + 1.96 * spread],
        limits_ci95=_limits(bias, spread, n) if n > 1 else [[nan, nan], [nan, nan]],
        relative_error=float(np.mean(np.abs(difference[known]) / y[known])) if known.any() else nan,
        pearson=pearson,
        pearson_ci95=pearson_interval,
        icc=icc,
        icc_ci95=icc_interval,
    )


def _around(value: float, error: float, n: int) -> list[float]:
    from scipy.special import stdtrit

    reach = float(stdtrit(n - 1, 0.975)) * error
    return [value - reach, value + reach]


def _limits(bias: float, spread: float, n: int) -> list[list[float]]:
    """Intervals of the two limits: a normal quantile's, by the noncentral t distribution."""
    from scipy.stats import nct

    low, high = (float(nct.ppf(p, n - 1, 1.96 * np.sqrt(n)) / np.sqrt(n)) * spread for p in (0.025, 0.975))
    return [[bias - high, bias - low], [bias + low, bias + high]]


def _pearson(x: Floats, y: Floats) -> tuple[float, list[float]]:
    """Pearson's correlation and Fisher's interval."""
    if x.size < 3 or x.std() == 0 or y.std() == 0:
        return float("nan"), [float("nan")] * 2
    r = float(np.corrcoef(x, y)[0, 1])
    if x.size < 4 or abs(r) > 1 - 1e-12:
        return r, [float("nan")] * 2 if x.size < 4 else [r, r]
    z, reach = np.arctanh(r), 1.959964 / np.sqrt(x.size - 3)
    return r, [float(np.tanh(z - reach)), float(np.tanh(z + reach))]


def _icc(x: Floats, y: Floats) -> tuple[float, list[float]]:
    """ICC(A,1) of two measurements and its interval (McGraw and Wong 1996, table 7)."""
    from scipy.stats import f

    table, n, k = np.stack([x, y], axis=1), x.size, 2
    if n < 3 or table.std() == 0:
        return float("nan"), [float("nan")] * 2
    rows, columns, mean = table.mean(axis=1), table.mean(axis=0), table.mean()
    of_rows = k * rows.var(ddof=1)
    of_columns = n * columns.var(ddof=1)
    of_rest = float(((table - rows[:, None] - columns + mean) ** 2).sum()) / ((n - 1) * (k - 1))
    whole = of_rows + (k - 1) * of_rest + k * (of_columns - of_rest) / n
    icc = (of_rows - of_rest) / whole
    if of_rest == 0 and of_columns == 0:
        return float(icc), [float(icc)] * 2
    a, b = k * icc / (n * (1 - icc)), 1 + k * icc * (n - 1) / (n * (1 - icc))
    freedom = (a * of_columns + b * of_rest) ** 2 / ((a * of_columns) ** 2 / (k - 1) + (b * of_rest) ** 2 / ((n - 1) * (k - 1)))
    upper, lower = f.ppf(0.975, n - 1, freedom), f.ppf(0.975, freedom, n - 1)
    shared = k * of_columns + (k * n - k - n) * of_rest
    low = n * (of_rows - upper * of_rest) / (upper * shared + n * of_rows)
    high = n * (lower * of_rows - of_rest) / (shared + n * lower * of_rows)
    return float(icc), [float(low), float(high)]
