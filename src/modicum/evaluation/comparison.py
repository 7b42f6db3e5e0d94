"""Several methods on the same test pictures: means with intervals over pictures and repetitions, and paired tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from modicum.evaluation.statistics import Floats, paired_difference, summarise

_DRAWS = 2000


class Contrast(TypedDict):
    """How one method differs from another on the same pictures."""

    mean: float
    ci95: list[float]  # over patients and repetitions
    p: float  # Wilcoxon signed-rank test over pictures, repetitions averaged
    p_holm: float  # corrected for all contrasts made together
    effect: float  # matched-pairs rank-biserial correlation, -1 to 1
    n: int  # pictures


def mean_interval(dice: Floats, patients: Sequence[str], seed: int = 0) -> tuple[float, list[float]]:
    """Mean over repetitions and pictures, and its 95 % interval.

    Args:
        dice: (repetitions, pictures).
        patients: of each picture.

    Returns:
        the interval is the bootstrap's over patients and repetitions, both drawn anew each time; of a single repetition over
        patients alone, as everywhere.
    """
    if len(dice) == 1:
        found = summarise(dice[0], patients, seed)
        return found["mean"], found["ci95"]
    drawn = drawn_means(dice, patients, seed)
    return float(np.nanmean(dice)), [float(v) for v in np.quantile(drawn, [0.025, 0.975])]


def drawn_means(dice: Floats, patients: Sequence[str], seed: int = 0, draws: int = _DRAWS) -> Floats:
    """Means (draws,) of patients and repetitions drawn with replacement."""
    _, member = np.unique(np.asarray(patients, str), return_inverse=True)
    many = int(member.max()) + 1
    known = ~np.isnan(dice)
    sums = np.stack([np.bincount(member, np.where(k, d, 0.0), many) for d, k in zip(dice, known, strict=True)])
    sizes = np.stack([np.bincount(member, k, many) for k in known])
    generator = np.random.default_rng(seed)
    rows = generator.integers(len(dice), size=(draws, len(dice)))
    columns = generator.integers(many, size=(draws, many))
    return np.array([sums[np.ix_(r, c)].sum() / max(1, sizes[np.ix_(r, c)].sum()) for r, c in zip(rows, columns, strict=True)])


def contrast(dice: Floats, reference: Floats, patients: Sequence[str], seed: int = 0) -> Contrast:
    """Of (repetitions, pictures) with the same repetitions and pictures of another method; `p_holm` is still `p`.

    Repetition i of both has the same labelled pictures.
    """
    difference = dice - reference
    mean, interval = mean_interval(difference, patients, seed)
    averaged = difference.mean(axis=0)
    tested = paired_difference(averaged, np.zeros_like(averaged), patients, seed)
    return Contrast(
        mean=mean, ci95=interval, p=tested["p"], p_holm=tested["p"], effect=rank_biserial(averaged), n=int(averaged.size)
    )


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
