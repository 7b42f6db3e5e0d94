"""Files that come in through the page, masks and figures that go out."""

from __future__ import annotations

import csv
import io
import os
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import cv2
import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from starlette.testclient import TestClient

from discs import write_discs
from modicum.datasets import Case
from modicum.web.app import create_app
from predicted import predict, trained


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_discs(tmp_path / "data", 3)
    (tmp_path / "data/labels/case_02.png").unlink()
    return tmp_path / "data"


@pytest.fixture
def page(folder: Path) -> TestClient:
    return TestClient(create_app(folder), base_url="http://127.0.0.1:8765")


def picture() -> bytes:
    return cv2.imencode(".png", np.full((20, 30, 3), 90, np.uint8))[1].tobytes()


def test_a_new_picture_joins_the_others(page: TestClient, folder: Path) -> None:
    answer = page.post("/api/pictures", params={"name": "new one.png"}, content=picture())
    assert answer.status_code == 200
    assert (folder / "images/new one.png").read_bytes() == picture()
    assert {p["id"]: p["state"] for p in page.get("/api/data").json()["pictures"]}["new one"] == "unlabelled"


def test_a_volume_joins_volumes(tmp_path: Path) -> None:
    (tmp_path / "data/images").mkdir(parents=True)
    volume = nibabel.Nifti1Image(np.zeros((6, 5, 4), np.int16), np.eye(4))
    nibabel.save(volume, tmp_path / "data/images/a.nii.gz")
    page = TestClient(create_app(tmp_path / "data"), base_url="http://127.0.0.1:8765")
    content = (tmp_path / "data/images/a.nii.gz").read_bytes()
    assert page.post("/api/pictures", params={"name": "b.nii.gz"}, content=content).status_code == 200
    assert [(p["id"], p["depth"]) for p in page.get("/api/data").json()["pictures"]] == [("a", 4), ("b", 4)]


META = "ObjectType = Image\nNDims = 3\nDimSize = 8 8 2\nElementType = MET_UCHAR\n"
NRRD = "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 8 8 2\nencoding: raw\n"


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.mhd", META + "ElementDataFile = {}\n"),
        ("a.nhdr", NRRD + "data file: {}\n\n"),
        ("a.mha", META + "ElementDataFile = {}\n"),
        ("a.mha", META + "ElementDataFile: {}\n"),
        ("a.MHA", META + "\tElementDataFile\n\t= {}\n"),
        ("a.mha", META + "ElementDataFile = LIST\n{}\n{}\n"),
        ("a.mha", META + "Comment = ElementDataFile = LOCAL\nElementDataFile = {}\n"),
        ("a.nrrd", NRRD + "data file: {}\n\n"),
        ("a.nrrd", NRRD.replace("\n", "\r") + "DataFile: {}\r\r"),
    ],
)
def test_no_file_of_this_computer_is_read_because_a_header_names_it(
    page: TestClient, folder: Path, tmp_path: Path, name: str, header: str
) -> None:
    (tmp_path / "secret").write_bytes(bytes(128))
    answer = page.post("/api/pictures", params={"name": name}, content=header.format(*[tmp_path / "secret"] * 2).encode())
    assert answer.status_code == 422
    message = answer.json()["message"]
    assert message.startswith(f"{name}: has its data in another file. Save it as one file")
    assert not list((folder / "images").glob("a.*"))


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.mha", META + "ElementDataFile = LOCAL\n" + 128 * "x"), ("a.nrrd", NRRD + "\n" + 128 * "x")],
)
def test_a_volume_in_one_file_is_taken(page: TestClient, folder: Path, name: str, content: str) -> None:
    assert page.post("/api/pictures", params={"name": name}, content=content.encode()).status_code == 200
    assert (folder / "images" / name).read_text() == content


