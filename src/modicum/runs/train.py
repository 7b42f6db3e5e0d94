"""`modicum train`: data and a recipe become a run folder with model, figures and report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from modicum.bundle import Bundle
from modicum.console import bar, say
from modicum.datasets import Dataset, check, choose_evaluation, discover, fingerprint, make_folds, make_split
from modicum.datasets.case import Split
from modicum.datasets.fingerprint import Fingerprint
from modicum.errors import Finding, ModicumError
from modicum.evaluation import Evaluator
from modicum.images import read_picture
from modicum.planning import Plan, plan
from modicum.recipes import load
from modicum.runs.folder import RunFolder
from modicum.runs.predicting import class_numbers
from modicum.runs.reporting import Outcome, write_run_report
from modicum.runs.testing import test_bundle
from modicum.runs.training import Trained, train_once

DEFAULT_MINUTES = 10.0


@dataclass(frozen=True)
class Run:
    """A finished run."""

    folder: Path
    summary: dict[str, Any]
    findings: tuple[Finding, ...]

    @cached_property
    def bundle(self) -> Bundle:
        """The trained model."""
        return Bundle.load(self.folder / "model.modicum")

    def segment(self, path: str | Path) -> npt.NDArray[np.uint8]:
        """Class numbers (H, W) for a picture file."""
        return class_numbers(self.bundle.segmenter().probabilities(read_picture(Path(path))), self.bundle)


def train(
    data: str | Path,
    out: str | Path,
    *,
    recipe: str = "auto",
    minutes: float | None = None,
    folds: int | None = None,
    changes: Sequence[str] = (),
    seed: int = 0,
) -> Run:
    """Train, validate, test and report; the same call goes on with a run that was interrupted.

    Where the data set has too few patients to set some aside, the figures come from folds, and the model itself is trained
    on all labelled pictures; the budget is shared among these trainings.

    Args:
        minutes: of training; None: the recipe's own, 10 for `auto`.
        folds: number of folds; None: decided by the number of patients.

    Raises:
        ModicumError: the data cannot serve, the recipe is wrong, or the folder belongs to something else.
    """
    dataset = discover(Path(data))
    findings, unusable = examine(dataset)
    seen = fingerprint(dataset)
    chosen = choose_recipe(seen, recipe, minutes, changes, seed)
    splits = _splits(dataset, chosen, folds, unusable)
    folder = RunFolder(Path(out))
    resumed = folder.claim(dataset, chosen.recipe, splits)
    if resumed and folder.report.exists():  # the last thing that a run writes
        say("This run is finished; nothing was done.")
        return _finished(folder)
    for reason in (*chosen.reasons, splits[0].reason):
        say(f"- {reason}")
    cases = {c.id: c for c in dataset.labelled}
    evaluator: Evaluator | None = None
    trainings: list[Trained] = []
    share = None if chosen.recipe.fit.budget is None else chosen.recipe.fit.budget / _trainings(splits)
    for number, split in enumerate(splits, 1):
        part = "" if len(splits) == 1 else f"fold-{number}/"
        if part:
            say(f"Fold {number} of {len(splits)}")
        trained = train_once(dataset, split, chosen.recipe, folder, part, share)
        trainings.append(trained)
        evaluator = evaluator or Evaluator(dataset.classes, [trained.bundle.threshold] * len(dataset.classes))
        test_bundle(trained.bundle, [cases[i] for i in split.test], dataset, evaluator, folder.predictions)
    if len(splits) > 1:
        say("The model: trained on all labelled pictures")
        everything = Split(_all(splits), (), (), "all labelled pictures")
        trainings.append(train_once(dataset, everything, chosen.recipe, folder, "all/", share))
    assert evaluator is not None
    trained_last = trainings[-1]
    trained_last.bundle.save(folder.bundle)
    all_findings = [*findings, *_once(f for t in trainings for f in t.findings)]
    outcome = Outcome(dataset, chosen, splits, trainings, evaluator, all_findings)
    summary = outcome.summary()
    folder.write_json("summary.json", summary)
    write_run_report(outcome, folder)
    return Run(folder.path, summary, tuple(all_findings))


def _finished(folder: RunFolder) -> Run:
    summary = json.loads(folder.summary.read_text("utf-8"))
    return Run(folder.path, summary, tuple(Finding(**f) for f in summary["findings"]))


def examine(dataset: Dataset) -> tuple[list[Finding], frozenset[str]]:
    """Problems of the data, and the ids of the cases that cannot be used."""
    with bar("Checking the data") as progress:
        findings = [*dataset.findings, *check(dataset, progress=lambda done, total: progress.update(done, total))]
    broken = {f.file for f in findings if f.severity == "error" and f.file}
    unusable = frozenset(
        c.id for c in dataset.labelled if broken & {str(p) for p in (c.image, *c.labels, c.field_of_view) if p}
    )
    whole = [f for f in findings if f.severity == "error" and not f.file]
    if whole:
        raise ModicumError(whole[0].message, file=dataset.root, remedy=whole[0].remedy)
    for finding in findings:
        if finding.severity != "note":
            say(f"{finding.severity}: {finding.file + ': ' if finding.file else ''}{finding.message}")
    return findings, unusable


def choose_recipe(seen: Fingerprint, recipe: str, minutes: float | None, changes: Sequence[str], seed: int) -> Plan:
    """The planned or the named recipe, with the command line's changes and a length."""
    changes = list(changes)
    by_epochs = any(c.startswith("fit.epochs=") for c in changes)
    if recipe == "auto":
        if by_epochs:
            changes.append("fit.budget=null")
        return plan(seen, minutes or DEFAULT_MINUTES, changes, seed)
    if minutes is not None:
        changes = [f"fit.budget={minutes}", "fit.epochs=null", *changes]
    elif by_epochs:
        changes.append("fit.budget=null")
    loaded = load(recipe, [f"seed={seed}", *changes])
    if loaded.fit.epochs is None and loaded.fit.budget is None:
        loaded = load(recipe, [f"seed={seed}", *changes, f"fit.budget={DEFAULT_MINUTES}"])
    return Plan(loaded, (f"Recipe {loaded.name}: {loaded.description}",))


def _splits(dataset: Dataset, chosen: Plan, folds: int | None, unusable: frozenset[str]) -> list[Split]:
    data = chosen.recipe.data
    if folds is not None:
        return make_folds(dataset, folds, seed=chosen.recipe.seed, exclude=unusable)
    splits = choose_evaluation(dataset, None, seed=chosen.recipe.seed, exclude=unusable)
    if len(splits) > 1:
        return splits
    return [
        make_split(dataset, seed=chosen.recipe.seed, test_share=data.test_share, val_share=data.val_share, exclude=unusable)
    ]


def _trainings(splits: Sequence[Split]) -> int:
    return 1 if len(splits) == 1 else len(splits) + 1


def _all(splits: Sequence[Split]) -> tuple[str, ...]:
    return tuple(sorted({i for s in splits for i in (*s.train, *s.val, *s.test)}))


def _once(findings: Any) -> list[Finding]:
    """Findings without repetition over folds."""
    return list({f.kind: f for f in findings}.values())
