"""`modicum evaluate`: a bundle on labelled data, or anybody's masks against true ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from modicum.bundle import Bundle
from modicum.datasets import discover, infer_code, load_label
from modicum.datasets.case import Case, Dataset
from modicum.errors import ModicumError
from modicum.evaluation import Evaluator, Example, ReportData, write_report
from modicum.images import is_picture
from modicum.runs.folder import RunFolder, environment
from modicum.runs.testing import examples, test_bundle


def evaluate_bundle(bundle_path: Path, data: Path, out: Path | None, part: str = "auto") -> dict[str, Any]:
    """Figures of a model on the labelled pictures of a data set.

    Args:
        part: "test", "train", "val" as the data set prescribes, "all", or "auto": the test part where there is one.
    """
    bundle, dataset = Bundle.load(bundle_path), discover(data)
    cases = _part(dataset, part)
    evaluator = Evaluator(bundle.classes, [bundle.threshold] * len(bundle.classes))
    place = out if out is not None else bundle_path.parent / f"evaluation-{data.resolve().stem}"
    test_bundle(bundle, cases, dataset, evaluator, place / "predictions")
    dice = {str(case): float(value) for case, value in evaluator.table().groupby("case")["dice"].mean().items()}
    shown = examples(dice, cases, dataset, bundle, place / "predictions")
    note = "Pictures that took part in training make these figures better than new pictures would."
    _report(evaluator, place, f"{bundle_path.name} on {data.resolve().name}", shown, [note], bundle.classes)
    return evaluator.summary()


def evaluate_folders(predictions: Path, labels: Path, out: Path | None) -> dict[str, Any]:
    """Figures of masks from anywhere against true masks of the same stem.

    Raises:
        ModicumError: a folder is missing or empty, or a true mask has no prediction.
    """
    found, true = _masks(predictions), _masks(labels)
    missing = sorted(true.keys() - found.keys())
    if missing:
        raise ModicumError(
            f"{len(missing)} of {len(true)} true masks have no prediction of the same name, first '{missing[0]}'.",
            file=predictions,
            remedy="Name each prediction as its true mask; leave out none.",
        )
    code, classes, _ = infer_code(list(true.values()))
    their_code, _, _ = infer_code([found[stem] for stem in true])
    evaluator = Evaluator(classes, None)
    for stem, path in true.items():
        truth = load_label(Case(stem, path, (path,)), code)
        prediction = load_label(Case(stem, path, (found[stem],)), their_code if code.kind == "binary" else code)
        evaluator.add(stem, None, truth, prediction=prediction)
    if out is not None:
        _report(evaluator, out, f"{predictions.name} against {labels.name}", [], [], classes)
    return evaluator.summary()


def _part(dataset: Dataset, part: str) -> list[Case]:
    known = {c.part for c in dataset.labelled}
    wanted = ("test" if "test" in known else "all") if part == "auto" else part
    cases = [c for c in dataset.labelled if wanted in ("all", c.part)]
    if not cases:
        raise ModicumError(f"no labelled picture is in part '{part}'.", file=dataset.root, remedy="Use --part all.")
    return cases


def _masks(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise ModicumError("there is no such folder.", file=folder)
    masks = {p.stem: p for p in sorted(folder.iterdir()) if is_picture(p)}
    if not masks:
        raise ModicumError("no mask was found here.", file=folder)
    return masks


def _report(
    evaluator: Evaluator, place: Path, title: str, shown: list[Example], notes: list[str], classes: Sequence[str]
) -> None:
    summary, table = evaluator.summary(), evaluator.table()
    place.mkdir(parents=True, exist_ok=True)
    folder = RunFolder(place)
    folder.write_json("summary.json", {"test": summary})
    folder.write("cases.csv", table.to_csv(index=False))
    data = ReportData(
        title=title,
        subtitle="Evaluation",
        headline=summary["dice"],
        recipe={},
        reasons=[],
        split_reason="",
        counts={"test": int(table["case"].nunique())},
        history=pd.DataFrame(),
        summary=summary,
        table=table,
        histograms=evaluator.histograms,
        examples=shown,
        findings=[],
        environment=environment(0),
        classes=list(classes),
        notes=notes,
    )
    write_report(folder.report, data)
