"""The page, put together from its parts."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from modicum.errors import Finding, alike
from modicum.evaluation import pictures
from modicum.evaluation.report import comparison, figures, probabilities, second_look, words
from modicum.evaluation.report.data import ComparisonData, ReportData
from modicum.evaluation.report.panels import data_uri, panels

_MOST_EXAMPLES = 9
_ORDER = {"error": 0, "warning": 1, "note": 2}


def render(data: ReportData) -> str:
    """The whole report as HTML. Every text of the data is escaped; only our own figures are put in as they are."""
    summary, several = data.summary, len(data.classes) > 1
    heads, rows = words.case_rows(data.table, several)
    findings = sorted(data.findings, key=lambda f: _ORDER[f.severity])
    return _template("template.html").render(
        data=data,
        thing=words.thing(summary),
        headline=words.headline(data),
        detail=words.detail(data),
        cards=words.cards(summary),
        counts=words.counts(data),
        problems=_together([f for f in findings if f.severity != "note"]),
        remarks=_together([f for f in findings if f.severity == "note"]),
        figures={
            "training": _own(figures.training_curves(data.history)),
            "curves": _own(probabilities.roc_and_precision_recall(data.histograms, data.classes, summary.get("threshold"))),
            "reliability": _own(probabilities.reliability(data.histograms, data.classes, data.temperature)),
            "distributions": _own(figures.distributions(data.table, data.classes)),
            "subgroups": _own(figures.subgroups(summary.get("by_subgroup") or {}, data.headline.get("mean"))),
        },
        examples=[(e, words.figure("dice", e.dice), panels(e, len(data.classes))) for e in _shown(data)],
        legend=_legend(several),
        class_colours=[(name, _css(pictures.class_colour(k))) for k, name in enumerate(data.classes, 1)] if several else [],
        steps=second_look.step_rows(data.steps),
        looks=second_look.shown_looks(data.second_looks),
        pseudo=_pseudo(data),
        look_legend=[(_css(colour), text) for colour, text in second_look.legend(data.second_looks)],
        metric_rows=words.metric_rows(summary),
        agreements=_agreements(data),
        class_rows=_class_rows(summary),
        heads=heads,
        rows=rows,
        recipe=words.recipe_rows(data.recipe),
        environment=words.recipe_rows(data.environment),
    )


def render_comparison(data: ComparisonData) -> str:
    """The page of a comparison as HTML."""
    return _template("comparison.html").render(**comparison.render(data))


def _together(findings: list[Finding]) -> list[dict[str, Any]]:
    """Findings that are alike as one entry with its files."""
    return [
        {
            "severity": some[0].severity,
            "kind": some[0].kind.replace("-", " "),
            "remedy": some[0].remedy,
            "entries": [(f.file, f.message) for f in some],
        }
        for some in alike(findings)
    ]


def _shown(data: ReportData) -> list[Any]:
    order = {"best": 0, "median": 1, "worst": 2}
    return sorted(data.examples[:_MOST_EXAMPLES], key=lambda e: (order.get(e.role, 3), -e.dice))


def _class_rows(summary: Any) -> list[list[str]]:
    rows = []
    for name, figures_of in (summary.get("by_class") or {}).items():
        dice = figures_of["dice"]
        low, high = dice["ci95"]
        interval = "–" if low is None else f"{words.figure('dice', low)} to {words.figure('dice', high)}"
        others = [words.figure(m, figures_of[m]["mean"]) for m in ("iou", "precision", "recall", "hd95")]
        mean, sd = words.figure("dice", dice["mean"]), words.figure("dice", dice["sd"])
        rows.append([name, mean, interval, sd, *others, str(figures_of["without_object"])])
    return rows


def _agreements(data: ReportData) -> list[dict[str, Any]]:
    """Table and plot of the sizes of volumes, and of their slices."""
    return [
        {
            "title": title,
            "heads": words.agreement_heads(unit),
            "rows": words.agreement_rows(rows),
            "figure": _own(figures.bland_altman(measured, thing, unit)),
            "caption": f"Bland-Altman: each dot is a {dot}; bands are the 95 % intervals of mean and limits (ICC: absolute "
            "agreement of single measurements). Where a patient has several, intervals come from drawing patients."
            + (f" The first three of {len(rows)} classes are drawn." if len(rows) > 3 else ""),
        }
        for title, rows, measured, thing, dot, unit in (
            ("Volumes", data.summary.get("volume_agreement"), data.volumes, "volume", "volume", "ml"),
            ("Slice by slice", data.summary.get("slice_agreement"), data.slices, "area", "slice that shows the object", "cm²"),
        )
        if rows
    ]


def _pseudo(data: ReportData) -> list[tuple[str, list[dict[str, str]]]]:
    """(heading, pictures) of the pseudo-labels that were believed and of those that were not."""
    groups: dict[str, list[dict[str, str]]] = {"Believed": [], "Not believed": []}
    for one in data.pseudo:
        groups["Not believed" if one.reason else "Believed"].append(
            {
                "case_id": one.case_id,
                "source": data_uri(pictures.overlay(one.image, one.numbers)),
                "words": one.reason or f"foreground {one.share:.1%}, confidence {one.confidence:.2f}",
            }
        )
    return [(heading, some) for heading, some in groups.items() if some]


def _legend(several: bool) -> list[tuple[str, str]]:
    kinds = [(pictures.RIGHT, "right"), (pictures.EXCESS, "marked, but not there"), (pictures.MISSED, "missed")]
    if several:
        kinds.append((pictures.CONFUSED, "marked as another class"))
    return [(_css(colour), text) for colour, text in kinds]


def _css(colour: pictures.Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _own(text: str) -> Markup:
    return Markup(text)  # made by us, of escaped parts


def _file(name: str) -> str:
    return files("modicum.evaluation.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FunctionLoader(_file),
    )
    return environment.get_template(name)
