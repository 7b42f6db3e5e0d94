"""Short trials: which of a few recipes suits these pictures, where no rule tells.

Each round holds out one half of the training patients, or of sixty pictures of them, and the next round the other half. Test
pictures take no part.
"""

from __future__ import annotations

import json
import math
import shutil
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import mean, stdev

import numpy as np
from scipy.special import stdtrit

from modicum.console import say
from modicum.datasets import Fingerprint, make_folds
from modicum.datasets.case import Case, Split
from modicum.errors import ModicumError
from modicum.evaluation import Evaluator, dice_by_case
from modicum.planning import Rival
from modicum.planning.rivals import better_bet
from modicum.recipes import Recipe
from modicum.runs.estimate import measured_step
from modicum.runs.material import Training
from modicum.runs.stages import train_once
from modicum.runs.testing import test_bundle
from modicum.runs.trained import Tried
from modicum.training.pace import now

SHARE = 0.25  # of the budget, for the training in all trials; reading and testing come on top
_ROUNDS = 2  # or one, where the budget has no room for two
LEAST_STEPS = 150  # of a trial; fewer show who begins fast, not who is good (benchmarks/RESULTS.md, "Trials")
LEAST_SECONDS = 10.0  # not worth measuring a step
_LEAST_PATIENTS = 5
_MOST_PICTURES = 60
_BETTER = 0.02  # mean Dice by which a rival must lead at least: the planned recipe is smaller and quicker
_SURE = 0.95


@dataclass
class _Contest:
    """How far the trials of a run have come."""

    rounds: int = 0  # none is held
    steps: int = 0  # of the slowest recipe, for which the whole budget has room
    seconds: float = 0.0  # of training in each trial
    spent: float = 0.0  # seconds, everything included
    dice: dict[str, list[dict[str, float]]] = field(default_factory=dict)  # recipe -> round -> held-out picture


def tried(training: Training, rivals: Sequence[Rival], seen: Fingerprint) -> tuple[Training, Tried | None]:
    """The training with the best of its own recipe and its rivals, in what trials leave of the budget.

    None was tried where there is no rival or no budget. Where there is too little of either time or patients for a trial to
    tell anything, a rival that is the better bet is taken if it has room for enough steps; where there is enough, it wins by
    a mean Dice that is greater by .02, and any other rival by a lead that chance does not give. What is done stands in
    `trials.json`; a run that goes on does not repeat it.
    """
    if not rivals or training.minutes is None:
        return training, None
    recipes = {training.recipe.name: training.recipe, **{r.recipe.name: r.recipe for r in rivals}}
    contest = _contest(training, recipes, seen)
    if not contest.rounds:
        bet = better_bet(rivals)
        if bet is None or contest.steps < LEAST_STEPS:
            return training, None
        found = Tried(bet.recipe.name, {}, contest.spent, bet.unless_tried)
        say(f"- {found.reason}")
        return replace(training, recipe=bet.recipe, minutes=training.minutes - contest.spent / 60), found
    splits, place = _splits(training), training.folder.path / training.part / "trials"
    for number in range(contest.rounds):
        for name, recipe in recipes.items():
            if len(contest.dice[name]) == number:
                say(f"Trial {number + 1} of {contest.rounds}: {name}, {len(splits[number].test)} pictures are held out")
                _hold(training, recipe, splits[number], contest)
                _keep(training, contest)
    shutil.rmtree(place, ignore_errors=True)
    found = _concluded(training, contest, {r.recipe.name for r in rivals if r.unless_tried})
    say(f"- {found.reason}")
    left = max(training.minutes - contest.spent / 60, training.minutes / 2)
    return replace(training, recipe=recipes[found.chosen], minutes=left), found


def _contest(training: Training, recipes: Mapping[str, Recipe], seen: Fingerprint) -> _Contest:
    """As it was when the run was interrupted; else with as many rounds as are long enough to tell something, or none."""
    file = training.folder.path / f"{training.part}trials.json"
    if file.exists():
        return _Contest(**json.loads(file.read_text("utf-8")))
    began, contest = now(), _Contest(dice={name: [] for name in recipes})
    assert training.minutes is not None, "only a budget has room for trials"
    each = 60 * training.minutes * SHARE / len(recipes)  # with one round
    patients = {c.patient or c.id for c in _pool(training)}
    if each >= LEAST_SECONDS:
        slowest = max(measured_step(recipe, training.dataset, seen).seconds for recipe in recipes.values())
        contest.steps = int(60 * training.minutes / slowest)
        contest.rounds = min(_ROUNDS, int(each / slowest / LEAST_STEPS)) if len(patients) >= _LEAST_PATIENTS else 0
        contest.seconds = each / max(1, contest.rounds)
    contest.spent = now() - began
    _keep(training, contest)
    return contest


