"""Layouts of published data sets of volumes, and volumes with several channels."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest

from modicum.datasets import discover, load_label, load_picture
from modicum.datasets.case import Dataset
from modicum.errors import ModicumError

PLACE = np.diag([-1.0, -1.0, 3.0, 1.0])


def volume(path: Path, level: int = 100, channels: int = 0) -> Path:
    """(8, 8, 4) voxels around a level, channel k around k times as much."""
    values = np.random.default_rng(level).integers(level - 20, level, (8, 8, 4)).astype(np.int16)
    if channels:
        values = np.stack([values + k * level for k in range(channels)], axis=-1)
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, PLACE), path)
    return path


def label(path: Path, *values: int) -> Path:
    numbers = np.zeros((8, 8, 4), np.uint8)
    for row, value in enumerate(values):
        numbers[2 * row : 2 * row + 2, 2:6, 1:3] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(numbers, PLACE), path)
    return path


def names(dataset: Dataset) -> dict[str, str]:
    """Of each volume, by its file, the file of its label."""
    return {c.image.name: c.labels[0].name if c.labels else "" for c in dataset.cases}


@pytest.mark.parametrize(
    ("volumes", "labels"),
    [("", ""), ("Training Batch {}", "Training Batch {}"), ("volume_pt{}", "segmentations")],
)
def test_lits(tmp_path: Path, volumes: str, labels: str) -> None:
    for number in range(4):
        volume(tmp_path / volumes.format(number // 2 + 1) / f"volume-{number}.nii")
        label(tmp_path / labels.format(number // 2 + 1) / f"segmentation-{number}.nii", 1, 2 * (number == 3))
    volume(tmp_path / "test" / "test-volume-0.nii")
    dataset = discover(tmp_path)
    expected = {f"volume-{i}.nii": f"segmentation-{i}.nii" for i in range(4)}
    assert (dataset.layout, names(dataset)) == ("LiTS", expected | {"test-volume-0.nii": ""})
    assert (dataset.classes, dataset.findings) == (("liver", "tumour"), ())
    last = [c for c in dataset.labelled if c.volume == "volume-3"]
    assert set(np.unique([load_label(c, dataset.code) for c in last])) == {0, 1, 2}
    assert len({c.patient for c in dataset.cases}) == 5


def test_lits_with_what_is_missing_and_other_classes(tmp_path: Path) -> None:
    for number in range(2):
        volume(tmp_path / f"volume-{number}.nii")
    label(tmp_path / "segmentation-1.nii", 1, 2)
    lost = label(tmp_path / "segmentation-7.nii", 1)
    for number in range(2):
        label(tmp_path / f"volume-{number}_mask.nii.gz", 1)  # as the page writes it
    volume(tmp_path / "scout.nii")
    (tmp_path / "classes.json").write_text('{"spleen": 1, "cyst": 2}')
    dataset = discover(tmp_path)
    assert names(dataset) == {"volume-0.nii": "volume-0_mask.nii.gz", "volume-1.nii": "segmentation-1.nii"}
    assert [(f.kind, f.file) for f in dataset.findings] == [
        ("label-without-image", str(lost)),
        ("several-labels", str(tmp_path / "volume-1.nii")),
    ]
    assert dataset.classes == ("spleen", "cyst")
    assert any("scout.nii" in note for note in dataset.notes)


def test_numbers_that_repeat_are_no_lits(tmp_path: Path) -> None:
    for site in ("a", "b"):
        for number in range(2):
            volume(tmp_path / site / f"volume-{number}.nii")
            label(tmp_path / site / f"segmentation-{number}.nii", 1)
    dataset = discover(tmp_path)
    assert (dataset.layout, set(names(dataset))) == ("pictures only", {"volume-0.nii", "volume-1.nii"})
    assert "are called segmentation-0.nii" in next(f.message for f in dataset.findings if f.kind == "labels-as-pictures")


@pytest.mark.parametrize(
    ("patient", "mark", "kinds", "value"),
    [
        ("BraTS20_Training_{:03}", "_", ("flair", "t1", "t1ce", "t2"), 4),
        ("BraTS-GLI-00000-{:03}", "-", ("t2f", "t1n", "t1c", "t2w"), 3),
        ("sub{:02}", "_", ("FLAIR", "T1", "T1GD", "T2"), 3),
    ],
)
def test_brats(tmp_path: Path, patient: str, mark: str, kinds: tuple[str, ...], value: int) -> None:
    for number in range(3):
        name = patient.format(number)
        for level, kind in enumerate(kinds, 1):
            volume(tmp_path / "data" / name / f"{name}{mark}{kind}.nii.gz", 100 * level)
        if number < 2:
            label(tmp_path / "data" / name / f"{name}{mark}seg.nii.gz", 1, 2, value)
    dataset = discover(tmp_path)
    read = [f"{patient.format(number)}{mark}{kinds[0]}.nii.gz" for number in range(3)]
    assert (dataset.layout, dataset.findings) == ("BraTS", ())
    assert names(dataset) == {name: name.replace(kinds[0], "seg") * (i < 2) for i, name in enumerate(read)}
    assert dataset.classes == ("class 1", "class 2", f"class {value}")
    assert all(load_picture(c).max() < 100 for c in dataset.cases)  # the first of the kinds
    said = next(note for note in dataset.notes if "kinds of MRI" in note)
    assert all(kind.lower() in said for kind in kinds)
    assert len({c.patient for c in dataset.cases}) == (1 if "GLI" in patient else 3)  # visits of one patient stay together


def test_brats_with_what_is_missing(tmp_path: Path) -> None:
    for number in (1, 2, 355):
        name = f"BraTS20_Training_{number:03}"
        for kind in ("t1", "t2", *(["flair"] * (number != 2))):
            volume(tmp_path / name / f"{name}_{kind}.nii")
        if number < 300:
            label(tmp_path / name / f"{name}_seg.nii", 1, 2, 4)
    lost = label(tmp_path / "BraTS20_Training_355" / "W39_1998.09.19_Segm.nii", 1, 2, 4)  # so it is published
    dataset = discover(tmp_path)
    assert names(dataset) == {
        "BraTS20_Training_001_flair.nii": "BraTS20_Training_001_seg.nii",
        "BraTS20_Training_355_flair.nii": "",
    }
    assert [(f.kind, Path(f.file or "").name) for f in dataset.findings] == [
        ("label-without-image", lost.name),
        ("channel-missing", "BraTS20_Training_002"),
    ]


def test_several_kinds_with_labels_of_their_own_are_no_brats(tmp_path: Path) -> None:
    for kind in ("flair", "t1"):
        volume(tmp_path / "images" / f"p1_{kind}.nii.gz")
        label(tmp_path / "labels" / f"p1_{kind}.nii.gz", 1)
    dataset = discover(tmp_path)
    assert {c.volume for c in dataset.labelled} == {"p1_flair", "p1_t1"}


def test_decathlon_of_several_channels(tmp_path: Path) -> None:
    entries = [{"image": f"./imagesTr/BRATS_{i:03}.nii.gz", "label": f"./labelsTr/BRATS_{i:03}.nii.gz"} for i in range(2)]
    modality = {"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"}
    described = {"modality": modality, "labels": {"0": "background", "1": "edema", "2": "core"}, "training": entries}
    (tmp_path / "dataset.json").write_text(json.dumps(described))
    for i in range(2):
        volume(tmp_path / "imagesTr" / f"BRATS_{i:03}.nii.gz", channels=4)
        label(tmp_path / "labelsTr" / f"BRATS_{i:03}.nii.gz", 1, 2)
    volume(tmp_path / "imagesTs" / "BRATS_100.nii.gz", channels=4)
    dataset = discover(tmp_path)
    assert (dataset.layout, dataset.classes, dataset.findings) == ("Decathlon", ("edema", "core"), ())
    assert len({c.volume for c in dataset.labelled}) == 2
    assert all(load_picture(c).max() < 100 for c in dataset.cases)
    assert any("FLAIR, T1w, t1gd, T2w: what is read of several is FLAIR" in note for note in dataset.notes)
    assert any("Each of 3 volumes (such as BRATS_000.nii.gz) holds several channels" in note for note in dataset.notes)


def test_points_in_time_are_refused_and_how_to_split_them_is_told(tmp_path: Path) -> None:
    volume(tmp_path / "images" / "a.nii.gz", channels=30)
    volume(tmp_path / "images" / "b.nii.gz")
    for name in "ab":
        label(tmp_path / "labels" / f"{name}.nii.gz", 1)
    dataset = discover(tmp_path)
    assert names(dataset) == {"b.nii.gz": "b.nii.gz"}
    (finding,) = dataset.findings
    assert Path(finding.file or "").name == "a.nii.gz"
    assert "4 dimensions" in finding.message
    assert "fslsplit" in (finding.remedy or "")


def test_nnunet_volumes_with_channels_in_files_of_their_own(tmp_path: Path) -> None:
    described = {"channel_names": {"0": "T2", "1": "ADC"}, "labels": {"background": 0, "gland": 1}}
    (tmp_path / "dataset.json").write_text(json.dumps(described))
    for i in range(2):
        for channel in range(2):
            volume(tmp_path / "imagesTr" / f"p{i}_{channel:04}.nii.gz", 100 * (channel + 1))
        label(tmp_path / "labelsTr" / f"p{i}.nii.gz", 1)
    volume(tmp_path / "imagesTs" / "p9_0000.nii.gz")
    dataset = discover(tmp_path)
    assert names(dataset) == {"p0_0000.nii.gz": "p0.nii.gz", "p1_0000.nii.gz": "p1.nii.gz", "p9_0000.nii.gz": ""}
    assert (dataset.classes, dataset.findings) == (("gland",), ())
    assert any("2 volumes of imagesTr/" in note and "NAME_0000" in note for note in dataset.notes)
    assert any("T2, ADC" in note for note in dataset.notes)
    (tmp_path / "imagesTr" / "p0_0000.nii.gz").unlink()
    dataset = discover(tmp_path)  # p0 has but a channel that is not read of the others
    assert "p0_0001.nii.gz" not in names(dataset)
    assert [(f.kind, Path(f.file or "").name) for f in dataset.findings][:1] == [("channel-missing", "p0_0001.nii.gz")]


def test_a_label_of_several_channels_is_refused(tmp_path: Path) -> None:
    for name in "ab":
        volume(tmp_path / "images" / f"{name}.nii.gz")
    volume(tmp_path / "labels" / "a.nii.gz", channels=2)
    label(tmp_path / "labels" / "b.nii.gz", 1)
    dataset = discover(tmp_path)
    with pytest.raises(ModicumError, match=r"a\.nii\.gz: .*2 channels"):
        load_label(next(c for c in dataset.labelled if c.volume == "a"), dataset.code)
