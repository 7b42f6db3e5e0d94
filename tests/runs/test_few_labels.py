"""Methods for few labels, from data to report, on tiny data: starts, unlabelled pictures, comparisons."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import modicum as md
from discs import TINY, write_discs
from modicum.cli.main import app
from modicum.datasets import discover
from modicum.errors import ModicumError
from modicum.recipes import load
from modicum.runs.cells import Cell, Frame, Result, cells, with_labels
from modicum.runs.cluster import on_cluster
from modicum.runs.compare import compare
from modicum.runs.train import Run


@pytest.fixture(scope="session")
def partly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Discs of which 6 are labelled for training, 3 for validation and 4 for testing, 9 not at all."""
    folder = write_discs(tmp_path_factory.mktemp("partly"), 22)
    table = folder / "table.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "label", "split"])
        for number in range(22):
            part = "train" if number < 6 else "val" if number < 9 else "test" if number < 13 else ""
            label = f"labels/case_{number:02d}.png" if part else ""
            writer.writerow([f"images/case_{number:02d}.png", label, part])
    return table


@pytest.mark.parametrize("start", ["denoise", "jigsaw", "simclr", "moco"])
def test_a_start_without_labels(partly: Path, tmp_path: Path, start: str) -> None:
    run = md.train(partly, tmp_path / "run", recipe="small-whole", changes=[*TINY, f"start={start}"])
    log = (run.folder / "events.log").read_text()
    assert f"{start} on 15 pictures" in log  # 6 for training, 9 unlabelled; none of validation or test
    assert "begin as those learned before" in log
    metrics = pd.read_csv(run.folder / "start" / "metrics.csv")
    assert len(metrics) == 6
    assert metrics["val_loss"].notna().all()
    assert run.summary["steps"] > 6 * 2


