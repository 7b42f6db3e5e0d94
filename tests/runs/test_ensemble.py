"""The networks of folds as one model, and one network that learns from it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import modicum as md
from discs import TINY, write_discs
from modicum.bundle import FORMAT, Bundle
from modicum.errors import ModicumError
from modicum.images import read_picture
from modicum.runs.evaluating import evaluate_bundle
from modicum.runs.train import Run

ENSEMBLE = "finish.ensemble=true"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve labelled pictures and three without a label."""
    folder = write_discs(tmp_path_factory.mktemp("ensemble") / "discs", 15)
    for label in sorted((folder / "labels").iterdir())[:3]:
        label.unlink()
    return folder


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return md.train(data, tmp_path_factory.mktemp("run"), recipe="small-whole", changes=[*TINY, ENSEMBLE], folds=3)


def test_the_model_is_the_mean_of_the_folds_networks(run: Run, data: Path) -> None:
    bundle = run.bundle
    assert len(bundle.others) == 2
    assert not (run.folder / "all").exists(), "nothing more was trained"
    picture = read_picture(sorted((data / "images").iterdir())[0])
    members = [replace(bundle, others=()), *bundle.others]
    each = [one.segmenter().probabilities(picture) for one in members]
    assert not np.array_equal(each[0], each[1])
    np.testing.assert_allclose(bundle.segmenter().probabilities(picture), np.mean(each, axis=0, dtype=np.float32), atol=1e-3)
    assert run.segment(sorted((data / "images").iterdir())[0]).shape == picture.shape[:2]
    assert bundle.parameters == 3 * members[0].parameters == run.summary["params"]


def test_an_ensemble_has_seen_what_its_members_have(run: Run, data: Path) -> None:
    assert len(run.bundle.provenance["seen"]) == 12
    with pytest.raises(ModicumError, match="on every one of these"):
        evaluate_bundle(run.folder / "model.modicum", data, None)


def test_the_report_says_what_the_model_is(run: Run) -> None:
    assert "the model in the bundle averages those" in run.summary["protocol"][0]
    assert "averages those" in (run.folder / "report.html").read_text("utf-8")
    assert run.summary["test"]["dice"]["n"] == 12


def test_older_programs_refuse_ensembles_alone(run: Run, tmp_path: Path) -> None:
    from modicum.bundle import about

    with pytest.MonkeyPatch.context() as older:
        older.setattr(about, "FORMAT", FORMAT - 1)
        with pytest.raises(ModicumError, match="format 5"):
            Bundle.load(run.folder / "model.modicum")
        run.bundle.others[0].save(tmp_path / "one.modicum")
        assert Bundle.load(tmp_path / "one.modicum").others == ()


def test_without_folds_there_is_no_ensemble(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ModicumError, match="an ensemble is made of"):
        md.train(data, tmp_path / "run", recipe="small-whole", changes=[*TINY, ENSEMBLE])


def test_an_ensemble_is_distilled_into_one_network(run: Run, data: Path, tmp_path: Path) -> None:
    model = shutil.copy(run.folder / "model.modicum", tmp_path / "teacher.modicum")
    taught = [f"supervision={{name: pseudo_labels, teacher: {model}, confidence: 0, share_range: [0, 1]}}"]
    student = md.train(data, tmp_path / "run", recipe="small-whole", changes=[*TINY, *taught])
    assert not (student.folder / "alone").exists(), "the teacher is there already"
    labels = sorted((student.folder / "pseudo-labels").iterdir())
    assert len(labels) == 3
    assert student.bundle.others == ()
    assert student.summary["by_step"] == []
    assert {f.kind for f in student.findings} >= {"teacher-has-seen-test-pictures"}
    assert len({*student.bundle.provenance["seen"].values()}) == 15, "twelve by way of the teacher, three without a label"


def test_rounds_after_a_given_teacher_are_not_called_labelled_pictures_alone(run: Run, data: Path, tmp_path: Path) -> None:
    model = run.folder / "model.modicum"
    taught = f"supervision={{name: pseudo_labels, teacher: {model}, confidence: 0, share_range: [0, 1], rounds: 2}}"
    student = md.train(data, tmp_path / "run", recipe="small-whole", changes=[*TINY, taught])
    assert student.summary["by_step"] == []


def test_a_teacher_that_is_not_there_is_told_even_with_nothing_to_label(tmp_path: Path) -> None:
    taught = f"supervision={{name: pseudo_labels, teacher: {tmp_path / 'nowhere.modicum'}}}"
    with pytest.raises(ModicumError, match="no such file"):
        md.train(write_discs(tmp_path / "d", 6), tmp_path / "run", recipe="small-whole", changes=[*TINY, taught], folds=2)


def test_a_teacher_that_sees_pictures_otherwise_is_refused(run: Run, data: Path, tmp_path: Path) -> None:
    taught = f"supervision={{name: pseudo_labels, teacher: {run.folder / 'model.modicum'}}}"
    with pytest.raises(ModicumError, match="sees pictures otherwise"):
        md.train(data, tmp_path / "run", recipe="small-whole", changes=[*TINY, taught, "images.prepare=[clahe]"])


def test_an_ensemble_does_not_begin_with_a_model(run: Run, data: Path, tmp_path: Path) -> None:
    start = f"start={{name: model, bundle: {run.folder / 'model.modicum'}}}"
    with pytest.raises(ModicumError, match="begin anew"):
        md.train(data, tmp_path / "run", recipe="small-whole", changes=[*TINY, ENSEMBLE, start], folds=3)


def test_a_teacher_of_other_classes_is_refused(run: Run, data: Path, tmp_path: Path) -> None:
    other = replace(run.bundle, classes=("polyp",), others=())
    other.save(tmp_path / "other.modicum")
    taught = f"supervision={{name: pseudo_labels, teacher: {tmp_path / 'other.modicum'}}}"
    with pytest.raises(ModicumError, match="teacher knows polyp"):
        md.train(data, tmp_path / "run", recipe="small-whole", changes=[*TINY, taught])
