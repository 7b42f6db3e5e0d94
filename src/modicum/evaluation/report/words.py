"""The report's sentences and cards: figures said in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modicum.evaluation.evaluator import dice_by_case
from modicum.evaluation.report.data import ReportData
from modicum.evaluation.report.ink import thousandths

if TYPE_CHECKING:
    import pandas as pd

METRIC_NAMES = {
    "dice": "Dice", "iou": "IoU (Jaccard)", "thresholded_jaccard": "Jaccard, 0 below .65", "precision": "Precision",
    "recall": "Recall (sensitivity)", "specificity": "Specificity", "accuracy": "Accuracy", "auc": "ROC AUC",
    "average_precision": "Average precision", "hd95": "Hausdorff 95, pixels", "found_ml": "Found, ml",
    "true_ml": "True, ml",
}  # fmt: skip
_FORMS = {"hd95": ".1f", "found_ml": ".2f", "true_ml": ".2f"}  # the others are shares
_MEANINGS = {
    "dice": "overlap of both masks; also called F1",
    "iou": "shared area over joint area",
    "precision": "of what was marked, the share that is right",
    "recall": "of what is there, the share that was found",
    "specificity": "of the background, the share left alone",
    "auc": "how well probabilities part object from background",
    "hd95": "how far the outlines stray, in pixels",
}
_ROUGH = 10  # patients; with fewer, intervals are rough
_PARTS = {
    "train": "to train", "val": "to validate", "test": "to test", "labelled": "labelled", "folds": "folds",
    "unlabelled": "unlabelled", "measured": "measured",
}  # fmt: skip


def thing(summary: Mapping[str, Any]) -> str:
    """What was measured one by one: "picture" or "volume"."""
    return "volume" if "volume_agreement" in summary else "picture"


def in_unit(text: str, summary: Mapping[str, Any]) -> str:
    """A text about distances; those in volumes are in mm."""
    return text.replace("pixels", "mm") if thing(summary) == "volume" else text


def figure(metric: str, value: float | None) -> str:
    """A metric's value as it is printed: shares as .823, pixels as 12.3; a dash where there is none."""
    if value is None or value != value:
        return "–"
    return f"{value:{_FORMS[metric]}}" if metric in _FORMS else thousandths(value)


def interval(values: Mapping[str, Any], *, with_sign: bool = False) -> str:
    """The 95 % interval of a Dice or of a difference; a dash where there is none."""
    low, high = values.get("ci95") or (None, None)
    if low is None or low != low:
        return "–"
    return f"{signed(low)} to {signed(high)}" if with_sign else f"{figure('dice', low)} to {figure('dice', high)}"


def signed(value: float | None) -> str:
    """A difference as it is printed: +.032, −.012, .000; a dash where there is none."""
    if value is None or value != value:
        return "–"
    size = figure("dice", abs(value))
    return size if size == ".000" else f"{'−' if value < 0 else '+'}{size}"


def chance(p: float | None) -> str:
    """A p-value as it is printed: .023, < .001; a dash where there is none."""
    if p is None or p != p:
        return "–"
    return "< .001" if p < 0.001 else figure("dice", p)


def headline(data: ReportData) -> str:
    """The main result in one sentence."""
    dice = data.headline
    n, mean, one = int(dice.get("n") or 0), dice.get("mean"), thing(data.summary)
    if mean is None or not n:
        return f"No {one} could be measured."
    measured = f"1 {one}" if n == 1 else f"{n} {one}s"
    if (groups := int(dice.get("groups") or n)) < n:
        measured += f" of {groups} patient{'s' * (groups != 1)}"
    seen = ""
    if data.counts.get("folds"):
        seen = ", each tested by a model that never saw it"
    elif data.counts.get("train"):
        seen = " that the model never saw"
    what = "mean Dice of the classes" if len(data.classes) > 1 else "Dice"
    low, high = dice.get("ci95") or (None, None)
    interval = "" if low is None else f" (95 % interval {figure('dice', low)} to {figure('dice', high)})"
    return f"On {measured}{seen}, {what} is {thousandths(mean)}{interval}."


def detail(data: ReportData) -> str:
    """What stands behind the mean: spread, the worst picture, and how far the figure may be trusted."""
    dice, table, one = data.headline, data.table, thing(data.summary)
    said = []
    if (dice.get("n") or 0) > 1 and dice.get("sd") is not None:
        said.append(
            f"The typical {one} reaches {thousandths(dice['median'])} (median), with a standard deviation of "
            f"{thousandths(dice['sd'])} between {one}s"
        )
        by_case = None if table.empty else dice_by_case(table)
        if by_case is not None and by_case.notna().any():
            said[-1] += f"; the worst, {by_case.idxmin()}, reaches {thousandths(float(by_case.min()))}"
        said[-1] += "."
    n = int(dice.get("n") or 0)
    if n == 1:
        said.append(f"One {one} says little about the next one: there is no interval.")
    elif n:
        said += _few(int(dice.get("groups") or n), one if dice.get("groups", n) == n else "patient", dice)
    empty = data.summary.get("without_object")
    if empty:
        without = f"{empty} of {n} {one}s {'is' if empty == 1 else 'are'} without the object"
        said.append(f"{without}; where nothing was marked either, Dice counts as 1.")
    lost = (data.summary.get("hd95") or {}).get("undefined")
    if lost:
        masks = "one of the masks" if len(data.classes) < 2 else "a class is missed or made up, and one of its masks"
        said.append(f"Hausdorff distance does not exist for {lost} of {n}, where {masks} is empty.")
    return " ".join(said)


