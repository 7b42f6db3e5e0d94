"""Quality of predictions: learned on validation pictures, told for every input, the worst first."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from modicum.bundle import Bundle
from modicum.datasets import discover
from modicum.datasets.case import Split
from modicum.runs import trusting
from modicum.runs.folder import RunFolder
from modicum.runs.material import Training
from modicum.runs.predicting import predict
from modicum.runs.train import Run
from modicum.runs.trusting import Judge, made_worse, with_trust


@pytest.fixture(scope="module")
def judging(finished: Run, discs: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The model of the short run, as if ten validation pictures had been there."""
    names = [f"case_{n:02d}" for n in range(14)]
    split = Split(tuple(names[:4]), tuple(names[4:]), (), "")
    folder = RunFolder(tmp_path_factory.mktemp("trust"))
    return with_trust(finished.bundle, Training(discover(discs), split, finished.bundle.recipe, folder))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_worst_come_first_with_a_reason(judging: Bundle, discs: Path, tmp_path: Path) -> None:
    assert judging.trust is not None
    assert judging.trust.weights is not None
    judging.save(tmp_path / "model.modicum")
    new = tmp_path / "new"
    new.mkdir()
    for number in range(6):
        picture = cv2.imread(str(discs / "images" / f"case_{number:02d}.png"))
        if number == 3:
            picture = np.random.default_rng(0).integers(0, 256, picture.shape, dtype=np.uint8)
        cv2.imwrite(str(new / f"p{number}.png"), picture)
    predict(Bundle.load(tmp_path / "model.modicum"), [str(new)], tmp_path / "out")
    rows = rows_of(tmp_path / "out" / "quality.csv")
    assert len(rows) == 6
    assert rows[0]["name"] == "p3"
    assert "unlike the training pictures" in rows[0]["reasons"]
    assert [float(r["quality"]) for r in rows] == sorted(float(r["quality"]) for r in rows)
    assert all(0 <= float(r["quality"]) <= 1 and 0 <= float(r["mirrored_dice"]) <= 1 for r in rows)
    assert cv2.imread(str(tmp_path / "out" / "quality" / "worst.png")).shape == (480, 1200, 3)


def test_few_validation_pictures_leave_the_expected_dice(finished: Run, discs: Path, tmp_path: Path) -> None:
    bundle = finished.bundle
    assert bundle.trust is not None
    assert bundle.trust.weights is None
    predict(bundle, [str(discs / "images")], tmp_path / "out")
    rows = rows_of(tmp_path / "out" / "quality.csv")
    assert len(rows) == 14
    assert all(r["quality"] == r["expected_dice"] and r["mirrored_dice"] == "" and r["distance"] for r in rows)


def test_the_pictures_that_are_described_are_not_the_first_ones(
    finished: Run, discs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of sorted names the first may all be of one hospital."""
    read: list[str] = []
    load = trusting.load_training
    monkeypatch.setattr(trusting, "_MOST", 4)
    monkeypatch.setattr(
        trusting, "load_training", lambda cases, *a, **k: [read.extend(c.id for c in cases), load(cases, *a, **k)][1]
    )
    names = tuple(f"case_{n:02d}" for n in range(14))
    with_trust(
        finished.bundle, Training(discover(discs), Split(names, (), (), ""), finished.bundle.recipe, RunFolder(tmp_path))
    )
    assert len(read) == 4
    assert max(read) > "case_07"


def test_a_model_that_knows_nothing_of_its_training_tells_what_it_expects(finished: Run, discs: Path, tmp_path: Path) -> None:
    predict(replace(finished.bundle, trust=None), [str(discs / "images" / "case_00.png")], tmp_path / "out")
    (row,) = rows_of(tmp_path / "out" / "quality.csv")
    assert row["quality"] == row["expected_dice"]
    assert row["distance"] == row["foreground"] == ""


def test_the_mirror_is_not_told_by_a_mean_over_mirrors(judging: Bundle) -> None:
    """With all flips averaged, a picture and its mirror have the same answer, and would never disagree."""
    picture = np.random.default_rng(1).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    probability = judging.segmenter().probabilities(picture)
    numbers = (probability[0] > np.median(probability)).astype(np.uint8)
    judge = Judge(replace(judging, threshold=float(np.median(probability))))
    assert judge.signs(picture, probability, numbers).mirrored_dice < 0.999
    again = judging.segmenter().probabilities(np.ascontiguousarray(picture[:, ::-1]))[..., ::-1]
    assert np.abs(again.astype(float) - probability).max() < 1e-2


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_made_worse_is_another_picture_of_its_size(channels: int) -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (40, 50, channels), dtype=np.uint8)
    for _ in range(9):
        worse = made_worse(picture, rng)
        assert worse.shape == picture.shape
        assert worse.dtype == np.uint8
        assert np.abs(worse.astype(int) - picture).max() > 2
