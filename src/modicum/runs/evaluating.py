"""`modicum evaluate`: a bundle on labelled data, or anybody's masks against true ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import pandas as pd

from modicum.bundle import Bundle
from modicum.datasets import LabelCode, discover, guess_patients, infer_code
from modicum.datasets.case import Case, Dataset
from modicum.datasets.discover import class_table
from modicum.datasets.labels import UNNAMED
from modicum.datasets.patients import told_of_volumes
from modicum.errors import Finding, ModicumError
from modicum.evaluation import Evaluator, ReportData, dice_by_case, write_report
from modicum.images.digest import digest
from modicum.images.volumes import is_volume
from modicum.runs.anybodys_masks import masks_in, partners, picture_pair, values_in, volume_pair
from modicum.runs.folder import RunFolder, environment, now
from modicum.runs.steps import second_looks, steps_of, threshold_of
from modicum.runs.testing import calibration, examples, how_measured, measured_in_part, one_temperature, test_bundle
from modicum.tables import nearest

_OWN = {"predictions", "summary.json", "cases.csv", "report.html", ".lock"}  # what an evaluation leaves that was interrupted
_PARTS = ("auto", "all", "test", "train", "val")


def evaluate_bundle(bundle_path: Path, data: Path, out: Path | None, part: str = "auto") -> tuple[dict[str, Any], Path]:
    """Figures of a model on the labelled pictures of a data set.

    Args:
        part: "test", "train", "val" as the data set prescribes, "all", or "auto": the test part where there is one,
            else every picture; both without pictures and patients that took part in the model's training.

    Returns:
        what summary.json holds, and the folder with summary.json, cases.csv, report.html and the masks.
    """
    bundle, dataset = Bundle.load(bundle_path), discover(data)
    code = _code_for(bundle, dataset)
    cases, notes = _chosen(dataset, bundle, part)
    folder = _place(out if out is not None else bundle_path.parent / f"evaluation-{data.resolve().stem}")
    evaluator, steps = Evaluator(bundle.classes, threshold_of(bundle)), steps_of(bundle)
    failed = test_bundle(bundle, cases, code, evaluator, folder.predictions, steps)
    if len(failed) == len(cases):
        raise ModicumError(failed[0].message, file=failed[0].file, remedy=failed[0].remedy)
    failed += measured_in_part(cases, code)
    dice = {str(case): float(value) for case, value in dice_by_case(evaluator.table()).dropna().items()}
    notes += how_measured(volumes=any(c.slice is not None for c in cases), fields=any(c.field_of_view for c in cases))
    notes += [f"Threshold {bundle.threshold:.3f}, the model's own."] if len(bundle.classes) == 1 else []
    notes += [*_other_name(bundle, dataset), *steps.notes(bundle)]
    whole = _figures(evaluator, notes, failed) | steps.summary(evaluator)
    whole["calibration"] = calibration(evaluator, one_temperature([bundle, *bundle.others]))
    data_of_report = replace(
        _report_data(evaluator, f"{bundle_path.name} on {data.resolve().name}", whole["notes"], bundle.classes, failed),
        examples=examples(dice, cases, code, bundle, folder.predictions),
        steps=steps.figures(evaluator),
        temperature=one_temperature([bundle, *bundle.others]),
        second_looks=second_looks(dice, cases, code, dict.fromkeys(dice, bundle)),
    )
    _write(folder, whole, evaluator, data_of_report)
    return whole, folder.path


def evaluate_folders(predictions: Path, labels: Path, out: Path | None, fov: Path | None = None) -> dict[str, Any]:
    """Figures of masks from anywhere, of pictures or of volumes, against true masks of the same stem.

    A `classes.json` in the folder of the true masks, or beside it, names their classes and the value of unmarked pixels.

    Args:
        fov: folder with masks of the pixels that count, by the same stems.

    Raises:
        ModicumError: a folder is missing or empty, a true mask has no prediction, a prediction is no mask or holds what no
            true mask does, or a volume lies elsewhere than its true mask.
    """
    folder = None if out is None else _place(out)
    true = masks_in(labels)
    found, fields = partners(true, masks_in(predictions)), {} if fov is None else partners(true, masks_in(fov))
    for masks, place in ((found, predictions), (fields, fov)):
        missing = sorted(true.keys() - masks.keys()) if place is not None else []
        if missing:
            raise ModicumError(
                f"{len(missing)} of {len(true)} true masks have nothing of the same name here, first '{missing[0]}'.",
                file=place,
                remedy="Name each file as its true mask, or as its picture; leave out none.",
            )
    kinds: dict[bool, Path] = {is_volume(path): path for path in true.values()}
    if len(kinds) > 1:
        remedy = "Put them into folders of their own: distances of volumes are in mm, of pictures in pixels."
        raise ModicumError(f"is a volume, {kinds[False].name} a picture.", file=kinds[True], remedy=remedy)
    code, classes, notes = infer_code(list(true.values()), class_table(labels) or class_table(labels.parent))
    patients, guessed = guess_patients(list(true))
    if all(map(is_volume, true.values())):
        guessed = told_of_volumes(guessed)
    evaluator, used = Evaluator(classes, None), cache(partial(values_in, true.values()))
    for stem, path in true.items():
        pair = volume_pair if is_volume(path) else picture_pair
        evaluator.add(stem, None, patient=patients.get(stem, ""), **pair(found[stem], path, fields.get(stem), code, used))
    told = [*notes, *([guessed] if guessed else []), *how_measured(volumes=True in kinds, fields=bool(fields))]
    whole = _figures(evaluator, told, [])
    if folder is not None:
        title = f"{predictions.name} against {labels.name}"
        _write(folder, whole, evaluator, _report_data(evaluator, title, told, classes, []))
    return whole


def _chosen(dataset: Dataset, bundle: Bundle, part: str) -> tuple[list[Case], list[str]]:
    """The cases to test and, in words, what of them the model has seen before."""
    known = {c.part for c in dataset.labelled}
    wanted = ("test" if "test" in known else "all") if part == "auto" else part
    cases = [c for c in dataset.labelled if wanted in ("all", c.part)]
    if part not in _PARTS:
        raise ModicumError(f"'{part}' is no part of a data set.", remedy=nearest(part, _PARTS))
    if not dataset.labelled:
        remedy = "Measuring takes true masks; without them `modicum predict` tells what to expect."
        raise ModicumError("no picture here is labelled.", file=dataset.root, remedy=remedy)
    if not cases:
        raise ModicumError(f"no labelled picture is in part '{part}'.", file=dataset.root, remedy="Use --part all.")
    shown = set(bundle.provenance.get("seen", {}).values())
    learned = [c for c in dataset.labelled if digest(c.image) in shown]
    seen, patients = {c.id for c in learned}, {c.patient for c in learned} - {""}
    own = [c for c in cases if c.id in seen]
    akin = [c for c in cases if c.id not in seen and c.patient in patients]
    told = [f"{len(own)} of these {len(cases)} pictures took part in training"] if own else []
    told += [f"{len(akin)} of these {len(cases)} pictures are of patients that did"] if akin else []
    if not told:
        return cases, []
    if part != "auto":
        return cases, [f"{one}: new {'patients' if akin else 'pictures'} would come out worse." for one in told]
    if len(own) + len(akin) == len(cases):
        every = "pictures" if not akin else "patients"
        raise ModicumError(
            f"the model was trained on every one of these {every}.",
            file=dataset.root,
            remedy="Use --part all to test it on them.",
        )
    out = [f"{len(own)} pictures were left out, because they took part in training"] if own else []
    out += [f"{len(akin)} pictures were left out, because others of their patients took part in training"] if akin else []
    left = {c.id for c in (*own, *akin)}
    return [c for c in cases if c.id not in left], [f"{one} (--part all measures them as well)." for one in out]


def _code_for(bundle: Bundle, dataset: Dataset) -> LabelCode:
    """How these labels become the model's class numbers.

    Raises:
        ModicumError: they hold classes that the model does not know, or know them by other numbers.
    """
    ours, theirs = bundle.classes, dataset.classes
    said = f"the data have {len(theirs)} class(es) ({', '.join(theirs)}), the model {len(ours)} ({', '.join(ours)})."
    if len(ours) == 1 or dataset.code.kind != "index":
        if len(theirs) != len(ours) or (len(ours) > 1 and theirs != ours):
            remedy = "Name the classes of the data in classes.json as the model has them, or unite them in the labels."
            raise ModicumError(said, file=dataset.root, remedy=remedy)
        return dataset.code
    unknown = sorted(set(dataset.code.values) - set(bundle.label_values))
    if unknown:
        values = ", ".join(map(str, bundle.label_values))
        raise ModicumError(f"labels hold {unknown}, the model knows {values}; {said}", file=dataset.root)
    known, given = dict(zip(ours, bundle.label_values, strict=True)), dataset.code.values or (1,)
    other = len(given) != len(theirs) or any(known.get(n, value) != value for n, value in zip(theirs, given, strict=True))
    if other or (set(theirs) == set(ours) and theirs != ours):
        raise ModicumError(f"the classes have other numbers here; {said}", file=dataset.root)
    return LabelCode("index", bundle.label_values, ground=dataset.code.ground, unmarked=dataset.code.unmarked)


def _other_name(bundle: Bundle, dataset: Dataset) -> list[str]:
    """A note where the model's one class and that of the labels have names of their own, and not the same."""
    ours, theirs = bundle.classes[0], dataset.classes[0]
    if len(bundle.classes) > 1 or {ours, theirs} & {UNNAMED, "object"} or ours.casefold() == theirs.casefold():
        return []
    return [f"The model finds '{ours}', the labels show '{theirs}'."]


