"""The report's figures. Each returns SVG, or "" where there is nothing to draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from modicum.evaluation.report.ink import (
    BLUE,
    INK,
    LINE,
    MUTED,
    ORANGE,
    PAPER,
    SERIES,
    Sheet,
    plain,
    share_axis,
    styled,
    thousandths,
)
from modicum.evaluation.sizes import Measured

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

_SHARES = {
    "dice": "Dice", "iou": "IoU", "precision": "Precision", "recall": "Recall",
    "specificity": "Specificity", "accuracy": "Accuracy", "auc": "AUC",
}  # fmt: skip
_FEW = 8  # fewer pictures than this show as points only: a violin of them would invent a shape
_MANY = 60  # from so many dots on they are small


@styled
def training_curves(history: pd.DataFrame | None) -> str:
    """Loss and Dice over epochs, and the learning rate."""
    if history is None or history.empty or "epoch" not in history:
        return ""
    kinds = [
        ("Loss", [("train_loss", "training", BLUE), ("val_loss", "validation", ORANGE)]),
        ("Dice on validation pictures", [("val_dice", "validation", ORANGE)]),
        ("Unlabelled pixels that taught", [(c, _taught(c), SERIES[n]) for n, c in enumerate(_sure(history))]),
        ("Learning rate", [("learning_rate", "", MUTED)]),
    ]
    panels = [(title, [s for s in series if _has(history, s[0])]) for title, series in kinds]
    panels = [(title, series) for title, series in panels if series]
    if not panels:
        return ""
    sheet = Sheet(len(panels), 2.7)
    epochs = history["epoch"].to_numpy(float)
    for axes, (title, series) in zip(sheet.axes, panels, strict=True):
        for column, name, colour in series:
            values = history[column].to_numpy(float)
            lone = "o" if np.isfinite(values).sum() == 1 else None
            axes.plot(epochs, values, color=colour, label=name, marker=lone, markersize=4)
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.margins(x=0.02)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if len(series) > 1:
            axes.legend(loc="upper right", labelcolor=MUTED)
        if title == "Loss":
            _show_loss_range(axes, np.concatenate([history[c].to_numpy(float) for c, _, _ in series]))
        if title.startswith("Unlabelled"):
            share_axis(axes, "y")
        if title.startswith("Dice"):
            share_axis(axes, "y")
            _mark_best(axes, epochs, history["val_dice"].to_numpy(float))
        if title == "Learning rate":
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    return sheet.svg("Training curves")


@styled
def distributions(table: pd.DataFrame, classes: Sequence[str]) -> str:
    """Every picture's figures: violin, box and points for each metric, or Dice of each class."""
    if table.empty:
        return ""
    volumes = "found_ml" in table
    if len(classes) > 1:
        groups = {plain(name): _numbers(table.loc[table["class"] == name, "dice"]) for name in classes}
        distances = [_numbers(table.loc[table["class"] == name, "hd95"]) for name in classes]
        title = f"Dice of each {'volume' if volumes else 'picture'}, by class"
    else:
        groups = {label: _numbers(table[m]) for m, label in _SHARES.items() if m in table}
        distances = [_numbers(table["hd95"])]
        title = f"Each {'volume' if volumes else 'picture'}'s figures"
    if not any(values.size for values in groups.values()):
        return ""
    apart = any(values.size for values in distances)
    height = 0.9 + 0.36 * len(groups)
    sheet = Sheet(2, height, widths=(3, 1)) if apart else Sheet(1, height)
    for place, values in enumerate(groups.values()):
        _box(sheet.axes[0], values, len(groups) - place, BLUE)
    sheet.axes[0].set_yticks(range(len(groups), 0, -1), list(groups))
    sheet.axes[0].tick_params(axis="y", labelcolor=INK)
    sheet.axes[0].set_title(title)
    share_axis(sheet.axes[0], "x")
    if apart:
        right = sheet.axes[1]
        for place, values in enumerate(distances):
            _box(right, values, len(groups) - place if len(classes) > 1 else (1 + len(groups)) / 2, ORANGE)
        right.set_yticks([])
        right.set_title(f"Hausdorff 95, {'mm' if volumes else 'pixels'}")
        right.set_xlim(left=min(0.0, right.get_xlim()[0]))
    for axes in sheet.axes:
        axes.set_ylim(0.4, len(groups) + 0.6)
        axes.grid(visible=False, axis="y")
    return sheet.svg("Distribution of the metrics over pictures")


