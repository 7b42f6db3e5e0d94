"""Trials choose between recipes by training pictures that they hold out."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import pytest

import modicum as md
from discs import TINY
from modicum.datasets import Fingerprint, discover, make_split
from modicum.datasets.case import Split
from modicum.planning import Rival
from modicum.recipes import Recipe, load
from modicum.runs import trials
from modicum.runs.folder import RunFolder
from modicum.runs.material import Training

SEEN = Fingerprint(channels=(3,))


def tiny(name: str) -> Recipe:
    return load("small-whole", [*(c for c in TINY if "epochs" not in c), f"name={name}", "fit.budget=0.25"])


@pytest.fixture
def _any_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "_LEAST_STEPS", 1)
    monkeypatch.setattr(trials, "_LEAST_SECONDS", 0.0)


@pytest.fixture
def training(discs: Path, tmp_path: Path) -> Training:
    dataset = discover(discs)
    split = make_split(dataset, seed=0, val_share=0.2)
    return Training(dataset, split, tiny("planned"), RunFolder(tmp_path / "run"), minutes=0.25)


def told(monkeypatch: pytest.MonkeyPatch, dice: dict[str, float], spread: float = 0.0) -> list[tuple[str, Split]]:
    """Trials take no time and end with these figures; the recipes and splits that were tried."""
    asked: list[tuple[str, Split]] = []

    def trial(training: Training, recipe: Recipe, split: Split, seconds: float, part: str) -> dict[str, float]:
        asked.append((recipe.name, split))
        (training.folder.path / part).mkdir(parents=True)
        apart = spread if recipe.name != "planned" else 0.0
        return {case: dice[recipe.name] + apart * (-1) ** number for number, case in enumerate(split.test)}

    monkeypatch.setattr(trials, "_trial", trial)
    return asked


@pytest.mark.usefixtures("_any_length")
def test_the_better_recipe_wins_and_is_not_asked_again(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    rivals = [Rival(tiny("better"), "it is"), Rival(tiny("worse"), "it is not")]
    asked = told(monkeypatch, {"planned": 0.6, "better": 0.7, "worse": 0.5})
    chosen, found = trials.tried(training, rivals, SEEN)
    assert found is not None
    assert chosen.recipe.name == found.chosen == "better"
    assert "better 0.700" in found.reason
    assert chosen.minutes == pytest.approx(0.25, rel=0.02), "what the trials took is no longer there"
    assert [name for name, _ in asked] == ["planned", "better", "worse", "planned", "better"], "the worst leaves"
    mine = {*training.split.train, *training.split.val}
    assert all({*split.train, *split.val, *split.test} == mine for _, split in asked), "test pictures take no part"
    assert not {*asked[0][1].test} & {*asked[-1][1].test}
    assert not (training.folder.path / "trials").exists()
    assert trials.tried(training, rivals, SEEN) == (chosen, found)
    assert len(asked) == 5


@pytest.mark.usefixtures("_any_length")
@pytest.mark.parametrize(("dice", "spread"), [(0.61, 0.0), (0.7, 0.3)])  # too little; too little for how far pictures differ
def test_a_rival_must_lead_clearly(training: Training, monkeypatch: pytest.MonkeyPatch, dice: float, spread: float) -> None:
    told(monkeypatch, {"planned": 0.6, "rival": dice}, spread)
    chosen, found = trials.tried(training, [Rival(tiny("rival"), "")], SEEN)
    assert found is not None
    assert chosen.recipe.name == "planned"


def test_where_nothing_could_be_told_nothing_is_tried_then_or_later(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    rivals = [Rival(tiny("rival"), "")]
    assert trials.tried(training, rivals, SEEN) == (training, None), "a quarter of a minute is too short"
    monkeypatch.setattr(trials, "_LEAST_STEPS", 1)
    monkeypatch.setattr(trials, "_LEAST_SECONDS", 0.0)
    assert trials.tried(training, rivals, SEEN) == (training, None), "a resumed run does not think again"


@pytest.mark.parametrize(("recipes", "expected"), [(2, [2, 2]), (3, [3, 2]), (9, [9, 5])])
def test_the_worse_half_leaves(recipes: int, expected: list[int]) -> None:
    assert [trials._left(recipes, number) for number in range(2)] == expected


@pytest.mark.usefixtures("_any_length")
def test_a_run_says_what_its_trials_chose(discs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rival = Rival(tiny("rival"), "it is told so")
    monkeypatch.setattr(import_module("modicum.planning.plan"), "rivals_of", lambda planned, seen, changes: (rival,))
    monkeypatch.setattr(trials, "_lead", lambda rival, planned: 1.0)
    run = md.train(discs, tmp_path / "run", minutes=0.15)
    assert run.summary["recipe"] == run.bundle.recipe.name == "rival"
    assert "name: rival" in (tmp_path / "run" / "recipe.yaml").read_text()
    assert run.summary["trials"] == [json.loads((tmp_path / "run" / "trials.json").read_text())]
    assert "Chosen by trials: rival" in (tmp_path / "run" / "report.html").read_text()
    assert md.train(discs, tmp_path / "run", minutes=0.15).summary == run.summary
