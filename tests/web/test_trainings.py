"""Trainings as processes: one at a time, stopped and continued, known to a server that was started later."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient

from discs import write_discs
from modicum.errors import ModicumError
from modicum.web.app import create_app
from modicum.web.trainings import Run, Trainings


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


def test_a_training_is_stopped_continued_and_known_to_a_later_server(tmp_path: Path) -> None:
    data = write_discs(tmp_path, 3)
    trainings = Trainings(data, data / ".modicum")
    run = trainings.start("auto", 5, labels=3)
    try:
        assert run.state == "running"
        with pytest.raises(ModicumError, match="running already"):
            trainings.start("auto", 5, labels=3)
        later = Trainings(data, data / ".modicum")  # as after a restart of the server
        assert [r.state for r in later.all()] == ["running"]
        later.run(1).stop()
        until(lambda: run.state == "stopped")
        later.resume(1)
        assert run.state == "running"
    finally:
        run.stop()
    until(lambda: run.state == "stopped")
    assert later.newest_model() is None


@pytest.mark.parametrize(
    ("minutes", "labels", "tested", "folds"),
    [(2, 5, False, True), (2, 5, True, False), (2, 10, False, False), (9, 5, False, False)],
)
def test_few_labels_in_short_time_have_two_folds_unless_a_test_set_is_prescribed(
    minutes: float, labels: int, tested: bool, folds: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainings, asked = Trainings(tmp_path, tmp_path / ".modicum"), []
    monkeypatch.setattr("modicum.web.trainings.subprocess.Popen", lambda command, **_: asked.append(command) or open_process())
    trainings.start("auto", minutes, labels, tested=tested).begin(tmp_path)  # and once more, as one that goes on
    assert [("--folds" in command) for command in asked] == [folds, folds]


def test_what_is_asked_for_is_checked(tmp_path: Path) -> None:
    trainings = Trainings(tmp_path, tmp_path / ".modicum")
    for recipe, minutes, labels, said in (
        ("auto --out /", 1, 5, "no recipe"),
        ("auto", 0, 5, "no training time"),
        ("auto", float("nan"), 5, "no training time"),
        ("auto", 1, 1, "two labelled"),
    ):
        with pytest.raises(ModicumError, match=said):
            trainings.start(recipe, minutes, labels)
    assert trainings.all() == []


def test_a_training_goes_on_from_the_newest_model_of_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainings, asked = Trainings(tmp_path, tmp_path / ".modicum"), []
    monkeypatch.setattr("modicum.web.trainings.subprocess.Popen", lambda command, **_: asked.append(command) or open_process())
    with pytest.raises(ModicumError, match="no model"):
        trainings.start("auto", 1, 5, onward=True)
    for number, recipe in ((1, "view: {}\nstart: {}\n"), (2, "name: otsu\nmethod: otsu\n")):
        folder = tmp_path / f".modicum/runs/{number}"
        folder.mkdir(parents=True)
        folder.with_suffix(".json").write_text("{}")
        (folder / "model.modicum").touch()
        (folder / "recipe.yaml").write_text(recipe)
    run = trainings.start("auto", 1, 5, onward=True)
    assert run.asked()["continues"] == 1
    assert asked[0][asked[0].index("--recipe") + 1] == "1/recipe.yaml"
    assert "start={name: model, bundle: 1/model.modicum}" in asked[0]


def open_process() -> SimpleNamespace:
    return SimpleNamespace(pid=0, wait=lambda: None)


@pytest.fixture
def stopped(tmp_path: Path) -> Run:
    """A run of two folds that was killed in the second, as it lies on disk."""
    runs = write_discs(tmp_path, 3) / ".modicum/runs"
    for part, lines in (("fold-1", ["1,.9,nan,2.5", "2,.5,nan,5"]), ("fold-2", ["1,.8,.25,2.5"])):
        (runs / "1" / part / "checkpoints").mkdir(parents=True)
        (runs / "1" / part / "metrics.csv").write_text("\n".join(["epoch,train_loss,val_dice,seconds", *lines]) + "\n")
        time.sleep(0.02)
    (runs / "1.json").write_text(json.dumps({"recipe": "auto", "minutes": 0.25, "labels": 3, "begun": "2026-01-01 00:00"}))
    (runs / "1.log").write_text("Fold 1 of 2\nmodicum: the disk is full.\n")
    return Run(runs, 1)


def test_the_page_hears_what_the_run_folder_says(stopped: Run) -> None:
    told = stopped.told()
    assert told["state"] == "stopped"
    assert told["problem"] == "the disk is full."
    assert told["progress"] == pytest.approx(7.5 / 15)
    assert list(told["parts"]) == ["fold-1", "fold-2"]
    assert told["parts"]["fold-1"][1] == {"seconds": 5, "train_loss": 0.5}
    assert told["parts"]["fold-2"][0]["val_dice"] == 0.25


@pytest.mark.parametrize("left", ["", '{"recipe": "auto", "min', "[]", "{}"])
def test_a_damaged_file_of_one_training_hides_no_other(stopped: Run, left: str) -> None:
    whole = stopped.wish.with_name("2.json")
    whole.write_text(stopped.wish.read_text())
    stopped.wish.write_text(left)
    page = TestClient(create_app(stopped.folder.parents[2]), base_url="http://localhost")
    second, first = page.get("/api/runs").json()
    assert (second["number"], second["problem"], second["minutes"]) == (2, "", 0.25)
    assert (first["number"], first["state"], first["problem"]) == (1, "stopped", "the disk is full.")
    stopped.log.unlink()
    assert "1.json: is damaged" in page.get("/api/runs").json()[1]["problem"]
    answer = page.post("/api/runs/1/resume")
    assert (answer.status_code, "is damaged" in answer.json()["message"]) == (422, True)


def test_what_is_asked_for_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainings = Trainings(tmp_path, tmp_path / ".modicum")
    monkeypatch.setattr("modicum.web.trainings.subprocess.Popen", lambda *_, **__: open_process())
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(ModicumError, match="No space left"):
        trainings.start("auto", 1, 5)
    assert trainings.all() == []


def test_events_tell_of_a_training_and_end_with_it(stopped: Run) -> None:
    page = TestClient(create_app(stopped.folder.parents[2]), base_url="http://localhost")
    answer = page.get("/api/runs/1/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    (line,) = [line for line in answer.text.splitlines() if line.startswith("data: ")]
    assert json.loads(line.removeprefix("data: "))["state"] == "stopped"
    assert page.get("/api/runs/1/samples").status_code == 404
    (stopped.folder / "fold-2/samples.png").write_bytes(b"picture")
    assert page.get("/api/runs/1/samples").content == b"picture"
    assert page.get("/api/runs/7/events").status_code == 404
    assert page.get("/api/runs/1/report").status_code == 404
