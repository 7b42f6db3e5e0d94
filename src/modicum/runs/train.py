"""`modicum train`: data and a recipe become a run folder with model, figures and report."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from modicum.bundle import Bundle
from modicum.console import say
from modicum.datasets import Dataset, discover
from modicum.datasets.case import Split
from modicum.errors import Finding
from modicum.evaluation import Evaluator
from modicum.recipes import dump, minutes_of
from modicum.runs.betting import bet_of_folds, betted
from modicum.runs.folder import RunFolder
from modicum.runs.growing import grown, larger_versions
from modicum.runs.localising import anew
from modicum.runs.material import Training
from modicum.runs.prepare import Prepared, prepare, tell
from modicum.runs.reporting import Outcome, write_run_report
from modicum.runs.stages import train_once
from modicum.runs.steps import Steps, steps_of, threshold_of
from modicum.runs.testing import measured_in_part, test_bundle
from modicum.runs.trained import Trained
from modicum.runs.trials import tried
from modicum.runs.trusting import with_trust
from modicum.training.pace import BudgetTooShort


@dataclass(frozen=True)
class Run:
    """A finished run."""

    folder: Path
    summary: dict[str, Any]
    findings: tuple[Finding, ...]
    told: tuple[Finding, ...] = ()  # of these, what was said before the training or after the test

    @cached_property
    def bundle(self) -> Bundle:
        """The trained model."""
        return Bundle.load(self.folder / "model.modicum")

    def segment(self, given: str | Path | npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """As `Bundle.segment`."""
        return self.bundle.segment(given)


def train(
    data: str | Path | Dataset,
    out: str | Path | None = None,
    *,
    recipe: str | Path = "auto",
    budget: str | float | None = None,
    folds: int | None = None,
    changes: Sequence[str] = (),
    seed: int | None = None,
) -> Run:
    """Train, validate, test and report; the same call goes on with a run that was interrupted.

    Where the data set has too few patients to set some aside, the figures come from folds, and the model itself is trained
    on all of their pictures; the budget is shared among these trainings. A prescribed test set is in no fold.

    Args:
        data: its folder or manifest, or what `discover` made of it.
        recipe: a name or a YAML file.
        out: the run folder; None: `runs/NAME`, the name being that of the data.
        budget: training time, "90s", "20m", "2h", or minutes; None: the recipe's own, 10 minutes for `auto`.
        folds: number of folds; None: decided by the number of patients.
        changes: "key.key=value", each as `--set` takes it.
        seed: None: the recipe's own, 0 for `auto`.

    Raises:
        ModicumError: the data cannot serve, the recipe is wrong, or the folder belongs to something else.
    """
    dataset = data if isinstance(data, Dataset) else discover(Path(data))
    changes = [changes] if isinstance(changes, str) else changes
    prepared = prepare(dataset, str(recipe), minutes_of(budget), folds, changes, seed)
    place = (
        Path("runs") / Path(dataset.root if isinstance(data, Dataset) else data).resolve().stem if out is None else Path(out)
    )
    with RunFolder(place) as folder:
        return _run(prepared, folder)


def _run(prepared: Prepared, folder: RunFolder) -> Run:
    """Train, test and report in a folder, or read what was done there."""
    rivals = [*prepared.rivals, *filter(None, [bet_of_folds(prepared)])]
    recipes = [prepared.plan.recipe, *(rival.recipe for rival in rivals), *larger_versions(prepared)]
    if folder.claim(prepared.dataset, recipes, prepared.splits) and folder.report.exists():
        say("This run is finished; nothing was done.")  # the report is the last thing that a run writes
        return _finished(folder, prepared)
    prepared = grown(betted(prepared, folder), folder)
    for reason in (*prepared.plan.reasons, prepared.splits[0].reason):
        say(f"- {reason}")
    tested, model = _train(prepared, folder)
    model.bundle.save(folder.bundle)
    folder.write("recipe.yaml", dump(model.bundle.recipe))
    evaluator, steps, failed = _test(prepared, tested, model, folder)
    trainings = tested if model is tested[0] else [*tested, model]
    findings = tuple(dict.fromkeys([*prepared.findings, *(f for t in trainings for f in t.all_findings), *failed]))
    outcome = Outcome(prepared, trainings, evaluator, steps, findings)
    summary = outcome.summary()
    folder.write("cases.csv", evaluator.table().to_csv(index=False))
    if steps.figures(evaluator):
        folder.write("steps.csv", steps.table(evaluator).to_csv(index=False))
    folder.write_json("summary.json", summary)
    write_run_report(outcome, summary, folder)
    return Run(folder.path, summary, findings, (*prepared.findings, *failed))


def _train(prepared: Prepared, folder: RunFolder) -> tuple[list[Trained], Trained]:
    """One training for each split, and that of the model: the only one, all of them averaged, or one more on all pictures.

    Where the model begins with another's weights, the folds do not: those have seen their test pictures.
    """
    splits, share, first = prepared.splits, prepared.minutes_each, prepared
    several, tested = len(splits) > 1, []
    if several:  # a model that is continued has seen the pictures of every fold
        first = replace(prepared, plan=replace(prepared.plan, recipe=anew(prepared.plan.recipe)))
    for number, split in enumerate(splits, 1):
        if several:
            say(f"Fold {number} of {len(splits)}")
        tested.append(_train_part(first, split, folder, f"fold-{number}/" if several else "", share))
    if not several:
        return tested, tested[0]
    if prepared.plan.recipe.finish.ensemble:
        return tested, _averaged(tested)
    say("The model: trained on all pictures of the folds")
    model = _train_part(prepared, _everything(splits), folder, "all/", share)
    return tested, replace(model, bundle=_with_medians(model.bundle, [t.bundle for t in tested]))


def _train_part(prepared: Prepared, split: Split, folder: RunFolder, part: str, share: float | None) -> Trained:
    """One of the trainings of a run, in its share of the budget; where that is too short, the whole is."""
    try:
        training = Training(prepared.dataset, split, prepared.plan.recipe, folder, part, share)
        training, trials = tried(training, prepared.rivals, prepared.seen)
        trained = train_once(training)
        return replace(trained, bundle=with_trust(trained.bundle, training), trials=trials)
    except BudgetTooShort as error:
        whole = prepared.plan.recipe.fit.budget
        raise error if share is None or whole is None else error.scaled(whole / share) from None


def _averaged(tested: Sequence[Trained]) -> Trained:
    """The model that averages those of the folds; nothing more was trained for it."""
    bundles = [t.bundle for t in tested]
    common, first = _with_medians(bundles[0], bundles), bundles[0].provenance
    seen = {name: content for b in bundles for name, content in b.provenance["seen"].items()}
    bundle = replace(
        bundles[0],
        threshold=common.threshold,
        low=common.low,
        trust=common.trust,
        others=tuple(bundles[1:]),
        provenance={**first, "seen": seen, "training_cases": len(seen)},
    )
    return Trained(bundle, [], [], tested[0].compute, bundle.parameters, 0.0)


def _with_medians(bundle: Bundle, tested: Sequence[Bundle]) -> Bundle:
    """The model of all pictures with what those of the folds, and their localisers, have learned on validation pictures."""
    lows = [t.low for t in tested if t.low is not None]
    found = [t.localiser for t in tested if t.localiser is not None]
    weights = [t.trust.weights for t in tested if t.trust is not None and t.trust.weights is not None]
    learned = tuple(np.median(weights, axis=0).tolist()) if weights else None
    return replace(
        bundle,
        trust=None if bundle.trust is None else replace(bundle.trust, weights=learned),
        threshold=median(t.threshold for t in tested),
        low=median(lows) if lows else None,
        temperature=median(t.temperature for t in tested),
        localiser=_with_medians(bundle.localiser, found) if bundle.localiser and found else bundle.localiser,
    )


def _test(
    prepared: Prepared, tested: Sequence[Trained], model: Trained, folder: RunFolder
) -> tuple[Evaluator, Steps, list[Finding]]:
    """Every test picture, by the training that has not seen it."""
    dataset = prepared.dataset
    evaluator = Evaluator(dataset.classes, threshold_of(model.bundle))
    cases, steps = {c.id: c for c in dataset.labelled}, steps_of(model.bundle)
    failed: list[Finding] = []
    for trained, split in zip(tested, prepared.splits, strict=True):
        chosen = [cases[i] for i in split.test]
        failed += test_bundle(trained.bundle, chosen, dataset.code, evaluator, folder.predictions, steps)
        if trained.before and trained.bundle.recipe.alone is not None:
            alone = trained.before[0].bundle
            steps.labelled_share = trained.before[0].seconds / trained.whole_seconds
            steps.labelled = steps.labelled or Evaluator(dataset.classes, threshold_of(alone))
            test_bundle(alone, chosen, dataset.code, steps.labelled, folder.path / "predictions-labels-alone")
    failed += measured_in_part([cases[i] for split in prepared.splits for i in split.test], dataset.code)
    tell(failed)
    return evaluator, steps, failed


def _finished(folder: RunFolder, prepared: Prepared) -> Run:
    summary = json.loads(folder.summary.read_text("utf-8"))
    return Run(folder.path, summary, tuple(Finding(**f) for f in summary["findings"]), prepared.findings)


def _everything(splits: Iterable[Split]) -> Split:
    ids = sorted({i for s in splits for i in (*s.train, *s.val, *s.test)})
    return Split(tuple(ids), (), (), "all pictures of the folds")
