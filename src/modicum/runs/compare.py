"""`modicum compare`: recipes on growing numbers of labels, all tested on the same pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from modicum.console import bar, say
from modicum.datasets import discover
from modicum.datasets.fingerprint import Fingerprint
from modicum.errors import ModicumError
from modicum.evaluation.comparison import by_patient, contrast, drawn_means, holm, mean_interval
from modicum.evaluation.power_law import outlook
from modicum.evaluation.report import ComparisonData, Curve, Point, write_comparison
from modicum.evaluation.statistics import Floats
from modicum.recipes import minutes_of
from modicum.runs.cells import Cell, Frame, Result, cells, run_cell
from modicum.runs.folder import RunFolder
from modicum.runs.prepare import choose_recipe, examine, without

_AHEAD = (2, 4)  # times the most labels that were tried


@dataclass(frozen=True)
class Comparison:
    """A finished comparison."""

    folder: Path
    summary: dict[str, Any]  # comparison.json
    failed: tuple[Result, ...]


def compare(
    data: str | Path,
    out: str | Path,
    *,
    recipes: Sequence[str],
    labels: Sequence[int | str] = ("all",),
    seeds: int = 3,
    budget: str | float | None = None,
    changes: Sequence[str] = (),
    ray: str | None = None,
) -> Comparison:
    """Train every recipe on every number of labels so many times, and compare them on the same test pictures.

    Each cell is a run folder below `out/cells`; one that is finished is not repeated, one that was interrupted goes on, one
    that fails does not lose the others. What is labelled but not among a cell's labels is unlabelled to it.

    Args:
        recipes: names or YAML files; the first is what the others are compared with, and its data.test_share says how many
            patients test where the data set does not prescribe it.
        labels: labelled pictures, those of the test not among them; "3p": all pictures of three patients; "all".
        seeds: repetitions, each with other labelled pictures (but for "all") and another beginning.
        budget: training time of each cell, as for `train`; None: the recipes' own.
        ray: "local", or the address of a Ray cluster, on which cells run side by side with one core each; None: one after the
            other. Machines of a cluster must see the data, `out` and recipe files under the same path.

    Raises:
        ModicumError: the data cannot serve, a recipe is wrong, or every cell failed.
    """
    minutes, unwanted = minutes_of(budget), set[str]()
    for name in recipes:  # a wrong one is told at once
        unwanted |= {*choose_recipe(Fingerprint(), name, minutes, changes, None).recipe.data.leave_out}
    if len({Path(r).stem for r in recipes}) < len(recipes):
        raise ModicumError("each recipe can be compared once.", remedy="Give every YAML file a name of its own.")
    dataset = discover(data)
    wanted = without(dataset, unwanted)
    usable = {c.id for c in wanted.cases} - examine(wanted)[1]
    left_out = tuple(sorted({c.id for c in dataset.cases} - usable))
    gone = ["data.leave_out=[]"] if unwanted else []  # before a cell could look for them
    reference = choose_recipe(Fingerprint(), recipes[0], minutes, changes, None).recipe
    frame = Frame(Path(data).resolve(), minutes, (*changes, *gone), left_out, reference.data.test_share)
    frame.dataset()  # a data set that cannot serve is told at once
    with RunFolder(Path(out)) as folder:
        files = [str(Path(r).resolve()) if r.endswith((".yaml", ".yml")) else r for r in recipes]
        planned = list(cells(files, [str(size) for size in labels], seeds))
        results = []
        with bar("Comparing", len(planned)) as progress:
            for result in _all(planned, frame, (Path(out) / "cells").resolve(), ray):
                results.append(result)
                say(_told(result))
                progress.step()
        done = [r for r in results if not r.error]
        failed = tuple(r for r in results if r.error)
        if not done:
            raise ModicumError(f"every cell failed; the first: {failed[0].error}")
        summary = summarise_cells(done, [Path(r).stem for r in recipes])
        summary |= {"failed": {r.cell.key: r.error for r in failed}, "minutes": minutes, "changes": list(changes), "ray": ray}
        folder.write_json("comparison.json", summary)
        write_comparison(folder.path / "report.html", _page(summary, frame.data.stem))
        return Comparison(folder.path, summary, failed)


def _all(planned: Sequence[Cell], frame: Frame, folder: Path, ray: str | None) -> Iterator[Result]:
    if ray is None:
        yield from (run_cell(cell, frame, folder) for cell in planned)
        return
    from modicum.runs.cluster import on_cluster

    yield from on_cluster(planned, frame, folder, ray)


def _told(result: Result) -> str:
    if result.error:
        return f"- {result.cell.key} failed: {result.error}"
    return f"- {result.cell.key}: Dice {np.mean(list(result.dice.values())):.4f}"


def summarise_cells(results: Sequence[Result], recipes: Sequence[str]) -> dict[str, Any]:
    """Means, differences to the first recipe with tests corrected by Holm's method, and the outlook on more labels.

    All are means over patients, each counted once. Only repetitions that both recipes have finished are compared.
    """
    cases = sorted(set.intersection(*(set(r.dice) for r in results)))
    patients = [results[0].patients[c] for c in cases]
    table: dict[tuple[str, str], dict[int, Floats]] = {}
    given: dict[str, list[int]] = {}
    for r in results:
        values = np.array([r.dice[c] for c in cases], np.float64)
        table.setdefault((Path(r.cell.recipe).stem, r.cell.labels), {})[r.cell.repetition] = values
        given.setdefault(r.cell.labels, []).append(r.labels)
    sizes = {size: round(float(np.mean(counts))) for size, counts in given.items()}
    rows: list[dict[str, Any]] = []
    for recipe, size in sorted(table, key=lambda key: (sizes[key[1]], recipes.index(key[0]))):
        found, reference = table[recipe, size], table.get((recipes[0], size), {})
        mean, interval = mean_interval(np.stack(list(found.values())), patients)
        row: dict[str, Any] = {"recipe": recipe, "labels": sizes[size], "asked": size, "repetitions": len(found)}
        row |= {
            "dice": mean,
            "ci95": interval,
            "by_repetition": [float(by_patient(v[None], patients).mean()) for v in found.values()],
        }
        both = sorted(found.keys() & reference.keys())
        if recipe != recipes[0] and both:
            own, theirs = (np.stack([part[i] for i in both]) for part in (found, reference))
            row["difference"] = dict(contrast(own, theirs, patients))
        rows.append(row)
    tested = [row["difference"] for row in rows if "difference" in row]
    for key in ("p", "wilcoxon"):
        for difference, p in zip(tested, holm([d[key] for d in tested]), strict=True):
            difference[f"{key}_holm"] = p
    ahead = {recipe: _ahead(recipe, table, sizes, patients) for recipe in recipes}
    tests = {"test_pictures": len(cases), "test_patients": len({*patients})}
    return {"recipes": list(recipes), **tests, "rows": rows, "ahead": ahead}


def _ahead(
    recipe: str, table: dict[tuple[str, str], dict[int, Floats]], sizes: dict[str, int], patients: Sequence[str]
) -> list[dict[str, Any]]:
    """What more labels are expected to bring a recipe."""
    own = sorted((size for name, size in table if name == recipe), key=lambda size: sizes[size])
    if not own:
        return []
    found = [np.stack(list(table[recipe, size].values())) for size in own]
    drawn = np.stack([drawn_means(dice, patients, seed) for seed, dice in enumerate(found)], axis=1)
    means = np.array([by_patient(dice, patients).mean() for dice in found])
    labels = [sizes[size] for size in own]
    expected = outlook(labels, means, drawn, [times * labels[-1] for times in _AHEAD])
    return [{"labels": o.labels, "dice": o.dice, "ci95": list(o.ci95)} for o in expected]


def _page(summary: dict[str, Any], title: str) -> ComparisonData:
    curves = [
        Curve(
            recipe,
            [Point(r["labels"], r["dice"], r["ci95"], r["by_repetition"]) for r in summary["rows"] if r["recipe"] == recipe],
            [Point(a["labels"], a["dice"], a["ci95"], []) for a in summary["ahead"][recipe]],
        )
        for recipe in summary["recipes"]
    ]
    return ComparisonData(title, curves, summary)
