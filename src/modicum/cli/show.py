"""How results look on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from modicum.errors import Finding, alike, and_others

if TYPE_CHECKING:
    from modicum.datasets import Inspection
    from modicum.datasets.volume_facts import VolumeFacts
    from modicum.planning import Plan
    from modicum.runs.compare import Comparison
    from modicum.runs.network_costs import NetworkCost
    from modicum.runs.train import Run

_COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}
_SHOWN = ("dice", "iou", "precision", "recall", "specificity", "accuracy", "hd95")
_ROWS = {  # where the name of a figure is not what people call it
    "sides": "classes that differ by their side",
    "dtypes": "pixel type",
    "examined": "labels looked at",
    "single_share": "share with one object",
    "object_diameter_px": "object diameter, pixels",
    "object_thickness_px": "object thickness, pixels",
}
_out = Console(highlight=False, soft_wrap=True)


def show_inspection(inspection: Inspection) -> None:
    """What `inspect` found."""
    from modicum.datasets.volume_facts import WINDOWS

    dataset, seen = inspection.dataset, inspection.fingerprint
    _out.print(f"[bold]{escape(str(dataset.root))}[/bold]: {dataset.layout}")
    table = Table(show_header=False, box=None)
    table.add_row("Classes", escape(", ".join(dataset.classes)))
    if inspection.volumes is not None:
        for key, text in _volume_rows(inspection.volumes):
            table.add_row(key, escape(text))
    for key, value in seen.to_json().items():
        if value is None or (key == "spacing_spread" and seen.spacing is None):
            continue
        name = "slices" if key == "pictures" and inspection.volumes else _ROWS.get(key, key.replace("_", " "))
        table.add_row((name.replace("picture", "slice") if inspection.volumes else name).capitalize(), escape(_short(value)))
    _out.print(table)
    if inspection.volumes is not None and inspection.volumes.hounsfield:
        known = ", ".join(f"{what} [{low},{high}]" for what, (low, high) in WINDOWS.items())
        _out.print(f"- A window shows objects with more contrast (--set 'images.window=[-160,240]'): {known}.", markup=False)
    for note in dataset.notes:
        _out.print(f"- {escape(note)}")
    if inspection.splits:
        parts = ", ".join(f"{len(getattr(inspection.splits[0], part))} {part}" for part in ("train", "val", "test"))
        folds = f"{len(inspection.splits)} folds, the first: " if len(inspection.splits) > 1 else ""
        _out.print(f"- Training would divide them so: {folds}{parts}. {escape(inspection.splits[0].reason)}")
    show_findings(inspection.findings)


def _volume_rows(facts: VolumeFacts) -> list[tuple[str, str]]:
    """What volumes are like, a line each."""

    def span(numbers: tuple[float, float]) -> str:
        low, high = (f"{n:.4g}" for n in numbers)
        return low if low == high else f"{low} to {high}"

    low, high = facts.percentiles
    rows = [
        (
            "Volumes",
            f"{facts.volumes}, each {span(facts.depths)} slices of {span(facts.widths)} x {span(facts.heights)} voxels",
        ),
        ("Spacing", " x ".join(span(s) for s in facts.spacing[:2]) + f" mm, slices {span(facts.spacing[2])} mm apart"),
        ("Values", f"{span(facts.values)}; 99 % from {low:.4g} to {high:.4g}" + " (Hounsfield units: CT)" * facts.hounsfield),
    ]
    return [*rows, *((f"Values of {name}", f"90 % from {a:.4g} to {b:.4g}") for name, (a, b) in facts.labelled.items())]


def show_findings(findings: Any) -> None:
    """Problems, gravest first; those that are alike together."""
    order = list(_COLOURS)
    found: list[Finding] = sorted(findings, key=lambda f: order.index(f.severity))
    if not found:
        _out.print("[green]No problem found.[/green]")
    for group in alike(found, in_words=True):
        finding, others = group[0], escape(and_others(group))
        colour = _COLOURS[finding.severity]
        where = f"{escape(finding.file)}: " if finding.file else ""
        remedy = f" [dim]{escape(finding.remedy)}[/dim]" if finding.remedy else ""
        _out.print(f"[{colour}]{finding.severity}[/{colour}] {where}{escape(finding.message)}{others}{remedy}")


def show_plan(plan: Plan, more: Sequence[str]) -> None:
    """The recipe, its reasons and its length."""
    from modicum.recipes import dump

    for reason in (*plan.reasons, *more):
        _out.print(f"- {escape(reason)}")
    _out.print()
    _out.print(dump(plan.recipe), markup=False)


def show_run(run: Run) -> None:
    """The figures of a finished run and where its report lies."""
    problems = [f for f in run.findings if f.severity != "note" and f not in run.told]
    if problems:
        show_findings(problems)
    show_summary(run.summary["test"])
    show_steps(run.summary["by_step"])
    for note in run.summary["protocol"]:
        if note.startswith("UPPER BOUND"):
            _out.print(f"[yellow]{escape(note)}[/yellow]")
    _out.print(f"Model:  {run.folder / 'model.modicum'}\nReport: {run.folder / 'report.html'}", markup=False)


def show_evaluation(done: Mapping[str, Any]) -> None:
    """Figures, then what must be known about them."""
    for note in done["notes"]:
        _out.print(f"- {escape(note)}")
    show_summary(done["test"])
    show_steps(done.get("by_step", []))
    if done["findings"]:
        show_findings(Finding(**f) for f in done["findings"])


def show_summary(summary: Mapping[str, Any]) -> None:
    """Figures of a test, per picture or volume."""
    table = Table(box=None, header_style="bold")
    for column in ("", "mean", "95 % interval", "median", "sd"):
        table.add_column(column, justify="left" if not column else "right")
    for name in _SHOWN:
        values = summary.get(name)
        if values:
            table.add_row(name, _number(values["mean"]), _interval(values), _number(values["median"]), _number(values["sd"]))
    auc = (summary.get("auc") or {}).get("pooled")
    if auc is not None:
        table.add_row("auc (pooled)", _number(auc), "", "", "")
    _out.print(table)
    dice, things = summary["dice"], "volumes" if "volume_agreement" in summary else "pictures"
    for name, a in (summary.get("volume_agreement") or {}).items():
        if a["relative_error"] is not None:
            said = f"bias {a['bias']:+.2f} ml ({a['relative_bias']:+.1%}), absolute error {a['absolute_error']:.2f} ml"
            _out.print(f"Volume of {escape(name)}: {said} ({a['relative_error']:.1%})")
    measured = f"{dice['n']} {things}"
    if (patients := dice.get("groups", dice["n"])) < dice["n"]:  # of a run of before they were counted
        measured += f" of {patients} patients"
    sure = f" (95 % interval {_interval(dice)})" if dice["ci95"][0] is not None else ""
    _out.print(f"Dice {_number(dice['mean'])}{sure} on {measured}")


def show_steps(steps: Sequence[Mapping[str, Any]]) -> None:
    """What each of two networks contributes; an upper bound is said to be one."""
    if not steps:
        return
    table = Table(box=None, header_style="bold")
    for column in ("", "Dice", "95 % interval", "difference", "95 % interval", "p"):
        table.add_column(column, justify="left" if not column else "right")
    for step in steps:
        row = [step["name"] + (" (upper bound)" if step["upper_bound"] else ""), _number(step["dice"]["mean"])]
        row.append(_interval(step["dice"]))
        if (d := step["difference"]) is not None:
            row += [_number(d["mean"]), _interval(d), "-" if d["p"] is None else f"{d['p']:.2g}"]
        table.add_row(*row)
    _out.print(table)


def show_comparison(done: Comparison) -> None:
    """The table of a comparison, its conclusion, and what failed."""
    from modicum.evaluation.report.comparison import conclusions, table_rows

    table = Table(box=None, header_style="bold")
    reference = done.summary["recipes"][0]
    heads = ("recipe", "labels", "Dice", "95 % interval", "runs", f"to {reference}", "95 % interval", "p", "Wilcoxon", "effect")
    for column in heads:
        table.add_column(column, justify="left" if column == "recipe" else "right")
    for row in table_rows(done.summary):
        table.add_row(*(escape(cell) for cell in row))
    _out.print(table)
    for sentence in conclusions(done.summary):
        _out.print(f"- {escape(sentence)}")
    for result in done.failed:
        _out.print(f"[red]failed[/red] {result.cell.key}: {escape(result.error)}")
    _out.print(f"Report: {done.folder / 'report.html'}", markup=False)


def show_recipes() -> None:
    """Recipes, what is in them and what they are for."""
    from modicum.recipes import load, names

    _entry("auto", ["length: --budget"], "Chosen from the data, the labels and the budget.", "")
    for name in names():
        recipe = load(name)
        length = f"{recipe.fit.epochs} epochs" if recipe.fit.epochs else f"{recipe.fit.budget or 10:g} min"
        facts = [f"view {recipe.view['name']}", recipe.network["name"], length]
        if recipe.method is not None:
            facts = [recipe.method["name"], "fitted at once"]
        _entry(name, facts, recipe.description, recipe.source)


def show_networks(costs: Sequence[NetworkCost]) -> None:
    """Networks with their own options, what they cost, and encoders."""
    from modicum.networks import ENCODERS, NETWORKS
    from modicum.starts import PUBLISHED

    for cost in costs:
        encoder = NETWORKS.resolve(cost.name).get("encoder")
        facts = [f"encoder {encoder['name']}"] if encoder else []
        if not cost.problem:
            facts += [f"{cost.parameters:,} parameters", f"{cost.gflops:.1f} GFLOPs"]
        speeds = {"training": cost.training, "inference": cost.inference}
        facts += [f"{kind} {speed:.1f}/s" for kind, speed in speeds.items() if speed is not None]
        _entry(cost.name, facts, NETWORKS.describe(cost.name), NETWORKS.sources[cost.name])
        if cost.problem:
            _out.print(Padding(f"[yellow]{escape(cost.problem)}[/yellow]", (0, 0, 0, 4)), soft_wrap=False)
    _out.print("\nFor one colour picture of 256x256 pixels (3D: 16 slices of 128x128); pictures a second with --measure.")
    _out.print("\n[bold]Encoders[/bold]")
    for name in ENCODERS:
        whence = [f"ImageNet: {PUBLISHED[name].whence}"] if name in PUBLISHED else []
        _entry(name, whence, ENCODERS.describe(name), ENCODERS.sources[name])


def _entry(name: str, facts: Sequence[str], what: str, source: str) -> None:
    """A name and its facts on a line, below them what it is and who says so."""
    _out.print(f"[bold]{escape(name)}[/bold]  [cyan]{escape(' · '.join(facts))}[/cyan]")
    said = escape(what) + (f" [dim]{escape(source)}[/dim]" if source else "")
    _out.print(Padding(said, (0, 0, 0, 4), expand=False), soft_wrap=False)


def _interval(values: Mapping[str, Any]) -> str:
    low, high = values["ci95"]
    return "-" if low is None else f"{_number(low)} to {_number(high)}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}" if abs(value) < 10 else f"{value:.1f}"


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_short(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_short(v) for v in value)
    return str(value)
