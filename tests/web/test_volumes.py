"""Volumes on the page: slices with their values, windows, labels in the geometry of the input, predictions of all slices."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from highdicom.seg import segread
from starlette.testclient import TestClient

from ct import slices
from modicum.images.volumes import read_volume, read_volume_mask, write_volume_mask
from modicum.web.app import create_app
from modicum.web.volumes import windows
from predicted import predict, trained

OBLIQUE = np.array([[-0.8, 0.1, 0, 3], [0.1, 0.7, 0.2, -5], [0, -0.1, 2.5, 9], [0, 0, 0, 1]])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data/images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        values = rng.integers(-1024, 1500, (7, 6, 5)).astype(np.int16)
        nibabel.save(nibabel.Nifti1Image(values, OBLIQUE), tmp_path / f"data/images/{name}.nii.gz")
    return tmp_path / "data"


def client(folder: Path) -> TestClient:
    return TestClient(create_app(folder), base_url="http://127.0.0.1:8765")


def save(page: TestClient, name: str, numbers: np.ndarray, tag: str = "") -> int:
    address = f"/api/pictures/{name}/label"
    return page.put(address, content=numbers.tobytes(), headers={"If-Match": f'"{tag}"'}).status_code


def test_a_slice_comes_with_the_values_of_the_file(folder: Path) -> None:
    page, volume = client(folder), read_volume(folder / "images/a.nii.gz")
    answer = page.get("/api/pictures/a/slices/3")
    assert np.array_equal(np.frombuffer(answer.content, "<f4"), volume.values[3].ravel())
    assert page.get("/api/pictures/a/slices/5").status_code == 404
    told = page.get("/api/pictures/a/windows").json()
    assert next(iter(told["windows"].items())) == ("soft tissue", [-160, 240])
    assert told["least"] == volume.values.min()


def test_values_that_are_not_those_of_ct_are_seen_by_percentiles(folder: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.arange(210, dtype=np.float32).reshape(7, 6, 5), np.eye(4)), folder / "images/a.nii.gz")
    found = windows(read_volume(folder / "images/a.nii.gz"))
    assert found["all values"] == (0, 209)
    assert found["strong"] == pytest.approx((10.45, 198.55))


def test_a_label_lies_where_its_volume_does_and_is_never_overwritten_unseen(folder: Path) -> None:
    page, volume = client(folder), read_volume(folder / "images/a.nii.gz")
    drawn = np.zeros(volume.shape, np.uint8)
    drawn[1, 2:4, 3:5], drawn[4, 0, 0] = 1, 1
    assert save(page, "a", drawn) == 200
    label = folder / "labels/a.nii.gz"
    assert np.array_equal(nibabel.load(label).affine, nibabel.load(folder / "images/a.nii.gz").affine)
    assert np.array_equal(read_volume_mask(label), drawn)
    assert page.get("/api/pictures/a/label").content == drawn.tobytes()
    assert {p["id"]: p["state"] for p in page.get("/api/data").json()["pictures"]} == {"a": "labelled", "b": "unlabelled"}
    assert save(page, "a", 0 * drawn) == 412  # begun without a label, while there is one
    assert save(page, "b", drawn[1:]) == 422
    assert np.array_equal(read_volume_mask(label), drawn)
    assert [p.name for p in (folder / "labels").iterdir() if p.name.startswith(".")] == []


def test_metaimage_and_dicom_get_labels_of_their_own_format(tmp_path: Path) -> None:
    (tmp_path / "mha/images").mkdir(parents=True)
    image = sitk.GetImageFromArray(np.random.default_rng(0).integers(0, 900, (4, 6, 5)).astype(np.int16))
    image.SetSpacing((0.7, 0.8, 3.0))
    sitk.WriteImage(image, str(tmp_path / "mha/images/a.mha"))
    assert save(client(tmp_path / "mha"), "a", np.ones((4, 6, 5), np.uint8)) == 200
    assert sitk.ReadImage(str(tmp_path / "mha/labels/a.mha")).GetSpacing() == image.GetSpacing()
    slices(tmp_path / "dicom/images/p1")
    page = client(tmp_path / "dicom")
    (told,) = page.get("/api/data").json()["pictures"]
    drawn = np.zeros((told["depth"], told["height"], told["width"]), np.uint8)
    drawn[2, 1:3, 1:3] = 1
    assert save(page, told["id"], drawn) == 200
    (label,) = (p for p in (tmp_path / "dicom/labels").rglob("*.dcm"))
    assert segread(label).get_segment_description(1).SegmentAlgorithmType == "MANUAL"
    assert page.get(f"/api/pictures/{told['id']}/label").content == drawn.tobytes()


def test_a_volume_that_is_damaged_while_the_page_is_open_hides_no_other(folder: Path) -> None:
    page = client(folder)
    assert page.get("/api/data").status_code == 200
    (folder / "images/b.nii.gz").write_bytes(b"garbage")
    told = page.get("/api/data").json()
    assert [p["id"] for p in told["pictures"]] == ["a"]
    assert any(f.startswith("b.nii.gz: ") for f in told["findings"])
    (folder / "images/a.nii.gz").write_bytes(b"garbage")
    assert page.get("/api/pictures/a").json()["state"] == "problem"
    assert page.get("/api/pictures/a/slices/0").status_code == 422


def test_labels_in_part_are_for_volumes_whose_masks_can_say_so(folder: Path, tmp_path: Path) -> None:
    page, drawn = client(folder), np.full(read_volume(folder / "images/a.nii.gz").shape, 255, np.uint8)
    assert page.put("/api/classes", json={"names": ["fat"], "partly": True}).status_code == 200
    drawn[2, 1:3], drawn[2, 4] = 1, 0
    assert save(page, "a", drawn) == 200
    assert np.array_equal(read_volume_mask(folder / "labels/a.nii.gz"), drawn)
    assert page.get("/api/pictures/a/label").content == drawn.tobytes()
    assert page.get("/api/pictures/a/thumbnail").status_code == 200
    slices(tmp_path / "dicom/images/p1")
    answer = client(tmp_path / "dicom").put("/api/classes", json={"names": ["fat"], "partly": True})
    assert "not for DICOM" in answer.json()["message"]
    (tmp_path / "dicom/classes.json").write_text('{"fat": 1, "unmarked": 255}')
    (told,) = client(tmp_path / "dicom").get("/api/data").json()["pictures"]
    assert "DICOM segmentations cannot" in told["locked"]


def test_values_that_no_class_has_outlive_a_correction_of_a_volume(folder: Path) -> None:
    held = np.zeros(read_volume(folder / "images/a.nii.gz").shape, np.uint8)
    (folder / "classes.json").write_text('{"fat": 1, "muscle": 2}')
    held[1], held[2], held[3] = 1, 2, 7
    (folder / "labels").mkdir()
    write_volume_mask(read_volume(folder / "images/a.nii.gz"), held, folder / "labels", "a", ())
    page = client(folder)
    answer = page.get("/api/pictures/a/label")
    drawn = np.frombuffer(answer.content, np.uint8).reshape(held.shape).copy()
    assert np.array_equal(drawn, np.where(held == 7, 0, held))
    drawn[3, 2] = 2
    assert save(page, "a", drawn, answer.headers["ETag"].strip('"')) == 200
    held[3, 2] = 2
    assert np.array_equal(read_volume_mask(folder / "labels/a.nii.gz"), held)


def test_a_segmentation_from_elsewhere_is_shown_and_not_replaced(tmp_path: Path) -> None:
    slices(tmp_path / "images/p1")
    page = client(tmp_path)
    (told,) = page.get("/api/data").json()["pictures"]
    drawn = np.ones((told["depth"], told["height"], told["width"]), np.uint8)
    assert save(page, told["id"], drawn) == 200
    next((tmp_path / "labels").rglob("*.label.json")).unlink()
    told = page.get(f"/api/pictures/{told['id']}").json()
    assert "made elsewhere" in told["locked"]


def test_a_prediction_of_a_volume_leaves_in_its_geometry(folder: Path) -> None:
    page = client(folder)
    positive = (read_volume(folder / "images/a.nii.gz").values > 0).astype(np.uint8)
    predict(page.app.state.studio, trained(folder), {"a": positive})
    assert page.get("/api/pictures/a").json()["state"] == "predicted"
    assert page.get("/api/pictures/a/prediction").content == positive.tobytes()
    assert page.get("/api/pictures/a/thumbnail").status_code == 200
    with zipfile.ZipFile(io.BytesIO(page.get("/api/export/masks.zip").content)) as archive:
        (folder / "left.nii.gz").write_bytes(archive.read("predicted by 1/a.nii.gz"))
    left, source = nibabel.load(folder / "left.nii.gz"), nibabel.load(folder / "images/a.nii.gz")
    assert np.array_equal(left.affine, source.affine)
    assert np.array_equal(np.asarray(left.dataobj) > 0, np.asarray(source.dataobj) > 0)
