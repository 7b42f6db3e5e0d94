"""What the probabilities of all pixels together are worth: curves over thresholds, and their reliability, as SVG."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from modicum.evaluation.curves import ProbabilityHistogram
from modicum.evaluation.report.ink import INK, LINE, MUTED, PAPER, SERIES, Sheet, plain, share_axis, styled, thousandths


@styled
def roc_and_precision_recall(
    histograms: Sequence[ProbabilityHistogram], classes: Sequence[str], threshold: float | None
) -> str:
    """ROC, precision against recall, and Dice at every threshold, with the point at which the model works."""
    drawn = [(h, n) for h, n in zip(histograms, classes, strict=False) if h.positives and h.negatives]
    if not drawn:
        return ""
    sheet = Sheet(3, 3.6)
    roc, pr, by_threshold = sheet.axes
    roc.plot([0, 1], [0, 1], color=LINE, linewidth=1, linestyle=(0, (4, 3)))
    _iso_dice(pr)
    for place, (histogram, name) in enumerate(drawn):
        line = {"color": SERIES[place % len(SERIES)]}
        prefix = f"{plain(name)}: " if len(drawn) > 1 else ""
        fpr, tpr, _ = histogram.roc()
        precision, recall, thresholds = histogram.precision_recall()
        sums = precision + recall
        dice = np.divide(2 * precision * recall, sums, out=np.zeros_like(sums), where=sums > 0)
        average = thousandths(histogram.average_precision())
        roc.plot(fpr, tpr, **line, label=f"{prefix}area {thousandths(histogram.auc())}")  # type: ignore[arg-type]
        pr.plot(recall, precision, **line, label=f"{prefix}average precision {average}")  # type: ignore[arg-type]
        by_threshold.plot(thresholds[1:], dice[1:], **line, label=f"{prefix}best {thousandths(float(dice.max()))}")  # type: ignore[arg-type]
        if threshold is not None and len(drawn) == 1:
            point = histogram.confusion(threshold)
            places = (
                (1 - point["specificity"], point["recall"]),
                (point["recall"], point["precision"]),
                (threshold, point["dice"]),
            )
            for axes, (x, y) in zip(sheet.axes, places, strict=True):
                label = f"at threshold {thousandths(threshold)}"
                axes.plot([x], [y], "o", **line, markeredgecolor=PAPER, markersize=8, label=label)  # type: ignore[arg-type]
    for axes, title, across, up, corner in (
        (roc, "ROC", "1 - specificity", "recall (sensitivity)", "lower right"),
        (pr, "Precision and recall", "recall (sensitivity)", "precision", "lower left"),
        (by_threshold, "Dice at every threshold", "threshold", "Dice", "lower center"),
    ):
        axes.set(title=title, xlabel=across, ylabel=up, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        share_axis(axes, "x")
        share_axis(axes, "y")
        axes.legend(loc=corner, labelcolor=INK, fontsize=7.5)  # type: ignore[call-overload]
    return sheet.svg("ROC curve, precision-recall curve, and Dice at every threshold")


@styled
def reliability(histograms: Sequence[ProbabilityHistogram], classes: Sequence[str], temperature: float) -> str:
    """Share of foreground against the probability that was told, and how many pixels were told it; of one class before, too."""
    drawn = [(h, n) for h, n in zip(histograms, classes, strict=False) if h.positives and h.negatives]
    if not drawn:
        return ""
    sheet = Sheet(2, 3.6, width=7.6)
    shares, amounts = sheet.axes
    shares.plot([0, 1], [0, 1], color=LINE, linewidth=1, linestyle=(0, (4, 3)))
    curves = [(h, plain(n) if len(drawn) > 1 else "probabilities", 1.0) for h, n in drawn]
    if temperature != 1 and len(drawn) == 1:
        curves.append((drawn[0][0], f"before temperature {temperature:.2f}", temperature))
    for place, (histogram, name, before) in enumerate(curves):
        told, foreground, pixels = histogram.reliability(before)
        colour = MUTED if before != 1 else SERIES[place % len(SERIES)]
        label = f"{name}: error {thousandths(histogram.calibration_error(before))}"
        shares.plot(told, foreground, "o-", color=colour, markersize=3.5, label=label)
        amounts.plot(told, pixels / pixels.sum(), "o-", color=colour, markersize=3.5)
    shares.set(title="Reliability", ylabel="share of foreground", ylim=(-0.02, 1.02), aspect="equal")
    amounts.set(title="How often it is told", ylabel="share of pixels", yscale="log")
    amounts.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".removeprefix("0")))  # no powers: slow
    amounts.yaxis.set_minor_formatter(NullFormatter())
    for axes in sheet.axes:
        axes.set(xlabel="probability of foreground", xlim=(-0.02, 1.02))
        share_axis(axes, "x")
    share_axis(shares, "y")
    shares.legend(loc="upper left", labelcolor=INK, fontsize=7.5)
    return sheet.svg("Reliability: share of foreground at every probability")


def _iso_dice(axes: Axes) -> None:
    """Faint lines of equal Dice in the plane of recall and precision."""
    for dice in (0.2, 0.4, 0.6, 0.8):
        recall = np.linspace(dice / (2 - dice), 1, 60)
        axes.plot(recall, dice * recall / (2 * recall - dice), color=LINE, linewidth=0.9)
        axes.text(dice, dice, f"Dice .{dice * 10:.0f}", fontsize=6.5, color=MUTED, ha="center", va="center")
