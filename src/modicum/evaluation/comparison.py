"""Several methods on the same test pictures, each trained several times with other labels: means, intervals, paired tests.

Two things are drawn by chance, the test patients and the labels (repetitions), and every mean must allow for both: the
crossed two-way random-effects model of reader studies (Gallas et al. 2009; Satterthwaite 1946).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from modicum.evaluation.statistics import Floats, group_means, paired_difference, summarise

_DRAWS = 2000


class Contrast(TypedDict):
    """How one method differs from another on the same pictures; nan where it does not exist."""

    mean: float
    ci95: list[float]  # allows for test patients and repetitions
    p: float  # of the same model; of a single repetition Wilcoxon's, as elsewhere
    wilcoxon: float  # signed-rank test over patients, repetitions averaged: of these very trainings
    effect: float  # matched-pairs rank-biserial correlation over patients, -1 to 1
    n: int  # pictures


def mean_interval(dice: Floats, patients: Sequence[str]) -> tuple[float, list[float]]:
    """Mean over repetitions and patients, each counted once however many pictures there are of them, and its 95 % interval.

    Args:
        dice: (repetitions, pictures).
        patients: of each picture.

    Returns:
        the interval allows for test patients and repetitions; of a single repetition it is the bootstrap's over patients.
    """
    if len(dice) == 1:
        found = summarise(by_patient(dice, patients)[0])
        return found["mean"], found["ci95"]
    mean, error, freedom = _crossed(dice, patients)
    from scipy.special import stdtrit

    reach = float(stdtrit(freedom, 0.975)) * error
    return mean, [mean - reach, mean + reach]


def contrast(dice: Floats, reference: Floats, patients: Sequence[str]) -> Contrast:
    """Of (repetitions, pictures) with the same repetitions and pictures of another method.

    Repetition i of both has the same labelled pictures.
    """
    difference = dice - reference
    mean, interval = mean_interval(difference, patients)
    averaged = difference.mean(axis=0)
    wilcoxon = paired_difference(averaged, np.zeros_like(averaged), patients)["p"]
    p, effect = wilcoxon, rank_biserial(group_means(averaged, patients))
    if len(dice) > 1:
        from scipy.special import stdtr

        mean, error, freedom = _crossed(difference, patients)
        p = float(mean == 0) if error == 0 else 2 * float(stdtr(freedom, -abs(mean) / error))  # nan where nothing can be told
    return Contrast(mean=mean, ci95=interval, p=p, wilcoxon=wilcoxon, effect=effect, n=int(averaged.size))


def _crossed(values: Floats, patients: Sequence[str]) -> tuple[float, float, float]:
    """(mean, its standard error, degrees of freedom) of (repetitions, pictures); nan with fewer than two patients.

    Pictures of a patient are averaged first. With mean squares of repetitions R, of patients P and the rest E, the variance of
    the mean is (R + P - E) / (r p), and never less than E / (r p).
    """
    table = by_patient(values, patients)
    r, p = table.shape
    if p < 2:
        return float(table.mean()), float("nan"), float("nan")
    rows, columns, mean = table.mean(axis=1), table.mean(axis=0), table.mean()
    rest = table - rows[:, None] - columns + mean
    of_rows, of_columns = p * rows.var(ddof=1), r * columns.var(ddof=1)
    of_rest = float((rest**2).sum()) / ((r - 1) * (p - 1))
    whole = max(of_rows + of_columns - of_rest, of_rest)
    parts = of_rows**2 / (r - 1) + of_columns**2 / (p - 1) + of_rest**2 / ((r - 1) * (p - 1))
    return float(mean), float(np.sqrt(whole / (r * p))), float(whole**2 / parts) if parts > 0 else float(r * p - 1)


def by_patient(values: Floats, patients: Sequence[str]) -> Floats:
    """(repetitions, patients) from (repetitions, pictures): the mean of each patient's pictures."""
    return np.stack([group_means(row, patients) for row in values])


def drawn_means(dice: Floats, patients: Sequence[str], seed: int = 0) -> Floats:
    """Likely means (draws,): of bootstrap samples of patients, spread further until they allow for the repetitions as well.

    The same patients are drawn for every table (repetitions, pictures) of the same pictures.

    Args:
        seed: of what is added for the repetitions; another one for every table.
    """
    of_each = by_patient(dice, patients).mean(axis=0)
    patients_drawn = np.random.default_rng(0).integers(len(of_each), size=(_DRAWS, len(of_each)))
    means = of_each[patients_drawn].mean(axis=1)
    if len(dice) == 1:
        return np.asarray(means)
    _, error, _ = _crossed(dice, patients)
    more = np.sqrt(np.maximum(0.0, error**2 - means.var()))  # nan with one patient, of whom nothing can be told
    return np.asarray(means + more * np.random.default_rng((seed, 1)).normal(size=_DRAWS))


def holm(p: Sequence[float]) -> list[float]:
    """p values corrected for their number (Holm 1979): the i-th smallest of m times m - i + 1, and never falling; nan stays."""
    values = np.asarray(p, np.float64)
    corrected = np.full(values.shape, np.nan)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    scaled = values[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return [float(c) for c in corrected]


def rank_biserial(difference: npt.ArrayLike) -> float:
    """Matched-pairs rank-biserial correlation (Kerby 2014): the ranks of gains less those of losses, as a share of all."""
    from scipy.stats import rankdata

    values = np.asarray(difference, np.float64)
    values = values[~np.isnan(values) & (values != 0)]
    if not values.size:
        return 0.0
    ranks = rankdata(np.abs(values))
    return float((ranks[values > 0].sum() - ranks[values < 0].sum()) / ranks.sum())