@styled
def subgroups(by_subgroup: Mapping[str, Mapping[str, Any]], overall: float | None) -> str:
    """Mean Dice and its interval in each subgroup."""
    rows: list[tuple[str, Mapping[str, Any] | None]] = []
    for column, values in by_subgroup.items():
        rows.append((column, None))
        rows += [(f"{value}  (n = {figures['dice']['n']})", figures["dice"]) for value, figures in values.items()]
    if not rows:
        return ""
    sheet = Sheet(1, 0.7 + 0.26 * len(rows))
    axes = sheet.axes[0]
    if overall is not None:
        axes.axvline(overall, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    for place, (_, dice) in enumerate(rows):
        if dice is not None and dice["mean"] is not None:
            low, high = dice["ci95"]
            if low is not None:
                axes.plot([low, high], [place, place], color=BLUE, linewidth=2.2, alpha=0.55)
            axes.plot([dice["mean"]], [place], "o", color=BLUE, markersize=6, markeredgecolor=PAPER)
    axes.set_yticks(range(len(rows)), [plain(label) for label, _ in rows])
    for tick, (_, dice) in zip(axes.get_yticklabels(), rows, strict=True):
        tick.set_color(MUTED if dice is not None else INK)
        tick.set_fontweight("normal" if dice is not None else "bold")
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("Dice: mean and 95 % interval; the dashed line is the mean of all pictures")
    share_axis(axes, "x")
    return sheet.svg("Dice by subgroup")


@styled
def bland_altman(measured: Mapping[str, Measured], what: str, unit: str) -> str:
    """For each class the difference of both sizes of a thing against their mean, with bias, limits and their intervals.

    Args:
        what: is measured, such as "volume".
        unit: of the sizes.
    """
    drawn = [(name, both) for name, both in measured.items() if len(both.found) > 1]
    if not drawn:
        return ""
    sheet = Sheet(min(3, len(drawn)), 3.2)
    for place, (axes, (name, both)) in enumerate(zip(sheet.axes, drawn, strict=False)):
        colour, figures = SERIES[place % len(SERIES)], both.agreement
        found, true = np.asarray(both.found), np.asarray(both.true)
        axes.axhline(0, color=LINE, linewidth=1)
        lines = [(figures["bias"], figures["bias_ci95"], "-", "mean"), *(
            (limit, ci, (0, (4, 3)), "±1.96 SD") for limit, ci in zip(figures["limits"], figures["limits_ci95"], strict=True)
        )]  # fmt: skip
        for value, (low, high), style, said in lines:
            if np.isfinite(low):
                axes.axhspan(low, high, color=colour, alpha=0.10, linewidth=0)
            axes.axhline(value, color=colour, linewidth=1.3, linestyle=style)
            axes.annotate(f"{said} {value:+.2f}", (1, value), xycoords=("axes fraction", "data"), ha="right", va="bottom",
                          fontsize=7.5, color=MUTED)  # fmt: skip
        size, strength = (6, 1.0) if found.size < _MANY else (3, 0.45)
        axes.plot((found + true) / 2, found - true, "o", color=colour, alpha=strength, markeredgecolor=PAPER,
                  markeredgewidth=size / 8, markersize=size)  # fmt: skip
        axes.set(title=plain(name), xlabel=f"mean of both {what}s, {unit}", ylabel=f"found - true, {unit}")
        axes.margins(y=0.2)
    return sheet.svg(f"Bland-Altman plot of {what}s")


def _box(axes: Axes, values: Floats, place: float, colour: str) -> None:
    """Points; from 5 values on a box, from 8 on a violin."""
    many = values.size >= _FEW and float(np.ptp(values)) > 1e-9
    if many:
        violin = axes.violinplot([values], [place], orientation="horizontal", widths=0.82, showextrema=False)
        for body in violin["bodies"]:  # type: ignore[attr-defined]
            body.set(facecolor=colour, alpha=0.14, linewidth=0)
    if values.size > 4:
        line = {"color": colour, "linewidth": 1.3}
        axes.boxplot(
            [values], positions=[place], orientation="horizontal", widths=0.3, showfliers=False, manage_ticks=False,
            boxprops=line, whiskerprops=line, capprops={"linewidth": 0},
            medianprops={"color": colour, "linewidth": 2.6, "solid_capstyle": "butt"},
        )  # fmt: skip
    spread = (np.arange(values.size) * 0.618034) % 1 - 0.5  # golden ratio: even, and the same every time
    axes.plot(values, place + 0.22 * spread, "o", color=colour, markersize=3.2, alpha=0.45, markeredgewidth=0)


def _mark_best(axes: Axes, epochs: Floats, values: Floats) -> None:
    if np.isfinite(values).any():
        best = int(np.nanargmax(values))
        axes.plot([epochs[best]], [values[best]], "o", color=ORANGE, markeredgecolor=PAPER, markersize=6.5)
        axes.annotate(
            thousandths(float(values[best])), (epochs[best], values[best]), xytext=(0, -13), textcoords="offset points",
            ha="center", color=ORANGE, fontsize=8,
        )  # fmt: skip


def _show_loss_range(axes: Axes, losses: Floats) -> None:
    """The first epoch's loss may tower over all that follows; then it may leave the frame."""
    finite = losses[np.isfinite(losses)]
    if finite.size > 20:
        low, high = float(finite.min()), float(np.quantile(finite, 0.98))
        if finite.max() > high + 2 * (high - low):
            axes.set_ylim(low - 0.08 * (high - low), high + 0.3 * (high - low))


def _sure(history: pd.DataFrame) -> list[str]:
    """Columns with the share of the unlabelled pixels that taught each class."""
    return [c for c in map(str, history) if c.startswith("sure_")][: len(SERIES)]


def _taught(column: str) -> str:
    number = int(column.removeprefix("sure_"))
    return "background" if number == 0 else f"class {number}" if number > 1 else "object"


def _has(history: pd.DataFrame, column: str) -> bool:
    return column in history and bool(np.isfinite(history[column].to_numpy(float)).any())


def _numbers(column: Any) -> Floats:
    values: Floats = np.asarray(column, np.float64)
    return values[np.isfinite(values)]