def _place(path: Path) -> RunFolder:
    """The folder of an evaluation, which is never that of a run, nor one of something else."""
    if (path / "identity.json").exists():
        raise ModicumError("this is the folder of a run.", file=path, remedy="Give the evaluation its own with --out.")
    others = {p.name.removesuffix(".unfinished") for p in path.iterdir()} - _OWN if path.is_dir() else set()
    if others and not (path / "summary.json").exists():
        raise ModicumError("the folder is not empty and is no evaluation.", file=path, remedy="Choose another with --out.")
    return RunFolder(path)


def _figures(evaluator: Evaluator, notes: Sequence[str], failed: Sequence[Finding]) -> dict[str, Any]:
    """summary.json of an evaluation."""
    return {"test": evaluator.summary(), "notes": list(notes), "findings": [asdict(f) for f in failed]}


def _report_data(
    evaluator: Evaluator, title: str, notes: Sequence[str], classes: Sequence[str], failed: Sequence[Finding]
) -> ReportData:
    summary, table = evaluator.summary(), evaluator.table()
    return ReportData(
        title=title,
        subtitle="Evaluation",
        headline=summary["dice"],
        counts={"measured": int(table["case"].nunique())},
        history=pd.DataFrame(),
        summary=summary,
        table=table,
        histograms=evaluator.histograms,
        volumes=evaluator.volumes(),
        slices=evaluator.slices(),
        findings=list(failed),
        environment={**environment(0), "measured": now()},
        classes=list(classes),
        notes=list(notes),
    )


def _write(folder: RunFolder, whole: dict[str, Any], evaluator: Evaluator, data: ReportData) -> None:
    folder.write_json("summary.json", whole)
    folder.write("cases.csv", evaluator.table().to_csv(index=False))
    write_report(folder.report, data)
