"""Folds: a prescribed test set is in none of them, and what they make no use of is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import modicum as md
from discs import write_discs
from modicum.datasets import Dataset, discover
from modicum.runs.evaluating import evaluate_bundle
from modicum.runs.prepare import Prepared, prepare
from modicum.runs.unlabelled import unlabelled_cases


def prepared(dataset: Dataset, folds: int | None, *changes: str) -> Prepared:
    return prepare(dataset, "small-whole", None, folds, changes, None)


@pytest.fixture(scope="module")
def divided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine pictures to train on and three to test on, as the data set prescribes."""
    folder = write_discs(tmp_path_factory.mktemp("divided"), 12)
    names = [f"case_{n:02d}" for n in range(12)]
    (folder / "split.json").write_text(json.dumps({"train": names[:9], "test": names[9:]}))
    return folder


def test_folds_leave_a_prescribed_test_set_alone_and_say_so(divided: Path, tmp_path: Path) -> None:
    dataset = discover(divided)
    found = prepared(dataset, 3)
    prescribed = {c.id for c in dataset.cases if c.part == "test"}
    assert len(prescribed) == 3
    for split in found.splits:
        assert not prescribed & {*split.train, *split.val, *split.test}
    assert found.seen.pictures == 9, "nor is the recipe planned from them"
    (warning,) = (f for f in found.findings if f.kind == "test-set-in-no-fold")
    assert warning.severity == "warning"
    assert warning.message.startswith("3 test pictures")
    assert not [f for f in prepared(dataset, None).findings if f.kind == "test-set-in-no-fold"]
    for case in dataset.cases:
        if case.id in prescribed:
            shutil.copy(case.image, tmp_path / f"again_{case.image.name}")
    assert not unlabelled_cases(dataset, found.splits[0], str(tmp_path)), "nor do they teach without their labels"


def test_a_model_of_folds_is_tested_on_the_prescribed_test_set_afterwards(divided: Path, tmp_path: Path) -> None:
    run = md.train(divided, tmp_path / "run", recipe="otsu", folds=2)
    assert run.summary["test"]["dice"]["n"] == 9
    assert len(run.bundle.provenance["seen"]) == 9
    figures, _ = evaluate_bundle(run.folder / "model.modicum", divided, tmp_path / "evaluation")
    assert figures["test"]["dice"]["n"] == 3
    assert not any("took part" in note for note in figures["notes"])


def test_folds_keep_the_share_for_validation_and_say_that_there_is_none_for_the_test(discs: Path) -> None:
    dataset = discover(discs)
    found = prepared(dataset, 2, "data.val_share=0.3", "data.test_share=0.4")
    assert [(len(s.train), len(s.val), len(s.test)) for s in found.splits] == [(5, 2, 7)] * 2
    assert [f.severity for f in found.findings if f.kind == "test-share-not-used"] == ["note"]
    for other in (prepared(dataset, 2, "data.val_share=0.3"), prepared(dataset, None, "data.test_share=0.4")):
        assert not [f for f in other.findings if f.kind == "test-share-not-used"]
