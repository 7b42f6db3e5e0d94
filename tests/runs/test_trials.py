"""Trials choose between recipes by training pictures that they hold out."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import modicum as md
from discs import TINY
from modicum.datasets import Fingerprint, discover, make_split
from modicum.datasets.case import Case, Split
from modicum.errors import ModicumError
from modicum.planning import Rival
from modicum.recipes import Recipe, load
from modicum.runs import betting, trials
from modicum.runs.folder import RunFolder
from modicum.runs.material import Training

SEEN = Fingerprint(channels=(3,))


def tiny(name: str) -> Recipe:
    return load("small-whole", [*(c for c in TINY if "epochs" not in c), f"name={name}", "fit.budget=0.25"])


@pytest.fixture
def _any_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "LEAST_STEPS", 1)
    monkeypatch.setattr(trials, "LEAST_SECONDS", 0.0)


@pytest.fixture
def training(discs: Path, tmp_path: Path) -> Training:
    dataset = discover(discs)
    split = make_split(dataset, seed=0, val_share=0.2)
    return Training(dataset, split, tiny("planned"), RunFolder(tmp_path / "run"), minutes=0.25)


def told(monkeypatch: pytest.MonkeyPatch, dice: dict[str, float], spread: float = 0.0) -> list[tuple[str, Split]]:
    """Trials take three seconds of a clock that stands still otherwise, and end with these figures; what was tried."""
    asked: list[tuple[str, Split]] = []

    def trial(own: Training) -> tuple[dict[str, float], float]:
        asked.append((own.recipe.name, own.split))
        clock[0] += 3.0
        if own.recipe.name not in dice:
            raise ModicumError("it left the rails.")
        apart = spread if own.recipe.name != "planned" else 0.0
        return {case: dice[own.recipe.name] + apart * (-1) ** number for number, case in enumerate(own.split.test)}, 2.0

    clock = [0.0]
    monkeypatch.setattr(trials, "_trial", trial)
    monkeypatch.setattr(trials, "now", lambda: clock[0])
    return asked


@pytest.mark.usefixtures("_any_length")
def test_the_better_recipe_wins_and_is_not_asked_again(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    rivals = [Rival(tiny("worse"), "it is not"), Rival(tiny("better"), "it is")]
    asked = told(monkeypatch, {"planned": 0.6, "better": 0.7, "worse": 0.5})
    training = replace(training, minutes=1.0)
    chosen, found = trials.tried(training, rivals, SEEN)
    assert found is not None
    assert chosen.recipe.name == found.chosen == "better"
    assert "better 0.700" in found.reason
    assert chosen.minutes == pytest.approx((60 - 6 * 3) / 60), "what the trials took is no longer there"
    assert [name for name, _ in asked] == ["planned", "worse", "better"] * 2
    mine = {*training.split.train, *training.split.val}
    assert all({*split.train, *split.val, *split.test} == mine for _, split in asked), "test pictures take no part"
    assert {*asked[0][1].test} | {*asked[-1][1].test} == mine
    assert trials.tried(training, rivals, SEEN) == (chosen, found)
    assert len(asked) == 6


@pytest.mark.usefixtures("_any_length")
def test_an_interrupted_contest_goes_on_where_it_was(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    rivals, dice = [Rival(tiny("rival"), "")], {"planned": 0.6, "rival": 0.7}
    asked, keep = told(monkeypatch, dice), trials._keep

    def killed_after_three(own: Training, contest: Any) -> None:
        keep(own, contest)
        if len(asked) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(trials, "_keep", killed_after_three)
    with pytest.raises(KeyboardInterrupt):
        trials.tried(training, rivals, SEEN)
    monkeypatch.setattr(trials, "_keep", keep)
    chosen, found = trials.tried(training, rivals, SEEN)
    assert len(asked) == 4
    assert found is not None
    assert (chosen.recipe.name, found.seconds) == ("rival", 12.0)


@pytest.mark.usefixtures("_any_length")
@pytest.mark.parametrize(("dice", "spread"), [(0.61, 0.0), (0.7, 0.3)])  # too little; too little for how far pictures differ
def test_a_rival_must_lead_clearly(training: Training, monkeypatch: pytest.MonkeyPatch, dice: float, spread: float) -> None:
    told(monkeypatch, {"planned": 0.6, "rival": dice}, spread)
    chosen, found = trials.tried(training, [Rival(tiny("rival"), "")], SEEN)
    assert found is not None
    assert chosen.recipe.name == "planned"


@pytest.mark.usefixtures("_any_length")
@pytest.mark.parametrize(("dice", "winner"), [(0.63, "bet"), (0.7, "bet"), (0.61, "planned"), (0.59, "planned")])
def test_the_better_bet_need_not_be_surely_better(
    training: Training, monkeypatch: pytest.MonkeyPatch, dice: float, winner: str
) -> None:
    """What would be taken untried is not refused because a trial could not tell."""
    told(monkeypatch, {"planned": 0.6, "bet": dice}, spread=0.3 if dice == 0.7 else 0.0)
    chosen, found = trials.tried(training, [Rival(tiny("bet"), "", "it is the better bet")], SEEN)
    assert found is not None
    assert chosen.recipe.name == found.chosen == winner
    assert f"Chosen by trials: {winner}." in found.reason


@pytest.mark.usefixtures("_any_length")
@pytest.mark.parametrize("dice", [{"planned": 0.1}, {"rival": 0.9}])
def test_trials_that_fail_decide_nothing(training: Training, monkeypatch: pytest.MonkeyPatch, dice: dict[str, float]) -> None:
    told(monkeypatch, dice)
    chosen, found = trials.tried(training, [Rival(tiny("rival"), "")], SEEN)
    assert chosen.recipe.name == "planned"
    assert found is not None
    assert "failed" in found.reason


def test_pictures_of_one_patient_count_as_one() -> None:
    many = {f"{patient}{picture}": patient for patient in "abc" for picture in range(20)}
    planned = dict.fromkeys(many, 0.5)
    rival = {case: 0.5 + {"a": 0.3, "b": 0.0, "c": 0.0}[patient] for case, patient in many.items()}
    assert trials._lead(rival, planned, many, bet=False) < 0, "one patient of three leads"
    assert trials._lead(rival, planned, {case: case for case in many}, bet=False) > 0, "of sixty, twenty do"


def test_of_many_pictures_some_patients_are_drawn(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "_MOST_PICTURES", 6)
    drawn = trials._pool(training)
    assert len(drawn) == 6
    assert {c.id for c in drawn} <= {*training.split.train, *training.split.val}


def test_of_patients_with_many_pictures_each_gives_some(training: Training) -> None:
    names = [f"{patient}{picture:02}" for patient in "abcdefghijkl" for picture in range(40)]
    cases = tuple(Case(name, Path(name), (Path(name),), patient=name[0]) for name in names)
    many = replace(training, dataset=replace(training.dataset, cases=cases), split=Split(tuple(names), (), (), ""))
    drawn = trials._pool(many)
    assert Counter(c.patient for c in drawn) == dict.fromkeys("abcdefghijkl", 5), "sixty in all"
    assert drawn == trials._pool(many)


def test_where_nothing_could_be_told_nothing_is_tried(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    rivals = [Rival(tiny("rival"), "")]
    assert trials.tried(training, rivals, SEEN) == (training, None), "a quarter of a minute is too short"
    monkeypatch.setattr(trials, "LEAST_STEPS", 1)
    monkeypatch.setattr(trials, "LEAST_SECONDS", 0.0)
    assert trials.tried(training, rivals, SEEN) == (training, None), "a resumed run does not think again"


def test_without_room_for_trials_the_better_bet_is_taken_if_it_has_room(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = replace(training, minutes=2.0)
    seconds = {"of a step": 0.1}
    monkeypatch.setattr(trials, "measured_step", lambda recipe, *_: SimpleNamespace(seconds=seconds["of a step"]))
    rivals = [Rival(tiny("rival"), ""), Rival(tiny("bet"), "", "it is the better bet")]
    monkeypatch.setattr(trials, "_LEAST_PATIENTS", 100)
    chosen, found = trials.tried(training, rivals, SEEN)
    assert found is not None
    assert (chosen.recipe.name, found.chosen) == ("bet", "bet")
    assert "untried" in found.reason
    assert "it is the better bet" in found.reason
    assert trials.tried(training, rivals, SEEN) == (chosen, found), "a resumed run does not think again"
    (training.folder.path / "trials.json").unlink()
    assert trials.tried(training, rivals[:1], SEEN)[0].recipe.name == "planned", "no bet"
    (training.folder.path / "trials.json").unlink()
    seconds["of a step"] = 1.0
    assert trials.tried(training, rivals, SEEN) == (training, None), "no room for the bet either"


@pytest.mark.usefixtures("_any_length")
def test_a_run_says_what_its_trials_chose(discs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rival = Rival(tiny("rival"), "it is told so")
    monkeypatch.setattr(import_module("modicum.planning.plan"), "rivals_of", lambda planned, seen, changes: (rival,))
    monkeypatch.setattr(trials, "_lead", lambda rival, planned, patients, bet: 1.0)
    run = md.train(discs, tmp_path / "run", budget=0.15)
    assert run.summary["recipe"] == run.bundle.recipe.name == "rival"
    assert "name: rival" in (tmp_path / "run" / "recipe.yaml").read_text()
    assert run.summary["trials"]["chosen"] == "rival"
    assert "Chosen by trials: rival" in (tmp_path / "run" / "report.html").read_text()
    assert md.train(discs, tmp_path / "run", budget=0.15).summary == run.summary


@pytest.mark.parametrize(("least", "chosen"), [(1, "rival"), (10**9, "auto")])
def test_folds_take_the_better_bet_untried_where_each_has_room(
    discs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, least: int, chosen: str
) -> None:
    bet = Rival(tiny("rival"), "it is told so", "it is the better bet")
    monkeypatch.setattr(import_module("modicum.planning.plan"), "rivals_of", lambda planned, seen, changes: (bet,))
    monkeypatch.setattr(betting, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(betting, "LEAST_STEPS", least)
    monkeypatch.setattr(betting, "measured_step", lambda recipe, *_: SimpleNamespace(seconds=0.01))
    run = md.train(discs, tmp_path / "run", budget=0.2, folds=2, changes=["fit.batch_size=2"])
    assert run.summary["recipe"] == run.bundle.recipe.name == chosen
    report = (tmp_path / "run" / "report.html").read_text()
    assert ("it is the better bet. " in report) == (chosen == "rival")
    assert "Set by you: fit.batch_size=2." in report
    monkeypatch.delattr(betting, "measured_step")
    again = md.train(discs, tmp_path / "run", budget=0.2, folds=2, changes=["fit.batch_size=2"])
    assert again.summary == run.summary