def test_a_start_goes_on_where_it_was_interrupted(partly: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = [*TINY, "start=denoise"]
    whole = md.train(partly, tmp_path / "whole", recipe="small-whole", changes=changes)
    from modicum.runs import folder as module

    written = module.RunFolder.write

    def killed(self: module.RunFolder, name: str, text: str) -> None:
        if name == "metrics.csv":  # in the training itself, after its first epoch: the start is done
            raise KeyboardInterrupt
        written(self, name, text)

    monkeypatch.setattr(module.RunFolder, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        md.train(partly, tmp_path / "again", recipe="small-whole", changes=changes)
    monkeypatch.undo()
    again = md.train(partly, tmp_path / "again", recipe="small-whole", changes=changes)
    assert all((again.bundle.weights[k] == v).all() for k, v in whole.bundle.weights.items())
    assert again.summary["steps"] == whole.summary["steps"]


def test_pseudo_labels_teach_and_are_shown(partly: Path, tmp_path: Path) -> None:
    changes = [*TINY, "supervision={name: pseudo_labels, confidence: 0, rounds: 2}", "fit.epochs=8"]
    run = md.train(partly, tmp_path / "run", recipe="small-whole", changes=changes)
    table = pd.read_csv(run.folder / "pseudo-labels.csv")
    assert len(table) == 9
    assert set(table["kept"]) <= {True, False}
    assert (table["reason"].isna() == table["kept"]).all()
    assert len(list((run.folder / "pseudo-labels").glob("*.png"))) == 9
    assert (run.folder / "round-1" / "pseudo-labels.csv").exists()
    names = [step["name"] for step in run.summary["by_step"]]
    assert names[0].startswith("labelled pictures alone, ")
    assert names[1] == "with unlabelled pictures"
    report = (run.folder / "report.html").read_text()
    assert "pseudo-labels were believed" in report


def test_pseudo_labels_that_nobody_believes_teach_nothing(partly: Path, tmp_path: Path) -> None:
    changes = [*TINY, "supervision={name: pseudo_labels, share_range: [0.99, 1.0]}"]
    run = md.train(partly, tmp_path / "run", recipe="small-whole", changes=changes)
    assert "no-pseudo-label-believed" in {f.kind for f in run.findings}
    assert not pd.read_csv(run.folder / "pseudo-labels.csv")["kept"].any()


def test_consistency_teaches_and_says_how_much(partly: Path, tmp_path: Path) -> None:
    changes = [*TINY, "supervision={name: consistency, confidence: 0.6}", "fit.epochs=10"]
    run = md.train(partly, tmp_path / "run", recipe="small-whole", changes=changes)
    metrics = pd.read_csv(run.folder / "metrics.csv")
    assert (metrics[["sure_0", "sure_1"]].sum(axis=1) <= 1).all()
    assert metrics["sure_0"].iloc[-1] > 0
    assert len(run.summary["by_step"]) == 2
    assert "not-learning" not in {f.kind for f in run.findings}
    again = md.train(partly, tmp_path / "again", recipe="small-whole", changes=changes)
    assert all((again.bundle.weights[k] == v).all() for k, v in run.bundle.weights.items())


def test_polar_views_take_pseudo_labels_too(partly: Path, tmp_path: Path) -> None:
    changes = ["supervision={name: pseudo_labels, confidence: 0, share_range: [0, 1]}", "fit.epochs=4", "fit.batch_size=4"]
    changes += ["network.encoder.widths=[4,8]", "view.size=[32,32]", "localiser.size=32", "fit.budget=null"]
    run = md.train(partly, tmp_path / "run", recipe="small-polar", changes=changes)
    assert "with unlabelled pictures" in {step["name"] for step in run.summary["by_step"]}


def test_unlabelled_pictures_that_are_test_pictures_are_left_out(partly: Path, tmp_path: Path) -> None:
    """A folder that holds everything must not show the test pictures to the training."""
    changes = [*TINY, f"start={{name: denoise, folder: '{partly.parent / 'images'}'}}"]
    run = md.train(partly, tmp_path / "run", recipe="small-whole", changes=changes)
    log = (run.folder / "events.log").read_text()
    assert "denoise on 15 pictures" in log  # 6 + 9; the folder has nothing but these and labelled ones


def test_no_unlabelled_pictures_is_said(discs: Path, tmp_path: Path, finished: Run) -> None:
    run = md.train(discs, tmp_path / "run", recipe="small-whole", changes=[*TINY, "supervision=pseudo_labels"])
    assert "nothing-unlabelled" in {f.kind for f in run.findings}
    assert all((run.bundle.weights[k] == v).all() for k, v in finished.bundle.weights.items())  # labelled ones alone


def test_what_cannot_be_is_refused_at_once() -> None:
    with pytest.raises(ModicumError, match="truly are"):
        load("polar-true", ["supervision=pseudo_labels"])
    with pytest.raises(ModicumError, match="cannot learn 'denoise'"):
        load("mask-rcnn", ["start=denoise"])


def test_pictures_of_held_out_patients_do_not_teach(partly: Path, tmp_path: Path) -> None:
    rows = list(csv.DictReader(partly.open()))
    for number, row in enumerate(rows):
        row["image"], row["label"] = str(partly.parent / row["image"]), row["label"] and str(partly.parent / row["label"])
        row["patient"] = "tested" if number in (9, 13, 14) else f"p{number}"  # two unlabelled pictures of a test patient
    table = tmp_path / "patients.csv"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["image", "label", "split", "patient"])
        writer.writeheader()
        writer.writerows(rows)
    run = md.train(table, tmp_path / "run", recipe="small-whole", changes=[*TINY, "start=denoise"])
    assert "denoise on 13 pictures" in (run.folder / "events.log").read_text()


def test_a_run_belongs_to_its_unlabelled_pictures(partly: Path, tmp_path: Path) -> None:
    changes = [*TINY, "start=denoise", "fit.epochs=2"]
    md.train(partly, tmp_path / "run", recipe="small-whole", changes=changes)
    fewer = partly.with_name("fewer.csv")
    fewer.write_text("\n".join(partly.read_text().splitlines()[:-1]))
    with pytest.raises(ModicumError, match="other data"):
        md.train(fewer, tmp_path / "run", recipe="small-whole", changes=changes)


def test_what_taught_is_known_later(partly: Path, tmp_path: Path) -> None:
    changes = [*TINY, "supervision={name: pseudo_labels, confidence: 0}", "fit.epochs=2"]
    run = md.train(partly, tmp_path / "run", recipe="small-whole", changes=changes)
    assert len(run.bundle.provenance["seen"]) == 6 + 3 + 9


def test_a_wrong_label_is_doubted_and_can_be_left_out(tmp_path: Path) -> None:
    import cv2

    folder = write_discs(tmp_path / "data", 16)
    victim = folder / "labels" / "case_05.png"
    cv2.imwrite(str(victim), 255 - cv2.imread(str(victim), 0))
    changes = [*TINY, "fit.epochs=60", "network.encoder.widths=[8,16]", "data.test_share=0.2"]
    run = md.train(folder, tmp_path / "run", recipe="small-whole", changes=changes)
    assert "case_05" in pd.read_csv(run.folder / "split.csv").query("part == 'train'")["case"].tolist()
    assert [f.file for f in run.findings if f.kind == "doubtful-label"] == [str(victim)]
    clean = md.train(folder, tmp_path / "clean", recipe="small-whole", changes=[*changes, "data.leave_out=[case_05]"])
    assert "doubtful-label" not in {f.kind for f in clean.findings}
    assert "case_05" not in (clean.folder / "split.csv").read_text()
    with pytest.raises(ModicumError, match="case_99"):
        md.train(folder, tmp_path / "none", recipe="small-whole", changes=[*changes, "data.leave_out=[case_99]"])


def test_labels_are_nested_and_the_rest_is_unlabelled(discs: Path) -> None:
    from dataclasses import replace

    data = discover(discs)
    cases = tuple(replace(c, part="test" if i < 4 else None) for i, c in enumerate(data.cases))
    data = replace(data, cases=cases)
    few, more, other = with_labels(data, "3", 0), with_labels(data, "6", 0), with_labels(data, "3", 1)
    names = [{c.id for c in d.labelled if c.part != "test"} for d in (few, more, other)]
    assert [len(n) for n in names] == [3, 6, 3]
    assert names[0] < names[1]
    assert names[0] != names[2]
    assert all({c.id for c in d.cases} == {c.id for c in data.cases} for d in (few, more, other))
    assert len(few.unlabelled) == 10 - 3
    with pytest.raises(ModicumError, match="fewer than 11"):
        with_labels(data, "11", 0)
    patients = replace(data, cases=tuple(replace(c, patient=f"p{i // 3}") for i, c in enumerate(data.cases)))
    two = [c for c in with_labels(patients, "2p", 0).labelled if c.part != "test"]
    assert len({c.patient for c in two}) == 2
    assert len(two) == sum(c.patient in {t.patient for t in two} for c in patients.cases if c.part != "test")


def test_a_comparison_goes_on_and_survives_a_failing_cell(discs: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    failing = tmp_path / "failing.yaml"
    start = f"{{name: denoise, folder: {tmp_path / 'empty'}}}"
    failing.write_text(f"view: whole\nnetwork: {{name: unet}}\nstart: {start}\nfit: {{epochs: 2}}\n")
    changes = [c for c in TINY if not c.startswith("fit.precision")]
    done = compare(discs, tmp_path / "out", recipes=["small-whole", str(failing)], labels=[3, "all"], seeds=1, changes=changes)
    assert [r.cell.key for r in done.failed] == ["failing-3-0", "failing-all-0"]
    assert "no picture was found" in done.summary["failed"]["failing-3-0"]
    before = (tmp_path / "out" / "cells" / "small-whole-3-0" / "summary.json").stat().st_mtime_ns
    more = compare(discs, tmp_path / "out", recipes=["small-whole"], labels=[3, 5, 5, "all"], seeds=2, changes=changes)
    assert (tmp_path / "out" / "cells" / "small-whole-3-0" / "summary.json").stat().st_mtime_ns == before
    assert not more.failed
    rows = more.summary["rows"]
    assert [(r["labels"], r["repetitions"]) for r in rows] == [(3, 2), (5, 2), (11, 2)]
    assert len(more.summary["ahead"]["small-whole"]) == 2
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Learning curves" in page
    assert json.loads((tmp_path / "out" / "comparison.json").read_text())["rows"] == rows


def test_the_first_recipe_says_how_many_patients_test(discs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(planned: Sequence[Cell], frame: Frame, folder: Path, ray: str | None) -> list[Result]:
        tested = [c.id for c in frame.dataset().cases if c.part == "test"]
        return [Result(cell, 7, dict.fromkeys(tested, 0.5), {name: name for name in tested}) for cell in planned]

    monkeypatch.setattr("modicum.runs.compare._all", told)
    other = tmp_path / "other.yaml"
    other.write_text("name: other\nmethod: otsu\ndata: {test_share: 0.1}\n")
    half = tmp_path / "half.yaml"
    half.write_text("name: half\nmethod: otsu\ndata: {test_share: 0.5}\n")
    done = compare(discs, tmp_path / "out", recipes=[str(half), str(other)], seeds=1)
    assert done.summary["test_pictures"] == 7


def test_cells_side_by_side_give_what_they_give_alone(discs: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    changes = [*TINY, "fit.epochs=2"]
    options = {"recipes": ["small-whole"], "labels": [3, 5], "seeds": 2, "changes": changes}
    alone = compare(discs, tmp_path / "alone", **options)  # type: ignore[arg-type]
    beside = compare(discs, tmp_path / "beside", ray="local", **options)  # type: ignore[arg-type]
    assert not beside.failed
    assert [r["dice"] for r in beside.summary["rows"]] == pytest.approx([r["dice"] for r in alone.summary["rows"]], abs=1e-3)


def _dies_at_three(cell: Cell, frame: Frame, folder: Path) -> Result:
    if cell.labels == "3":
        os._exit(1)
    return Result(cell, int(cell.labels), {"a": 0.5}, {"a": "a"})


def test_a_worker_that_dies_loses_its_own_cell_only(tmp_path: Path) -> None:
    ray = pytest.importorskip("ray")
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import this file
    planned = list(cells(["small-whole"], ["3", "5", "7"], 1))
    frame = Frame(tmp_path, None, ())
    found = {r.cell.labels: r for r in on_cluster(planned, frame, tmp_path, "local", work=_dies_at_three)}
    assert "worker was lost" in found["3"].error
    assert [found[n].dice for n in ("5", "7")] == [{"a": 0.5}, {"a": 0.5}]


def test_the_commands(discs: Path, partly: Path, tmp_path: Path) -> None:
    changes = [part for change in [*TINY, "fit.epochs=2"] for part in ("--set", change)]
    out = tmp_path / "comparison"
    command = ["compare", str(discs), "--out", str(out), "--recipes", "small-whole", "--labels", "3,all", "--seeds", "1"]
    done = CliRunner().invoke(app, [*command, *changes])
    assert done.exit_code == 0, done.output
    assert (out / "report.html").exists()
    bundle = out / "cells" / "small-whole-3-0" / "model.modicum"
    found = CliRunner().invoke(app, ["suggest", str(bundle), str(partly), "--out", str(tmp_path / "next"), "--count", "4"])
    assert found.exit_code == 0, found.output
    assert found.output.count("uncertainty") == 4
    wrong = CliRunner().invoke(app, ["compare", str(discs), "--labels", "3,many"])
    assert "no number of labels" in str(wrong.exception)