def _keep(training: Training, contest: _Contest) -> None:
    training.folder.write_json(f"{training.part}trials.json", asdict(contest))


def _hold(training: Training, recipe: Recipe, split: Split, contest: _Contest) -> None:
    """One trial. One that fails says nothing of any picture, and a recipe without figures does not win."""
    began, number = now(), len(contest.dice[recipe.name])
    dice: dict[str, float] = {}
    trained = 0.0
    try:
        part = f"{training.part}trials/{recipe.name}-{number}/"
        dice, trained = _trial(replace(training, split=split, recipe=recipe, minutes=contest.seconds / 60, part=part))
    except ModicumError as error:
        training.folder.log(f"{training.part}trial of {recipe.name} failed: {error}")
    contest.dice[recipe.name].append(dice)
    contest.spent += max(now() - began, trained)  # part of it may have been trained before an interruption


def _trial(own: Training) -> tuple[dict[str, float], float]:
    """Dice of each held-out picture, classes averaged, and the seconds of training."""
    trained, evaluator = train_once(own), Evaluator(own.dataset.classes)
    cases, masks = {c.id: c for c in own.dataset.labelled}, own.folder.path / own.part / "masks"
    test_bundle(trained.bundle, [cases[i] for i in own.split.test], own.dataset.code, evaluator, masks)
    dice = dice_by_case(evaluator.table()).dropna()
    return {str(case): float(d) for case, d in dice.items()}, trained.whole_seconds


def _concluded(training: Training, contest: _Contest, bets: Collection[str]) -> Tried:
    """The winner. `bets` are the rivals that would be taken untried: a trial that cannot tell is no reason against them."""
    dice = {name: {case: d for one in rounds for case, d in one.items()} for name, rounds in contest.dice.items()}
    planned = training.recipe.name
    patients = {c.id: c.patient or c.id for c in training.dataset.labelled}
    leads = {planned: 0.0}
    for name, own in dice.items():
        if name != planned:
            leads[name] = _lead(own, dice[planned], patients, bet=name in bets)
    return Tried(max(leads, key=lambda name: leads[name]), dice, contest.spent)


def _lead(rival: Mapping[str, float], planned: Mapping[str, float], patients: Mapping[str, str], *, bet: bool) -> float:
    """A rival's mean lead, patient by patient, less the least that counts; above 0 it wins.

    That of a rival that is no better bet must also be more than chance may give (one-sided t interval).
    """
    by_patient = defaultdict(list)
    for case in rival.keys() & planned.keys():
        by_patient[patients[case]].append(rival[case] - planned[case])
    differences, count = [mean(each) for each in by_patient.values()], len(by_patient)
    if count < 2:
        return -math.inf
    chance = 0.0 if bet else float(stdtrit(count - 1, _SURE)) * stdev(differences) / math.sqrt(count)
    return mean(differences) - max(_BETTER, chance)


def _pool(training: Training) -> list[Case]:
    """All that may be learned from; of many, patients are drawn, and of each as many pictures as leave room for all."""
    known = {*training.split.train, *training.split.val}
    cases = [c for c in training.dataset.labelled if c.id in known]
    if len(cases) <= _MOST_PICTURES:
        return cases
    patients = sorted({c.patient or c.id for c in cases})
    each, drawn = math.ceil(_MOST_PICTURES / len(patients)), list[Case]()
    rng = np.random.default_rng(training.recipe.seed)
    for index in rng.permutation(len(patients)):
        if len(drawn) < _MOST_PICTURES:
            own = [c for c in cases if (c.patient or c.id) == patients[index]]
            drawn += [own[i] for i in sorted(rng.permutation(len(own))[:each])]
    return drawn


def _splits(training: Training) -> list[Split]:
    return make_folds(replace(training.dataset, cases=tuple(_pool(training))), 2, seed=training.recipe.seed)
