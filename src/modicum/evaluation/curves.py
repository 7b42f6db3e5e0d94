"""ROC and precision-recall curves of any number of pictures, in constant memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from modicum.evaluation.metrics import Counts, rates
from modicum.evaluation.statistics import group_means

Floats = npt.NDArray[np.float64]

_TAIL = np.geomspace(1e-7, 0.5, 48)  # finer edges inside the first and the last bin, as parts of its width

_RELIABILITY_BINS = 15  # as Guo et al. 2017


@cache
def _edges(bins: int) -> npt.NDArray[np.float32]:
    """Even edges, and finer ones next to 0 and 1, where the probabilities of a trained network crowd."""
    even = np.linspace(0, 1, bins + 1)
    edges = np.unique(np.concatenate([even, _TAIL / bins, 1 - _TAIL / bins]).astype(np.float32))
    edges.flags.writeable = False
    return edges


_BLOCK = 1 << 20  # pixels counted at once, so that volumes take little memory


class ProbabilityHistogram:
    """How often each probability was given to foreground and to background pixels.

    A pixel is foreground at threshold t where its probability >= t, everywhere in Modicum. Bins are closed below and open
    above, so at every edge the counts are exact; between edges the curves are straight lines. The area under the ROC curve
    agrees with scikit-learn to 1e-3, for confident networks too.

    Args:
        bins: even bins over 0..1; thresholds are chosen among their edges (with 1024, numbers that float16 holds exactly).
    """

    def __init__(self, bins: int = 1024) -> None:
        if bins < 2:
            raise ValueError(f"a histogram needs at least 2 bins, not {bins}")
        self.bins = bins
        self.counts: npt.NDArray[np.int64] = np.zeros((2, len(_edges(bins))), np.int64)  # background, foreground

    def add(
        self,
        probability: npt.NDArray[np.floating],
        truth: npt.NDArray[np.bool_],
        valid: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """Count the pixels of a picture.

        Args:
            probability: (H, W) or any shape, in 0..1; what lies outside by rounding is moved to 0 or 1.
            truth: of the same shape; not 0 is foreground.
            valid: only these pixels count.

        Raises:
            ValueError: the shapes differ, or a probability is not a number.
        """
        if probability.shape != truth.shape or (valid is not None and valid.shape != truth.shape):
            raise ValueError(f"probability {probability.shape} and truth {truth.shape} (and valid) differ in shape")
        values, marks = (probability, truth) if valid is None else (probability[valid], truth[valid])
        values, marks, edges, found = values.ravel(), marks.ravel(), _edges(self.bins), np.zeros_like(self.counts)
        for start in range(0, values.size, _BLOCK):
            some = np.asarray(values[start : start + _BLOCK], np.float32)
            if np.isnan(some).any():
                raise ValueError("a probability is not a number (nan)")
            place = np.searchsorted(edges, np.clip(some, 0, 1), side="right") - 1
            place += len(edges) * (marks[start : start + _BLOCK] != 0)
            found += np.bincount(place, minlength=2 * len(edges)).reshape(2, -1)
        self.counts += found

    def merge(self, other: ProbabilityHistogram) -> None:
        """Add the counts of another histogram with the same bins."""
        if other.bins != self.bins:
            raise ValueError(f"histograms of {self.bins} and {other.bins} bins do not add up")
        self.counts += other.counts

    @property
    def positives(self) -> int:
        """Foreground pixels seen."""
        return int(self.counts[1].sum())

    @property
    def negatives(self) -> int:
        """Background pixels seen."""
        return int(self.counts[0].sum())

    def roc(self) -> tuple[Floats, Floats, Floats]:
        """False positive rate, true positive rate (both 0 to 1, rising) and their thresholds (falling, first infinite).

        A rate is nan where there is no background or no foreground at all.
        """
        false, true = (np.concatenate([[0], np.cumsum(c[::-1])]).astype(np.float64) for c in self.counts)
        thresholds = np.concatenate([[np.inf], _edges(self.bins)[::-1].astype(np.float64)])
        return _share(false, self.negatives), _share(true, self.positives), thresholds

    def precision_recall(self) -> tuple[Floats, Floats, Floats]:
        """Precision, recall (rising from 0 to 1) and thresholds (falling); precision is 1 where nothing is predicted."""
        false, true = (np.concatenate([[0], np.cumsum(c[::-1])]).astype(np.float64) for c in self.counts)
        predicted = false + true
        precision = np.divide(true, predicted, out=np.ones_like(true), where=predicted > 0)
        thresholds = np.concatenate([[np.inf], _edges(self.bins)[::-1].astype(np.float64)])
        return precision, _share(true, self.positives), thresholds

    def auc(self) -> float:
        """Area under the ROC curve by trapezoids; nan without foreground or without background."""
        fpr, tpr, _ = self.roc()
        return float(np.trapezoid(tpr, fpr))

    def average_precision(self) -> float:
        """Sum of (R_n - R_n-1) P_n over the thresholds, as scikit-learn defines it; nan without foreground."""
        precision, recall, _ = self.precision_recall()
        return float(np.sum(np.diff(recall) * precision[1:]))

    def reliability(self, temperature: float = 1.0) -> tuple[Floats, Floats, Floats]:
        """Mean probability, share of foreground, and pixels in each of 15 even bins of the probability that hold any.

        Probabilities are those in the middle of the fine bins here, at most 1/2048 from what was given.

        Args:
            temperature: by which logits were divided; what the probabilities were before is told, as far as one class has it.
        """
        edges = _edges(self.bins).astype(np.float64)
        middles = np.concatenate([(edges[:-1] + edges[1:]) / 2, [1.0]])
        told = 1 / (1 + (1 / middles - 1) ** temperature)
        pixels = self.counts.sum(axis=0).astype(np.float64)
        place = np.minimum((told * _RELIABILITY_BINS).astype(int), _RELIABILITY_BINS - 1)
        sums = [np.bincount(place, w, _RELIABILITY_BINS) for w in (pixels * told, self.counts[1], pixels)]
        held = sums[2] > 0
        probability, foreground, every = (np.asarray(s[held], np.float64) for s in sums)
        return probability / every, foreground / every, every

    def calibration_error(self, temperature: float = 1.0) -> float:
        """Expected calibration error: mean over pixels of |share of foreground - mean probability| of their bin.

        Naeini et al. 2015, Guo et al. 2017 eq. 3, for the probability of foreground in 15 even bins; nan without pixels.
        """
        probability, foreground, pixels = self.reliability(temperature)
        return float(np.average(np.abs(foreground - probability), weights=pixels)) if len(pixels) else float("nan")

    def confusion(self, threshold: float) -> dict[str, float]:
        """Overlap metrics of all pixels together at the bin edge next to a threshold, and the counts tp, fp, fn, tn."""
        edges = _edges(self.bins)
        counts = self._counts_from(int(np.abs(edges - np.float32(threshold)).argmin()))
        metrics = {name: float(value) for name, value in rates(counts).items()}
        return {**metrics, **{k: float(np.asarray(v)) for k, v in counts._asdict().items()}}

    def at_every_threshold(self, metric: str) -> tuple[Floats, Floats]:
        """The even bin edges between 0 and 1 (rising), and a metric of all pixels together at each.

        Args:
            metric: one of `metrics.OVERLAP_METRICS`.
        """
        edges = _edges(self.bins)
        places = np.searchsorted(edges, np.linspace(0, 1, self.bins + 1)[1:-1].astype(np.float32))
        return edges[places].astype(np.float64), np.asarray(rates(self._counts_from(places))[metric], np.float64)

    def _counts_from(self, place: int | npt.NDArray[np.intp]) -> Counts:
        """Counts when every pixel in the bin `place` and above it is foreground."""
        fp, tp = (np.cumsum(c[::-1])[::-1][place] for c in self.counts)
        return Counts(tp, fp, self.positives - tp, self.negatives - fp)


def steady_threshold(pictures: Sequence[ProbabilityHistogram], patients: Sequence[str] | None = None) -> float:
    """The threshold nearest to .5 whose mean Dice over pictures is within one standard error of the best one's.

    The one-standard-error rule (Breiman et al. 1984) on paired differences: on few pictures the best threshold is an
    accident of theirs, and only a gain that most of them share moves it away from .5.

    Args:
        pictures: one histogram each; with fewer than two, or no foreground anywhere, the answer is .5.
        patients: of each picture; None: all are of different ones. Of one patient alone the answer is .5.
    """
    if len(pictures) < 2 or not any(p.positives for p in pictures):
        return 0.5
    thresholds = pictures[0].at_every_threshold("dice")[0]
    dice = np.stack([p.at_every_threshold("dice")[1] for p in pictures])
    return float(thresholds[steady_choice(dice, np.abs(thresholds - 0.5), patients)])


def steady_choice(dice: Floats, distance: Floats, patients: Sequence[str] | None = None) -> int:
    """Which choice lies nearest to the usual one among those within one standard error of the best one's mean Dice.

    Args:
        dice: (pictures, choices); nan where a picture has no pixel that counts, which tells nothing.
        distance: of each choice from the usual one. With a single picture nothing can be told, and the usual one stays.
        patients: of each picture; their pictures are alike, and count as one.
    """
    known = np.isfinite(dice).all(axis=1)
    dice = dice[known]
    if patients is not None and len(dice):
        own = np.asarray(patients, str)[known]
        dice = np.stack([group_means(column, own) for column in dice.T], axis=1)
    if len(dice) < 2:
        return int(distance.argmin())
    behind = dice[:, [dice.mean(axis=0).argmax()]] - dice
    steady = behind.mean(axis=0) <= behind.std(axis=0, ddof=1) / np.sqrt(len(dice))
    return int(np.where(steady, distance, np.inf).argmin())


def _share(part: Floats, whole: int) -> Floats:
    return part / whole if whole else np.full_like(part, np.nan)
