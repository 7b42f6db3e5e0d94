"""What a run found, put together: summary.json and report.html."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from modicum.bundle import Bundle
from modicum.datasets.case import Dataset, Split
from modicum.errors import Finding
from modicum.evaluation import Evaluator, ReportData, dice_by_case, write_report
from modicum.planning import Plan
from modicum.recipes import plain
from modicum.runs.folder import RunFolder, flat
from modicum.runs.prepare import Prepared
from modicum.runs.steps import Steps, second_looks
from modicum.runs.testing import calibration, examples, how_measured, one_temperature
from modicum.runs.trained import Trained


@dataclass(frozen=True)
class Outcome:
    """Everything that a finished run knows."""

    prepared: Prepared
    trainings: Sequence[Trained]  # one for each split; with folds, the last is the model's own
    evaluator: Evaluator
    steps: Steps
    findings: Sequence[Finding]

    @property
    def dataset(self) -> Dataset:
        return self.prepared.dataset

    @property
    def plan(self) -> Plan:
        return self.prepared.plan

    @property
    def splits(self) -> Sequence[Split]:
        return self.prepared.splits

    @property
    def model(self) -> Trained:
        return self.trainings[-1]

    @property
    def things(self) -> str:
        """What is measured as a whole."""
        return "volumes" if any(c.slice is not None for c in self.dataset.labelled) else "pictures"

    def tested_with(self) -> dict[str, Bundle]:
        """For each test case the model that it was tested with."""
        named = {c.id: c.volume or c.id for c in self.dataset.labelled}
        return {named[c]: t.bundle for t, split in zip(self.trainings, self.splits, strict=False) for c in split.test}

    @property
    def temperature(self) -> float:
        """Of every model that was tested, if it is the same."""
        return one_temperature(self.tested_with().values())

    def counts(self) -> dict[str, int]:
        """Pictures in each part."""
        split = self.splits[0]
        if len(self.splits) > 1:
            tested = sum(len(s.test) for s in self.splits)
            return {"labelled": tested, "folds": len(self.splits), "unlabelled": len(self.dataset.unlabelled)}
        parts = {"train": len(split.train), "val": len(split.val), "test": len(split.test)}
        return {**parts, "unlabelled": len(self.dataset.unlabelled)}

    def reasons(self) -> list[str]:
        """Why the model was trained as it was."""
        trials, planned = self.model.trials, list(self.plan.reasons)
        if trials is None:
            return planned
        if trials.chosen == self.plan.recipe.name:
            return [trials.reason, *planned]
        return [trials.reason, f"Recipe {trials.chosen}: {self.model.bundle.recipe.description}", *planned]

    def protocol(self) -> list[str]:
        """How the figures were made, in words."""
        notes, things = [], self.things
        if len(self.splits) > 1:
            made = "averages those" if self.model.bundle.others else f"was trained on all {things} of the folds"
            notes.append(
                f"Every {things[:-1]} of the {len(self.splits)} folds was tested by a model that had not seen its patient; the "
                f"model in the bundle {made} and has itself not been tested."
            )
            if self.plan.recipe.name == "auto":
                notes.append(f"No {things[:-1]} of the folds is set aside for good: the recipe was planned from all of them.")
        else:
            notes.append(f"The test {things} took no part in planning, training or any choice.")
        fields = any(c.field_of_view for c in self.dataset.labelled)
        notes += how_measured(volumes=things == "volumes", fields=fields)
        if len(self.dataset.classes) == 1:
            notes.append(self._threshold())
        notes += self.steps.notes(self.model.bundle)
        if not self.splits[0].val and self.model.history:
            notes.append(
                "So few labels were there that none were set aside for validation: the validation curve is that of training "
                "pictures without augmentation, and flatters."
            )
        return notes

    def _threshold(self) -> str:
        bundle = self.model.bundle
        said = f"Threshold {bundle.threshold:.3f}" + ("" if bundle.low is None else f", lower one {bundle.low:.3f}")
        if "auto" not in (self.plan.recipe.finish.threshold, self.plan.recipe.finish.low):
            return f"{said}, set by the recipe."
        if not self.splits[0].val:
            return f"{said}, because there were no validation pictures to choose it on."
        usual = ".5" if bundle.low is None else "0 and .5"
        if len(self.splits) == 1:
            return f"{said}, nearest to {usual} within a standard error of the best mean Dice on the validation {self.things}."
        each = ", ".join(f"{t.bundle.threshold:.3f}" for t in self.trainings[:-1])  # likewise the lower one and the localiser's
        return f"{said}, the median of the folds' ({each}), each chosen on the fold's own validation pictures and tested so."

    def summary(self) -> dict[str, Any]:
        """summary.json."""
        return {
            "test": self.evaluator.summary(),
            "calibration": calibration(self.evaluator, self.temperature),
            "counts": self.counts(),
            "params": sum(one.parameters for one in self.model.both),
            "seconds": round(sum(t.whole_seconds for t in self.trainings), 1),
            "steps": sum(t.whole_steps for t in self.trainings),
            "upper_bound": self.model.bundle.upper_bound,
            **self.steps.summary(self.evaluator),
            "precision": self.model.compute.precision,
            "recipe": self.model.bundle.recipe.name,
            "trials": None if self.model.trials is None else asdict(self.model.trials),
            "protocol": self.protocol(),
            "findings": [asdict(f) for f in self.findings],
        }


def write_run_report(outcome: Outcome, whole: dict[str, Any], folder: RunFolder) -> None:
    """report.html of a run; `whole` is its summary."""
    summary, table = whole["test"], outcome.evaluator.table()
    dice = {str(case): float(value) for case, value in dice_by_case(table).dropna().items()}
    tested = [c for c in outcome.dataset.labelled if (c.volume or c.id) in dice]
    shown = examples(dice, tested, outcome.dataset.code, outcome.model.bundle, folder.predictions)
    model = outcome.model
    reasons = [
        *outcome.reasons(),
        f"Arithmetic: {model.compute.precision}{', channels-last' if model.compute.channels_last else ''}; "
        f"{model.compute.reason}.",
        *outcome.dataset.notes,
    ]
    data = ReportData(
        title=f"{outcome.dataset.root.resolve().name}: {' and '.join(outcome.dataset.classes)}",
        subtitle=f"{outcome.dataset.layout}; {whole['params']:,} parameters; trained for {whole['seconds'] / 60:.1f} minutes",
        headline=summary["dice"],
        recipe=plain(model.bundle.recipe),
        reasons=reasons,
        split_reason=outcome.splits[0].reason,
        counts=outcome.counts(),
        history=pd.DataFrame([flat(r) for r in model.history]),
        summary=summary,
        table=table,
        histograms=outcome.evaluator.histograms,
        temperature=outcome.temperature,
        volumes=outcome.evaluator.volumes(),
        slices=outcome.evaluator.slices(),
        examples=shown,
        findings=list(outcome.findings),
        environment=folder.environment(),
        classes=list(outcome.dataset.classes),
        notes=whole["protocol"],
        steps=outcome.steps.figures(outcome.evaluator),
        pseudo=model.beside.examples if model.beside else (),
        pseudo_words=model.beside.words if model.beside else "",
        second_looks=second_looks(dice, tested, outcome.dataset.code, outcome.tested_with()),
    )
    write_report(folder.report, data)