@pytest.mark.parametrize("name", ["a.mha", "a.nrrd"])
def test_a_volume_is_read_as_what_its_name_says(page: TestClient, tmp_path: Path, name: str) -> None:
    sitk.WriteImage(sitk.Image(8, 8, 2, sitk.sitkUInt8), str(tmp_path / "other.h5"))  # which may name other files, too
    answer = page.post("/api/pictures", params={"name": name}, content=(tmp_path / "other.h5").read_bytes())
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("case_00.png", picture(), "is there already"),
        ("case_00.bmp", picture(), "another picture's"),
        ("broken.png", b"no picture", "broken.png"),
        ("half.png", picture()[: len(picture()) // 2], "half.png"),
        ("slice.dcm", b"DICM", "DICOM series"),
        ("CASE_00.png", picture(), "another picture's"),
        ("notes.txt", b"words", "no kind of picture"),
        ("../outside.png", picture(), "no name of a file"),
        ("..\\outside.png", picture(), "no name of a file"),
        (".hidden.png", picture(), "no name of a file"),
        ("", picture(), "no name of a file"),
        ("a\nb.png", picture(), "no name of a file"),
    ],
)
def test_what_cannot_join_gets_a_message_and_leaves_nothing(
    page: TestClient, folder: Path, name: str, content: bytes, said: str
) -> None:
    before = {p: p.read_bytes() for p in folder.parent.rglob("*") if p.is_file()}
    answer = page.post("/api/pictures", params={"name": name}, content=content)
    assert answer.status_code == 422
    assert said in answer.json()["message"]
    assert {p: p.read_bytes() for p in folder.parent.rglob("*") if p.is_file()} == before


def test_a_table_that_does_not_name_a_picture_has_no_place_for_it(folder: Path) -> None:
    (folder / "manifest.csv").write_text("image,label\nimages/case_00.png,labels/case_00.png\nimages/case_02.png,\n")
    page = TestClient(create_app(folder), base_url="http://127.0.0.1:8765")
    answer = page.post("/api/pictures", params={"name": "new.png"}, content=picture())
    assert answer.status_code == 422
    assert "has no place for it" in answer.json()["message"]
    assert not (folder / "images/new.png").exists()


def test_two_gigabytes_are_refused_before_they_are_read(page: TestClient) -> None:
    answer = page.post("/api/pictures", params={"name": "a.png"}, content=b"", headers={"Content-Length": str(2**31)})
    assert answer.status_code == 413
    assert "512 MB" in answer.json()["message"]


def test_a_stream_without_a_length_is_stopped_as_well(page: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modicum.web.uploading._MOST_BYTES", 1000)
    answer = page.post("/api/pictures", params={"name": "a.png"}, content=(bytes(400) for _ in range(9)))
    assert answer.status_code == 413
    assert not [p for p in (folder / "images").iterdir() if "a.png" in p.name]


def test_masks_leave_as_they_are_in_the_data_set(page: TestClient, folder: Path) -> None:
    answer = page.get("/api/export/masks.zip")
    assert "data-masks.zip" in answer.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert sorted(archive.namelist()) == ["labelled/case_00.png", "labelled/case_01.png"]
        assert archive.read("labelled/case_00.png") == (folder / "labels/case_00.png").read_bytes()


def test_measurements_are_those_of_the_masks(page: TestClient, folder: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(page.get("/api/export/measurements.csv").text)))
    assert [r["picture"] for r in rows] == ["case_00", "case_01"]
    area = int((cv2.imread(str(folder / "labels/case_00.png"), cv2.IMREAD_GRAYSCALE) > 0).sum())
    first = rows[0]
    assert (int(first["area_px"]), first["pieces"], first["mask"]) == (area, "1", "labelled")
    assert float(first["area_share"]) == pytest.approx(area / 48**2, abs=1e-6)


def test_volumes_are_measured_in_millilitres(tmp_path: Path) -> None:
    for kind in ("images", "labels"):
        (tmp_path / "data" / kind).mkdir(parents=True)
        values = np.zeros((6, 5, 4), np.int16)
        values[1:3, 1:3, 2] = 1
        nibabel.save(nibabel.Nifti1Image(values, np.diag([0.5, 2.0, 3.0, 1.0])), tmp_path / "data" / kind / "a.nii.gz")
    page = TestClient(create_app(tmp_path / "data"), base_url="http://127.0.0.1:8765")
    (row,) = csv.DictReader(io.StringIO(page.get("/api/export/measurements.csv").text))
    assert (row["picture"], row["pieces"]) == ("a", "1")
    assert float(row["volume_ml"]) == pytest.approx(4 * 0.5 * 2.0 * 3.0 / 1000)


