"""Short trials: which of a few recipes suits these pictures, where no rule tells.

Each round holds out other training patients; after every round but the last the worse half of the rivals leaves (successive
halving, Jamieson & Talwalkar 2016). Test pictures take no part.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import mean, stdev

from modicum.console import say
from modicum.datasets import Fingerprint, make_folds
from modicum.datasets.case import Split
from modicum.evaluation import Evaluator
from modicum.planning import Rival
from modicum.recipes import Recipe
from modicum.runs.estimate import measured_step
from modicum.runs.material import Training
from modicum.runs.stages import train_once
from modicum.runs.testing import test_bundle
from modicum.runs.trained import Tried

_SHARE = 0.25  # of the budget
_MOST_ROUNDS = 2
_LEAST_STEPS = 150  # fewer show who begins fast, not who is good (measured in benchmarks/RESULTS.md)
_LEAST_SECONDS = 10.0  # nothing has so many steps in less: not worth measuring
_BETTER = 0.02  # mean Dice by which a rival must lead, and by two standard errors: the planned recipe is smaller and quicker
_LEAST_PATIENTS = 4
_FOLDS = 3  # a third is held out


@dataclass(frozen=True)
class _Contest:
    recipes: Mapping[str, Recipe]
    rounds: int
    seconds: float  # of each trial


def tried(training: Training, rivals: Sequence[Rival], seen: Fingerprint) -> tuple[Training, Tried | None]:
    """The training with the best of its own recipe and its rivals, in what trials leave of the budget.

    None was tried where there is no rival or no budget, or too little of either time or patients for a trial to tell anything.
    """
    file = f"{training.part}trials.json"
    known = training.folder.path / file
    recipes = {training.recipe.name: training.recipe, **{r.recipe.name: r.recipe for r in rivals}}
    if known.exists():
        found = Tried(**json.loads(known.read_text("utf-8")))
    else:
        contest = _contest(training, recipes, seen) if rivals else None
        found = Tried(training.recipe.name, {}, 0.0) if contest is None else _compete(training, contest)
        training.folder.write_json(file, asdict(found))
    if not found.dice:
        return training, None
    say(f"- {found.reason}")
    assert training.minutes is not None, "only a budget has room for trials"
    left = max(training.minutes - found.seconds / 60, training.minutes / 2)
    return replace(training, recipe=recipes[found.chosen], minutes=left), found


def _contest(training: Training, recipes: Mapping[str, Recipe], seen: Fingerprint) -> _Contest | None:
    """As many rounds as are long enough to tell something; none at all."""
    patients = {c.patient or c.id for c in training.dataset.labelled if c.id in _pool(training)}
    shortest = 0.0 if training.minutes is None else 60 * training.minutes * _SHARE / len(recipes)
    if shortest < _LEAST_SECONDS or training.minutes is None or len(patients) < _LEAST_PATIENTS:
        return None
    slowest = max(measured_step(recipe, training.dataset, seen).seconds for recipe in recipes.values())
    for rounds in range(_MOST_ROUNDS, 0, -1):
        seconds = 60 * training.minutes * _SHARE / sum(_left(len(recipes), number) for number in range(rounds))
        if seconds / slowest >= _LEAST_STEPS:
            return _Contest(recipes, rounds, seconds)
    return None


def _left(recipes: int, rounds: int) -> int:
    """How many of so many recipes are still there after so many rounds: the planned one, and each time half of its rivals."""
    rivals = recipes - 1
    for _ in range(rounds):
        rivals = (rivals + 1) // 2
    return 1 + rivals


def _compete(training: Training, contest: _Contest) -> Tried:
    began = time.monotonic()
    pool, planned = _pool(training), training.recipe.name
    own = replace(training.dataset, cases=tuple(c for c in training.dataset.cases if c.id in pool))
    splits = make_folds(own, _FOLDS, seed=training.recipe.seed)
    dice: dict[str, dict[str, float]] = {name: {} for name in contest.recipes}
    rivals = [name for name in contest.recipes if name != planned]
    for number in range(contest.rounds):
        rivals = sorted(rivals, key=lambda name: -mean(dice[name].values() or [0.0]))[: _left(len(dice), number) - 1]
        for name in (planned, *rivals):
            split, where = splits[number], f"{training.part}trials/{name}-{number}/"
            counts = f"{len(split.train)} pictures teach, {len(split.test)} are held out"
            say(f"Trial {number + 1} of {contest.rounds}: {name}, {counts}")
            dice[name] |= _trial(training, contest.recipes[name], split, contest.seconds, where)
    shutil.rmtree(training.folder.path / training.part / "trials")
    leads = {name: _lead(dice[name], dice[planned]) for name in rivals} | {planned: 0.0}
    return Tried(max(leads, key=lambda name: leads[name]), dice, time.monotonic() - began)


def _lead(rival: Mapping[str, float], planned: Mapping[str, float]) -> float:
    """What is left of a rival's mean lead, picture by picture, over what chance would give it; above 0 it wins."""
    differences = [rival[case] - planned[case] for case in rival]
    error = stdev(differences) / len(differences) ** 0.5 if len(differences) > 1 else math.inf
    return mean(differences) - max(_BETTER, 2 * error)


def _trial(training: Training, recipe: Recipe, split: Split, seconds: float, part: str) -> dict[str, float]:
    """Dice of each held-out picture, classes averaged."""
    own = replace(training, split=split, recipe=recipe, minutes=seconds / 60, part=part)
    bundle, evaluator = train_once(own).bundle, Evaluator(training.dataset.classes)
    cases = {c.id: c for c in training.dataset.labelled}
    test_bundle(bundle, [cases[i] for i in split.test], training.dataset.code, evaluator, training.folder.path / part / "masks")
    return {str(case): float(d) for case, d in evaluator.table().groupby("case")["dice"].mean().items()}


def _pool(training: Training) -> frozenset[str]:
    """All that may be learned from."""
    return frozenset((*training.split.train, *training.split.val))
