"""The page of a comparison: learning curves with intervals, a table, and a conclusion in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from modicum.evaluation.report.data import ComparisonData, Curve
from modicum.evaluation.report.ink import PAPER, SERIES, Sheet, share_axis, styled, thousandths
from modicum.evaluation.report.words import chance, interval, signed

_LEVEL = 0.05


def conclusions(summary: Mapping[str, Any]) -> list[str]:
    """What was found, a sentence each: every recipe against the first, and what more labels would bring."""
    reference, said = summary["recipes"][0], []
    for row in summary["rows"]:
        found = row.get("difference")
        if found is None:
            continue
        size = f"With {row['labels']} labels"
        figures = f"{signed(found['mean'])} {_brackets(interval(found, with_sign=True))}, p {chance(found['p_holm'])}"
        if found["p_holm"] is None or not found["p_holm"] < _LEVEL:
            said.append(f"{size}, {row['recipe']} cannot be told from {reference}: {figures}.")
        else:
            better = "adds" if found["mean"] > 0 else "loses"
            said.append(
                f"{size}, {row['recipe']} {better} {thousandths(abs(found['mean']))} Dice against {reference}: {figures}."
            )
    for recipe, ahead in summary["ahead"].items():
        if ahead:
            hopes = [f"{thousandths(a['dice'])} {_brackets(interval(a))} with {a['labels']}" for a in ahead]
            said.append(f"More labels, if the curve goes on as a power law: {recipe} would reach {' and '.join(hopes)}.")
    return said


def _brackets(text: str) -> str:
    return f"[{text.replace(' to ', ', ')}]"


def table_rows(summary: Mapping[str, Any]) -> list[list[str]]:
    """Recipe, labels, Dice, interval, repetitions, difference, interval, p, p of Wilcoxon's test, effect."""
    rows = []
    for row in summary["rows"]:
        cells = [row["recipe"], str(row["labels"]), thousandths(row["dice"]), interval(row), str(row["repetitions"])]
        found = row.get("difference")
        if found is None:
            cells += ["–"] * 5
        else:
            cells += [signed(found["mean"]), interval(found, with_sign=True), chance(found["p_holm"])]
            cells += [chance(found["wilcoxon_holm"]), signed(found["effect"])]
        rows.append(cells)
    return rows


@styled
def learning_curves(curves: Sequence[Curve]) -> str:
    """Dice against labels; dots are repetitions, dashes what is expected of more labels."""
    sizes = sorted({p.labels for c in curves for p in c.points})
    if not sizes:
        return ""
    sheet = Sheet(1, 4.2)
    axes = sheet.axes[0]
    for place, curve in enumerate(curves):
        colour, shift = SERIES[place % len(SERIES)], 1 + 0.025 * (place - (len(curves) - 1) / 2)
        x = [p.labels * shift for p in curve.points]
        axes.plot(
            x, [p.dice for p in curve.points], "o-", color=colour, markeredgecolor=PAPER, markersize=7, label=curve.recipe
        )
        for at, point in zip(x, curve.points, strict=True):
            axes.plot([at, at], list(point.ci95), color=colour, linewidth=2.2, alpha=0.5)
            axes.plot([at] * len(point.repetitions), point.repetitions, "o", color=colour, markersize=3, alpha=0.5)
        if curve.ahead:
            more = [curve.points[-1], *curve.ahead]
            places = [p.labels * shift for p in more]
            axes.plot(places, [p.dice for p in more], color=colour, linestyle=(0, (4, 3)), linewidth=1.2)
            axes.fill_between(
                places[1:], [p.ci95[0] for p in more[1:]], [p.ci95[1] for p in more[1:]], color=colour, alpha=0.12
            )
            sizes = sorted({*sizes, *(p.labels for p in curve.ahead)})
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(sizes))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("labelled pictures")
    axes.set_title("Mean Dice on the test pictures")
    share_axis(axes, "y")
    axes.set_ylim(*_reach([v for c in curves for p in (*c.points, *c.ahead) for v in (*p.ci95, *p.repetitions, p.dice)]))
    axes.legend(loc="lower right")
    return sheet.svg("Learning curves")


def _reach(values: Sequence[float]) -> tuple[float, float]:
    known = [v for v in values if v is not None and v == v]
    low, high = min(known), max(known)
    room = 0.08 * max(high - low, 0.05)
    return max(0.0, low - room), min(1.0, high + room)


def render(data: ComparisonData) -> dict[str, Any]:
    """What the template is given."""
    return {
        "title": data.title,
        "summary": data.summary,
        "conclusions": conclusions(data.summary),
        "curves": Markup(learning_curves(data.curves)),
        "rows": table_rows(data.summary),
        "one": any(row["repetitions"] == 1 for row in data.summary["rows"]),
    }