def _few(groups: int, one: str, dice: Mapping[str, Any]) -> list[str]:
    """What so few patients, or pictures, mean for the interval."""
    if groups >= _ROUGH:
        return []
    if interval(dice) == "–":
        return [f"{groups} {one}{'s' * (groups != 1)} {'is' if groups == 1 else 'are'} too few for an interval."]
    return [f"With only {groups} {one}s the interval itself is rough."]


def cards(summary: Mapping[str, Any]) -> list[dict[str, str]]:
    """Name, value, interval and meaning of the main figures."""
    found = []
    for metric, meaning in _MEANINGS.items():
        values = summary.get(metric)
        if values and values.get("mean") is not None:
            low, high = values["ci95"]
            interval = "" if low is None else f"{figure(metric, low)} to {figure(metric, high)}"
            name = METRIC_NAMES[metric].split(",")[0].replace(" (Jaccard)", "").replace(" (sensitivity)", "")
            value, said = figure(metric, values["mean"]), in_unit(meaning, summary)
            found.append({"name": name, "value": value, "interval": interval, "meaning": said})
    return found


def metric_rows(summary: Mapping[str, Any]) -> list[list[str]]:
    """Metric, mean, interval, sd, median, pooled: the full table of figures."""
    rows = []
    for metric, name in METRIC_NAMES.items():
        values = summary.get(metric)
        if values:
            low, high = values["ci95"]
            interval = "–" if low is None else f"{figure(metric, low)} to {figure(metric, high)}"
            pooled = values["pooled"] if "pooled" in values else (summary.get("pooled") or {}).get(metric)
            shown = (values["mean"], values["sd"], values["median"], pooled)
            mean, sd, median, all_pixels = (figure(metric, v) for v in shown)
            rows.append([in_unit(name, summary), mean, interval, sd, median, all_pixels, str(values["n"])])
    return rows


def agreement_heads(unit: str) -> list[str]:
    """Headings of `agreement_rows` after the class."""
    bias, error = f"Bias, {unit} (of the true one)", f"Absolute error, {unit}"
    return [bias, "95 % interval", "Limits of agreement", error, "Pearson, interval", "ICC, interval", "n"]


def agreement_rows(agreement: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """Of each class its name, bias, its interval, limits, absolute error, both correlations and the number of sizes."""

    def both(value: float | None, relative: float | None, sign: str) -> str:
        return "–" if value is None else f"{value:{sign}.2f}" + ("" if relative is None else f" ({relative:{sign}.1%})")

    def pair(values: Any) -> str:
        return "–" if values[0] is None else f"{values[0]:+.2f} to {values[1]:+.2f}"

    return [
        [
            name, both(a["bias"], a["relative_bias"], "+"), pair(a["bias_ci95"]), pair(a["limits"]),
            both(a["absolute_error"], a["relative_error"], ""),
            *(f"{figure('dice', a[r])}, {interval({'ci95': a[f'{r}_ci95']})}" for r in ("pearson", "icc")), str(a["n"]),
        ]
        for name, a in agreement.items()
    ]  # fmt: skip


def case_rows(table: pd.DataFrame, several: bool) -> tuple[list[str], list[list[dict[str, Any]]]]:
    """Headings and rows of the table of every picture, worst Dice first."""
    if table.empty:
        return [], []
    metrics = [m for m in METRIC_NAMES if m in table and m not in ("thresholded_jaccard", "average_precision")]
    known = {*METRIC_NAMES, "case", "class", "patient"}
    patient = ["patient"] if (table["patient"].astype(str) != "").any() else []
    texts = ["case", *(["class"] if several else []), *patient]
    attributes = [c for c in table.columns if c not in known]
    heads = [*texts, *(_short(m) for m in metrics), *attributes]
    rows = []
    for record in table.sort_values("dice", kind="stable", na_position="last").to_dict("records"):
        cells: list[dict[str, Any]] = [{"text": _blank(record[c]), "sort": None, "bar": None} for c in texts]
        for metric in metrics:
            value = float(record[metric])
            bar = round(100 * min(1.0, max(0.0, value))) if metric == "dice" and value == value else None
            cells.append({"text": figure(metric, value), "sort": value if value == value else -1.0, "bar": bar})
        cells += [{"text": _blank(record[c]), "sort": None, "bar": None} for c in attributes]
        rows.append(cells)
    return heads, rows


def _short(metric: str) -> str:
    """A metric's name over its column."""
    return METRIC_NAMES[metric] if metric.endswith("_ml") else METRIC_NAMES[metric].split(" (")[0].split(",")[0]


def counts(data: ReportData) -> list[tuple[str, str]]:
    """How many pictures, or slices of volumes, went where."""
    what = "slices " if thing(data.summary) == "volume" else ""
    return [
        (f"{number:,}", ("" if part in ("folds", "measured") else what) + _PARTS.get(part, part))
        for part, number in data.counts.items()
        if number or part == "test"
    ]


def recipe_rows(recipe: Mapping[str, Any], depth: int = 0) -> list[tuple[int, str, str]]:
    """(depth, key, value) of a nested recipe, in order."""
    rows: list[tuple[int, str, str]] = []
    for key, value in recipe.items():
        if isinstance(value, Mapping) and value:
            rows.append((depth, str(key), str(value.get("name", ""))))
            rows += recipe_rows({k: v for k, v in value.items() if k != "name"}, depth + 1)
        else:
            rows.append((depth, str(key), _value(value)))
    return rows


def _value(value: Any) -> str:
    if value is None or value == {} or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_value(v) for v in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _blank(value: Any) -> str:
    return "" if value is None or value != value else str(value)