def test_a_prediction_leaves_with_the_model_that_made_it(page: TestClient, folder: Path) -> None:
    predict(page.app.state.studio, trained(folder), {"case_02": np.eye(48, dtype=np.uint8)}, 0.61, "ragged")
    told = page.get("/api/pictures/case_02").json()
    assert (told["state"], told["quality"], told["reasons"]) == ("predicted", 0.61, "ragged")
    row = list(csv.DictReader(io.StringIO(page.get("/api/export/measurements.csv").text)))[-1]
    assert (row["picture"], row["mask"], row["expected_dice"], row["area_px"]) == ("case_02", "predicted by 1", "0.61", "48")
    with zipfile.ZipFile(io.BytesIO(page.get("/api/export/masks.zip").content)) as archive:
        written = cv2.imdecode(np.frombuffer(archive.read("predicted by 1/case_02.png"), np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(written, 255 * np.eye(48)), "as the labels of this data set are"


def test_two_tabs_that_ask_for_the_same_prediction_get_it_once_made(
    page: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def made_slowly(path: Path, bundle: object, segmenter: object, judge: object, case: Case) -> object:
        made.append(case.id)
        time.sleep(0.05)
        return np.eye(48, dtype=np.uint8), (0.5, "")

    (folder / "model.modicum").touch()
    run = SimpleNamespace(number=3, bundle=folder / "model.modicum")
    monkeypatch.setattr(page.app.state.studio.trainings, "newest_model", lambda: run)
    monkeypatch.setattr("modicum.web.predictions._model", lambda *_: (SimpleNamespace(classes=("a",)), None, None))
    monkeypatch.setattr("modicum.web.predictions._picture", made_slowly)
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda _: page.get("/api/pictures/case_02/prediction"), range(6)))
    assert {a.content for a in answers} == {np.eye(48, dtype=np.uint8).tobytes()}
    assert made == ["case_02"]


def test_a_broken_label_stops_nothing_and_is_named(page: TestClient, folder: Path) -> None:
    cv2.imwrite(str(folder / "labels/case_00.png"), np.zeros((5, 5), np.uint8))
    with zipfile.ZipFile(io.BytesIO(page.get("/api/export/masks.zip").content)) as archive:
        assert archive.namelist() == ["labelled/case_01.png", "problems.txt"]
        assert b"case_00" in archive.read("problems.txt")
    rows = csv.DictReader(io.StringIO(page.get("/api/export/measurements.csv").text))
    assert [r["picture"] for r in rows] == ["case_01"]


def test_labels_of_any_age_leave_and_through_any_link(folder: Path) -> None:
    os.utime(folder / "labels/case_00.png", (0, 0))  # a zip archive knows nothing before 1980
    (folder.parent / "alias").symlink_to(folder)
    rows = [f"{folder.parent}/alias/images/case_0{i}.png,{folder.parent}/alias/labels/case_0{i}.png" for i in range(2)]
    (folder / "manifest.csv").write_text("\n".join(["image,label", *rows]) + "\n")
    page = TestClient(create_app(folder), base_url="http://127.0.0.1:8765")
    with zipfile.ZipFile(io.BytesIO(page.get("/api/export/masks.zip").content)) as archive:
        assert sorted(archive.namelist()) == ["labelled/case_00.png", "labelled/case_01.png"]


@pytest.mark.parametrize("name", ["=1+1", "@x", "-y", "+z"])
def test_no_name_becomes_a_formula(page: TestClient, folder: Path, name: str) -> None:
    for kind in ("images", "labels"):
        (folder / kind / "case_00.png").rename(folder / kind / f"{name}.png")
    page.get("/api/data")
    rows = csv.DictReader(io.StringIO(page.get("/api/export/measurements.csv").text))
    assert f"'{name}" in {r["picture"] for r in rows}
