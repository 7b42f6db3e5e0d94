"""Predictions against truths, picture by picture, and what they come to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from modicum.datasets.subgroups import in_order, subgroups
from modicum.errors import ModicumError
from modicum.evaluation.curves import ProbabilityHistogram
from modicum.evaluation.metrics import DISTANCE_METRICS, OVERLAP_METRICS, Counts, binary_metrics, count, rates
from modicum.evaluation.sizes import Measured, Sizes, slices, volumes
from modicum.evaluation.statistics import summarise, without_nan

if TYPE_CHECKING:
    import pandas as pd

Numbers = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

CURVE_METRICS = ("auc", "average_precision")
SIZES = ("found_ml", "true_ml")
_NOTHING_TO_FIND = dict.fromkeys(OVERLAP_METRICS[:5], 1.0) | {"hd95": 0.0}  # of an object in neither truth nor answer


@dataclass
class _Row:
    """One case and class."""

    case: str
    class_name: str
    patient: str
    attributes: Mapping[str, str]
    metrics: dict[str, float]
    counts: Counts = field(repr=False)
    sizes: Sizes | None = None  # of a volume

    @property
    def absent(self) -> bool:
        """Whether the class is in neither truth nor answer."""
        return not any((self.counts.tp, self.counts.fp, self.counts.fn))

    @property
    def lacks_object(self) -> bool:
        """Whether pixels count here, and the class is in none of them."""
        pixels = np.array(self.counts)
        return bool(pixels.any()) and not any((self.counts.tp, self.counts.fn))

    @property
    def person(self) -> str:
        """The patient; a case whose patient is not known is one by itself."""
        return self.patient or f"\0{self.case}"


class Evaluator:
    """Collects cases one by one and holds only their figures, never their pictures.

    Args:
        classes: names of classes 1, 2, ... (background is 0 and has no name).
        thresholds: for one class, the probability from which a pixel was taken as foreground ([.5] if None), which the
            summary tells. Several classes compete by the highest probability and need none.
    """

    def __init__(self, classes: Sequence[str], thresholds: Sequence[float] | None = None) -> None:
        if not classes:
            raise ValueError("there is no class to evaluate")
        if thresholds is not None and len(thresholds) != len(classes):
            raise ValueError(f"{len(classes)} classes need as many thresholds, not {len(thresholds)}")
        self.classes = tuple(classes)
        self.thresholds = tuple(thresholds) if thresholds is not None else (0.5,) * len(self.classes)
        self._histograms = [ProbabilityHistogram() for _ in self.classes]
        self._rows: list[_Row] = []
        self._cases: set[str] = set()
        self._with_probability = 0

    @property
    def histograms(self) -> list[ProbabilityHistogram]:
        """One for each class, over all pictures; none if not every case came with probabilities."""
        return list(self._histograms) if self._cases and self._with_probability == len(self._cases) else []

    def add(
        self,
        case_id: str,
        probability: npt.NDArray[np.floating] | None,
        truth: Numbers,
        *,
        prediction: Numbers,
        valid: Mask | None = None,
        patient: str = "",
        attributes: Mapping[str, str] | None = None,
        spacing: Sequence[float] | None = None,
    ) -> None:
        """Compare one picture with its truth.

        Args:
            case_id: its name; each may be added once.
            probability: (K, H, W) in 0..1, or None where only a mask exists.
            truth: (H, W) class numbers, 0 background.
            prediction: (H, W) class numbers after finishing steps.
            valid: (H, W); only these pixels count.
            patient: whose picture it is; pictures of one patient are resampled together. "" if unknown.
            attributes: columns for subgroups.
            spacing: mm between voxels along each axis; None: distances are in pixels. Everything may be (D, H, W) as well.

        Raises:
            ModicumError: sizes differ, a class number has no name, or a probability is not a number.
            ValueError: the case is there already.
        """
        if case_id in self._cases:
            raise ValueError(f"case '{case_id}' was added before")
        self._check(case_id, truth, probability, prediction, valid)
        inside = None if valid is None else valid.astype(bool)
        rows, histograms = [], []
        for number, name in enumerate(self.classes, 1):
            true, found = truth == number, prediction == number
            metrics = binary_metrics(found, true, inside, spacing=spacing)
            if probability is not None:
                histogram = _histogram(case_id, probability[number - 1], true, inside)
                metrics |= {"auc": histogram.auc(), "average_precision": histogram.average_precision()}
                histograms.append(histogram)
            sizes = None if spacing is None else Sizes.of(found, true, inside, spacing)
            if sizes is not None:
                metrics |= dict(zip(SIZES, sizes.millilitres, strict=True))
            row = _Row(case_id, name, patient, dict(attributes or {}), metrics, count(found, true, inside), sizes)
            if row.absent and len(self.classes) > 1:
                metrics |= dict.fromkeys(_NOTHING_TO_FIND, math.nan)
            rows.append(row)
        self._rows += rows
        self._cases.add(case_id)
        self._with_probability += probability is not None
        for pooled, histogram in zip(self._histograms, histograms, strict=False):
            pooled.merge(histogram)

    def volumes(self) -> dict[str, Measured]:
        """Of each class the millilitres of every volume; nothing without a spacing."""
        return {name: volumes(sizes) for name, sizes in self._sizes().items()}

    def slices(self) -> dict[str, Measured]:
        """Of each class the cm2 of every slice in which it was found or is; nothing without a spacing."""
        return {name: slices(sizes) for name, sizes in self._sizes().items()}

    def table(self) -> pd.DataFrame:
        """One row for each case and class: case, class, patient, every metric, of volumes millilitres, every attribute."""
        import pandas as pd

        columns = [*self._metrics(), *(SIZES if any(r.sizes for r in self._rows) else ())]
        own = {"case", "class", "patient", *OVERLAP_METRICS, *DISTANCE_METRICS, *CURVE_METRICS, *SIZES}
        rows = [
            {"case": r.case, "class": r.class_name, "patient": r.patient}
            | {m: r.metrics.get(m, math.nan) for m in columns}
            | {(f"{k} (attribute)" if k in own else k): v for k, v in r.attributes.items()}
            for r in self._rows
        ]
        return pd.DataFrame(rows, columns=None if rows else ["case", "class", "patient", *columns])

    def summary(self) -> dict[str, Any]:
        """What goes into summary.json: mean, sd, median, interval of each metric; nan and infinity become None.

        For several classes a picture's figure is the mean over its classes, where they have one; "by_class" has each. As in
        nnU-Net, a class in neither truth nor answer has no Dice: to leave out what is not there is no merit.

        Raises:
            ModicumError: no case was added.
        """
        if not self._rows:
            raise ModicumError("there is no picture to evaluate.")
        several = len(self.classes) > 1
        found: dict[str, Any] = self._metric_summaries(_average_over_classes(self._rows, self._metrics()))
        by_class = {name: self._class_summary(number, name) for number, name in enumerate(self.classes)}
        if several:
            found["pooled"] = _mean_of([c["pooled"] for c in by_class.values()])
            for metric in CURVE_METRICS if self.histograms else ():
                pooled = _mean_of([{"auc": c[metric]["pooled"]} for c in by_class.values()])["auc"]
                found[metric] = {"pooled": pooled, **found[metric]}
            errors = [{"error": c["expected_calibration_error"]} for c in by_class.values()] if self.histograms else []
            found["expected_calibration_error"] = _mean_of(errors)["error"] if errors else math.nan
            found["by_class"] = by_class
        else:
            found = by_class[self.classes[0]]
        found["threshold"] = self.thresholds[0] if not several and self._with_probability else None
        found["by_subgroup"] = self._subgroups()
        if self._sizes():
            found["volume_agreement"] = {name: dict(measured.agreement) for name, measured in self.volumes().items()}
            found["slice_agreement"] = {name: dict(measured.agreement) for name, measured in self.slices().items()}
        json_able: dict[str, Any] = without_nan(found)
        return json_able

    def _metrics(self) -> tuple[str, ...]:
        return (*OVERLAP_METRICS, *DISTANCE_METRICS, *(CURVE_METRICS if self._with_probability else ()))

    def _sizes(self) -> dict[str, list[tuple[Sizes, str]]]:
        """Of each class the sizes in every volume, with its patient; of several, in those that have it or are said to."""
        found: dict[str, list[tuple[Sizes, str]]] = {}
        for row in self._rows:
            if row.sizes is not None and not (row.absent and len(self.classes) > 1):
                found.setdefault(row.class_name, []).append((row.sizes, row.person))
        return found

    def _class_summary(self, number: int, name: str) -> dict[str, Any]:
        rows = [r for r in self._rows if r.class_name == name]
        found: dict[str, Any] = self._metric_summaries(rows)
        for metric in CURVE_METRICS if self.histograms else ():
            histogram = self.histograms[number]
            pooled = histogram.auc() if metric == "auc" else histogram.average_precision()
            found[metric] = {"pooled": pooled, **found[metric]}
        found["expected_calibration_error"] = self.histograms[number].calibration_error() if self.histograms else math.nan
        counts = Counts(*np.sum(np.array([r.counts for r in rows]), axis=0))
        found["pooled"] = {metric: float(value) for metric, value in rates(counts).items()}
        if len(self.classes) > 1 and all(r.absent for r in rows):
            found["pooled"] |= {m: math.nan for m in _NOTHING_TO_FIND if m in OVERLAP_METRICS}
        found["without_object"] = sum(1 for r in rows if r.lacks_object)
        return found

    def _metric_summaries(self, rows: Sequence[_Row], metrics: Sequence[str] | None = None) -> dict[str, Any]:
        patients = [r.person for r in rows]
        names = self._metrics() if metrics is None else metrics
        return {m: summarise([r.metrics.get(m, math.nan) for r in rows], patients) for m in names}

    def _subgroups(self) -> dict[str, dict[str, Any]]:
        rows = _average_over_classes(self._rows, self._metrics())
        found: dict[str, dict[str, Any]] = {}
        for column in dict.fromkeys(name for r in rows for name in r.attributes):
            groups = subgroups([r.attributes.get(column, "") for r in rows])
            if groups is not None:
                parts = {g: [r for r, own in zip(rows, groups, strict=True) if own == g] for g in in_order(groups)}
                found[column] = {g: self._metric_summaries(part, ("dice", "iou", "hd95")) for g, part in parts.items()}
        return found

    def _check(
        self,
        case_id: str,
        truth: Numbers,
        probability: npt.NDArray[np.floating] | None,
        prediction: Numbers,
        valid: Mask | None,
    ) -> None:
        if probability is not None and probability.shape[0] != len(self.classes):
            raise ModicumError(f"case '{case_id}': {probability.shape[0]} probability maps for {len(self.classes)} classes.")
        maps = {
            "probability map": None if probability is None else probability[0],
            "prediction": prediction,
            "mask of valid pixels": valid,
        }
        for what, array in maps.items():
            if array is not None and array.shape != truth.shape:
                raise ModicumError(f"case '{case_id}': the {what} is {_size(array)}, the true mask {_size(truth)}.")
        for what, numbers in (("true mask", truth), ("prediction", prediction)):
            if numbers.size and int(numbers.max()) > len(self.classes):
                raise ModicumError(
                    f"case '{case_id}': the {what} holds class {int(numbers.max())}, but there are {len(self.classes)} "
                    f"({', '.join(self.classes)})."
                )


def _histogram(case_id: str, probability: npt.NDArray[np.floating], true: Mask, inside: Mask | None) -> ProbabilityHistogram:
    histogram = ProbabilityHistogram()
    try:
        histogram.add(probability, true, inside)
    except ValueError as error:
        raise ModicumError(f"case '{case_id}': {error}.") from None
    return histogram


def _average_over_classes(rows: Sequence[_Row], metrics: Sequence[str]) -> list[_Row]:
    """One row a case: each metric averaged over the classes that have it; of a case with none of them as for one class.

    There is no mean distance where one class has none, because it was missed or made up: the others would hide that.
    """
    by_case: dict[str, list[_Row]] = {}
    for row in rows:
        by_case.setdefault(row.case, []).append(row)
    found = []
    for case, its_rows in by_case.items():
        means = _mean_of([{m: r.metrics.get(m, math.nan) for m in metrics} for r in its_rows])
        means |= {m: math.nan for m in DISTANCE_METRICS if any(not r.absent and math.isnan(r.metrics[m]) for r in its_rows)}
        if all(r.absent for r in its_rows) and not math.isnan(means["accuracy"]):
            means |= _NOTHING_TO_FIND
        found.append(_Row(case, "", its_rows[0].patient, its_rows[0].attributes, means, its_rows[0].counts))
    return found


def dice_by_case(table: pd.DataFrame) -> pd.Series[float]:
    """Of an `Evaluator.table`: Dice of each case, averaged over the classes that have one; nan where no pixel counts.

    Of a case that has none of several classes it is 1, as accuracy is there.
    """
    cases = table.groupby("case")
    return cases["dice"].mean().fillna(cases["accuracy"].mean())


def _mean_of(figures: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of each figure over those that are not nan."""
    existing = {name: [f[name] for f in figures if not math.isnan(f[name])] for name in figures[0]}
    return {name: float(np.mean(values)) if values else math.nan for name, values in existing.items()}


def _size(array: npt.NDArray[Any]) -> str:
    return "x".join(str(n) for n in reversed(array.shape))
