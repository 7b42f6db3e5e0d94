"""A prediction is shown as long as it is one of this picture, and its numbers mean the same classes."""

from __future__ import annotations

import csv
import io
import json
import os
import zipfile
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from starlette.testclient import TestClient

from modicum.datasets import Case
from modicum.images.intensity import Intensity
from modicum.inference import Segmenter, ready
from modicum.networks import NETWORKS
from modicum.views import VIEWS
from modicum.web.app import create_app
from predicted import predict, trained

SIZE = (8, 10)
SQUARE = np.zeros(SIZE, np.uint8)
SQUARE[2:6, 2:6] = 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures of one size in bytes and one date, as they come out of an archive, and labels of two classes for others."""
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    for name, grey in (("a", 60), ("b", 180), ("x", 9), ("y", 9)):
        cv2.imwrite(str(tmp_path / f"images/{name}.bmp"), np.full((*SIZE, 3), grey, np.uint8))
        os.utime(tmp_path / f"images/{name}.bmp", (10**9, 10**9))
    for name, value in (("x", 1), ("y", 2)):
        cv2.imwrite(str(tmp_path / f"labels/{name}.png"), SQUARE * value)
    return tmp_path


@pytest.fixture
def page(folder: Path) -> TestClient:
    """With a prediction of a, and a model that sees nothing in any other picture."""
    page = TestClient(create_app(folder), base_url="http://127.0.0.1:8765")
    predict(page.app.state.studio, trained(folder), {"a": SQUARE})
    return page


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model of two classes that sees nothing."""

    def seen(path: Path, bundle: object, segmenter: object, judge: object, case: Case) -> object:
        return np.zeros(SIZE, np.uint8), (0.5, "")

    monkeypatch.setattr("modicum.web.predictions._model", lambda *_: (SimpleNamespace(classes=("1", "2")), None, None))
    monkeypatch.setattr("modicum.web.predictions._picture", seen)


def state(page: TestClient, name: str = "a") -> str:
    return {p["id"]: p["state"] for p in page.get("/api/data").json()["pictures"]}[name]


def exported(page: TestClient) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(page.get("/api/export/masks.zip").content))


def rename(old: Path, new: Path) -> None:
    new.unlink()
    old.rename(new)


def write_again(old: Path, new: Path) -> None:
    new.write_bytes(new.read_bytes())


@pytest.mark.usefixtures("blind")
@pytest.mark.parametrize("change", [rename, write_again])
def test_what_was_said_of_another_picture_is_not_shown(page: TestClient, folder: Path, change: object) -> None:
    assert state(page) == "predicted"
    assert page.get("/api/pictures/a/prediction").content == SQUARE.tobytes()
    before = page.get("/api/pictures/a").json()["version"]
    change(folder / "images/b.bmp", folder / "images/a.bmp")
    assert state(page) == "unlabelled"
    assert not any(n.startswith("predicted") for n in exported(page).namelist())
    assert page.get("/api/pictures/a/prediction").content == bytes(80)
    assert state(page) == "predicted"
    assert page.get("/api/pictures/a").json()["version"] != before, "by which the browser keeps what it has seen"


def test_numbers_that_mean_another_class_by_now_are_not_shown(page: TestClient, folder: Path) -> None:
    page.put("/api/classes", json={"names": ["cell", "core", "wall"]})
    assert state(page) == "predicted", "classes with other names, and more of them, leave it as it is"
    (folder / "classes.json").write_text('{"core": 2, "wall": 3}')
    assert state(page) == "unlabelled"


@pytest.mark.parametrize(
    ("mask", "said"), [(SQUARE * 3, "names class 3, there are 2"), (SQUARE[1:], "has not the size of its picture")]
)
def test_a_mask_that_does_not_fit_is_a_problem_of_its_picture_alone(page: TestClient, mask: np.ndarray, said: str) -> None:
    predict(page.app.state.studio, page.app.state.studio.trainings.newest_model(), {"a": mask})
    answer = page.get("/api/pictures/a/prediction")
    assert (answer.status_code, said in answer.json()["message"]) == (422, True)
    assert page.get("/api/pictures/a/thumbnail").status_code == 422
    with exported(page) as archive:
        assert archive.namelist() == ["labelled/x.png", "labelled/y.png", "problems.txt"]
        assert said in archive.read("problems.txt").decode()
    rows = csv.DictReader(io.StringIO(page.get("/api/export/measurements.csv").text))
    assert {r["picture"] for r in rows} == {"x", "y"}


@pytest.mark.parametrize("left", ["", "[]", '{"quality": 0.9, "reasons": ""}', '{"quality": 0.9'])
def test_what_nothing_is_known_of_is_not_shown(page: TestClient, folder: Path, left: str) -> None:
    (told,) = (folder / ".modicum/predictions/1").glob("*.json")
    assert json.loads(told.read_text())["quality"] == 0.9
    told.write_text(left)
    assert state(page) == "unlabelled"


@pytest.mark.parametrize("number", [0, 2, 3])
def test_a_class_that_the_model_does_not_know_is_found_without_it(
    page: TestClient, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = SimpleNamespace(classes=("cell",)), SimpleNamespace(probabilities=lambda _: np.zeros((1, *SIZE), np.float16)), None
    monkeypatch.setattr("modicum.web.predictions._model", lambda *_: model)
    address = f"/api/pictures/a/refine?top=0&left=0&bottom=8&right=10&number={number}"
    assert page.post(address, content=bytes(80)).status_code == 200


def test_the_model_learns_from_one_picture_and_forgets_it_for_the_next(
    page: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    network = ready(NETWORKS.build({"name": "unet", "encoder": {"widths": [8, 16]}}, 3, 3))
    segmenter = Segmenter(
        network, VIEWS.build(VIEWS.resolve({"name": "whole", "size": 16})), Intensity((0.5,) * 3, (0.2,) * 3), 2
    )
    bundle = SimpleNamespace(classes=("1", "2"))
    monkeypatch.setattr("modicum.web.predictions._model", lambda *_: (bundle, segmenter, None))
    run, predictions = page.app.state.studio.trainings.newest_model(), page.app.state.studio.predictions
    predict(page.app.state.studio, run, {"a": SQUARE, "b": SQUARE})
    case, other = (page.app.state.studio.collection.entry(name).case for name in "ab")
    first = predictions.probability(run, case, 1)
    address = "/api/pictures/{}/refine?top=1&left=1&bottom=7&right=7&number={}&learn={}"
    seeds = np.zeros((6, 6), np.uint8)
    seeds[2:4, 2:4] = 2
    assert page.post(address.format("a", 1, "true"), content=seeds.tobytes()).status_code == 200
    learned = predictions.probability(run, case, 1)
    assert not np.array_equal(learned, first)
    predictions.probability(run, other, 1)
    assert np.array_equal(predictions.probability(run, case, 1), first)


def test_what_cannot_learn_says_so(page: TestClient) -> None:
    address = "/api/pictures/{}/refine?top=1&left=1&bottom=7&right=7&learn=true"
    answer = page.post(address.format("b"), content=bytes(36))
    assert (answer.status_code, "no model has predicted" in answer.text) == (422, True)
