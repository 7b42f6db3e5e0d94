"""Layouts of published data sets, and of nnU-Net, the Decathlon and manifests."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from modicum.datasets import discover, load_field_of_view, load_label
from modicum.errors import ModicumError

Write = Callable[..., Path]
FULL = np.full((40, 48), 255, np.uint8)


def test_drive(tmp_path: Path, picture: Write, mask: Write) -> None:
    for part, number, word in (("training", 21, "training"), ("training", 22, "training"), ("test", 1, "test")):
        root = tmp_path / part
        picture(root / "images" / f"{number:02}_{word}.tif", number)
        mask(root / "1st_manual" / f"{number:02}_manual1.gif", number)
        mask(root / "2nd_manual" / f"{number:02}_manual2.gif", 9)
        mask(root / "mask" / f"{number:02}_{word}_mask.gif", values=FULL)
    dataset = discover(tmp_path)
    assert dataset.layout == "DRIVE"
    assert [(c.id, c.part, len(c.labels)) for c in dataset.cases] == [
        ("21_training", "train", 1),
        ("22_training", "train", 1),
        ("01_test", "test", 1),
    ]
    valid = load_field_of_view(dataset.cases[0])
    assert valid is not None
    assert valid.all()
    assert 0 < load_label(dataset.cases[0], dataset.code).mean() < 0.2


def test_chase(tmp_path: Path, picture: Write, mask: Write) -> None:
    for i, side in ((1, "L"), (1, "R"), (2, "L"), (2, "R")):
        picture(tmp_path / f"Image_{i:02}{side}.jpg", i)
        mask(tmp_path / f"Image_{i:02}{side}_1stHO.png", i)
        mask(tmp_path / f"Image_{i:02}{side}_2ndHO.png", 9)
    dataset = discover(tmp_path)
    assert dataset.layout == "CHASE_DB1"
    assert all(c.labels[0].stem.endswith("1stHO") and len(c.labels) == 1 for c in dataset.cases)
    assert len({c.patient for c in dataset.cases}) == 2


@pytest.mark.parametrize("folders", [("", ""), ("stare-images", "labels-ah")])
@pytest.mark.parametrize("packed", [False, True])
def test_stare(tmp_path: Path, picture: Write, mask: Write, folders: tuple[str, str], packed: bool) -> None:
    for i in range(1, 4):
        picture(tmp_path / folders[0] / f"im{i:04}.ppm", i)
        if i < 3:
            mask(tmp_path / folders[1] / f"im{i:04}.ah.ppm", i)
            mask(tmp_path / folders[1].replace("ah", "vk") / f"im{i:04}.vk.ppm", 9)
    if packed:
        for path in list(tmp_path.rglob("*.ppm")):
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
    dataset = discover(tmp_path)
    assert dataset.layout == "STARE"
    assert [c.id for c in dataset.labelled] == ["im0001", "im0002"]
    assert [c.id for c in dataset.unlabelled] == ["im0003"]
    assert load_label(dataset.cases[0], dataset.code).max() == 1


def test_hrf(tmp_path: Path, picture: Write, mask: Write) -> None:
    for i, group in enumerate(("dr", "g", "h")):
        picture(tmp_path / "images" / f"01_{group}.JPG", i)
        mask(tmp_path / "manual1" / f"01_{group}.tif", i)
        mask(tmp_path / "mask" / f"01_{group}_mask.tif", values=FULL)
    dataset = discover(tmp_path)
    assert dataset.layout == "HRF"
    assert [c.attributes["group"] for c in dataset.labelled] == ["dr", "g", "h"]
    assert all(c.field_of_view for c in dataset.cases)
    assert len({c.patient for c in dataset.cases}) == 3


def test_dsb2018(tmp_path: Path, picture: Write, mask: Write) -> None:
    for i in range(2):
        folder = tmp_path / "stage1_train" / f"id{i}"
        picture(folder / "images" / f"id{i}.png", i)
        for k in range(3):
            mask(folder / "masks" / f"object{k}.png", 10 * i + k)
    picture(tmp_path / "stage1_test" / "new" / "images" / "new.png", 5)
    picture(tmp_path / "stage1_train" / "stray" / "a.png", 6)
    dataset = discover(tmp_path)
    assert dataset.layout == "DSB 2018"
    assert [n for n in dataset.notes if n.startswith("Not used: stray/")]
    assert [len(c.labels) for c in dataset.cases] == [3, 3, 0]
    one = load_label(dataset.cases[0], dataset.code)
    assert (
        one.sum()
        > load_label(dataset.cases[0].__class__("x", dataset.cases[0].image, dataset.cases[0].labels[:1]), dataset.code).sum()
    )


def test_isic(tmp_path: Path, picture: Write, mask: Write) -> None:
    for name, seed in (("ISIC_0000008", 0), ("ISIC_0000009", 1)):
        picture(tmp_path / "ISIC2018_Task1-2_Training_Input" / f"{name}.jpg", seed)
        mask(tmp_path / "ISIC2018_Task1_Training_GroundTruth" / f"{name}_segmentation.png", seed)
    dataset = discover(tmp_path)
    assert (dataset.layout, len(dataset.labelled)) == ("ISIC", 2)
    assert len({c.patient for c in dataset.cases}) == 2


def test_kvasir_and_cvc(tmp_path: Path, pairs: Write, picture: Write, mask: Write) -> None:
    root = pairs(2, root=tmp_path / "kvasir")
    (root / "kavsir_bboxes.json").write_text("{}")
    assert discover(root).layout == "Kvasir-SEG"
    for i in range(1, 5):
        picture(tmp_path / "cvc" / "PNG" / "Original" / f"{i}.png", i)
        mask(tmp_path / "cvc" / "PNG" / "Ground Truth" / f"{i}.png", i)
    assert any("29 videos" in n for n in discover(tmp_path / "cvc").notes)
    (tmp_path / "cvc" / "metadata.csv").write_text("frame_id,sequence_id\n1,1\n2,1\n3,2\n4,2\n")
    dataset = discover(tmp_path / "cvc")
    assert dataset.layout == "CVC-ClinicDB"
    assert len({c.patient for c in dataset.labelled}) == 2


def test_dermis(tmp_path: Path, picture: Write, mask: Write) -> None:
    for seed, (diagnosis, source) in enumerate((("melanoma", "dermIS"), ("notmelanoma", "dermquest"))):
        folder = tmp_path / f"Skin Image Data Set-{seed + 1}" / "skin_data" / diagnosis / source
        for name in ("D1", "D2_2"):
            picture(folder / f"{name}_orig.jpg", seed)
            mask(folder / f"{name}_contour.png", seed)
        (folder / "Thumbs.db").write_bytes(b"x")
    lost = mask(folder / "D9_contour.png")
    picture(folder / "new_orig.jpg")
    picture(folder / "chart.jpg")
    dataset = discover(tmp_path)
    assert dataset.layout == "DermIS and DermQuest"
    assert all(c.labels[0] == c.image.with_name(c.image.name.replace("orig.jpg", "contour.png")) for c in dataset.labelled)
    assert [c.attributes for c in dataset.labelled][::2] == [
        {"diagnosis": "melanoma", "source": "dermis"},
        {"diagnosis": "notmelanoma", "source": "dermquest"},
    ]
    assert (len(dataset.labelled), [c.id for c in dataset.unlabelled]) == (4, ["new_orig"])
    assert [(f.kind, f.file) for f in dataset.findings] == [("label-without-image", str(lost))]
    assert any("chart.jpg" in note for note in dataset.notes)
    assert load_label(dataset.cases[0], dataset.code).max() == 1


def test_nnunet(tmp_path: Path, picture: Write, mask: Write) -> None:
    described = {
        "channel_names": {"0": "R"},
        "labels": {"background": 0, "vessel": 1, "disc": 2},
        "file_ending": ".png",
    }
    (tmp_path / "dataset.json").write_text(json.dumps(described))
    for i in range(2):
        picture(tmp_path / "imagesTr" / f"eye_{i:03}_0000.png", i)
        mask(tmp_path / "labelsTr" / f"eye_{i:03}.png", values=(FULL > 0) * np.uint8(i))
    picture(tmp_path / "imagesTs" / "eye_900_0000.png", 5)
    dataset = discover(tmp_path)
    assert dataset.classes == ("vessel", "disc")
    assert [c.id for c in dataset.labelled] == ["eye_000", "eye_001"]
    assert len(dataset.unlabelled) == 1
    picture(tmp_path / "imagesTr" / "eye_000_0001.png", 3)
    with pytest.raises(ModicumError, match="2 channels"):
        discover(tmp_path)


def test_decathlon(tmp_path: Path, pairs: Write) -> None:
    root = pairs(2)
    entries = [{"image": f"./images/case0{i}.png", "label": f"./labels/case0{i}.png"} for i in range(2)]
    described = {"labels": {"0": "background", "1": "spleen"}, "training": entries}
    (root / "dataset.json").write_text(json.dumps(described))
    assert (discover(root).layout, discover(root).classes) == ("Decathlon", ("spleen",))


def _manifest(root: Path, rows: list[list[str]]) -> Path:
    with (root / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return root / "manifest.csv"


def test_manifest(pairs: Write, mask: Write) -> None:
    root = pairs(3)
    rows = [
        ["Image", "label", "patient", "split", "site"],
        ["images/case00.png", "labels/case00.png", "p1", "train", "Jena"],
        ["images/case01.png", "labels/case01.png", "p1", "Test", "Ulm"],
        ["images/case02.png", "", "", "", ""],
        ["images/lost.png", "", "", "", ""],
    ]
    for path in (_manifest(root, rows), root):
        dataset = discover(path)
        assert dataset.layout == "manifest"
        assert [(c.id, c.patient, c.part) for c in dataset.cases] == [
            ("case00", "p1", "train"),
            ("case01", "p1", "test"),
            ("case02", "case02", None),
        ]
        assert dataset.cases[0].attributes == {"site": "Jena"}
        assert [f.kind for f in dataset.findings] == ["file-missing"]


def test_manifest_errors_name_column_and_row(pairs: Write) -> None:
    root = pairs(1)
    with pytest.raises(ModicumError, match=r"'image' is missing.*picture, mask"):
        discover(_manifest(root, [["picture", "mask"], ["a", "b"]]))
    with pytest.raises(ModicumError, match=r"row 2: the split 'somewhere'"):
        discover(_manifest(root, [["image", "split"], ["images/case00.png", "somewhere"]]))
    with pytest.raises(ModicumError, match=r"row 2 .*does not exist"):
        discover(_manifest(root, [["image"], ["nothing.png"]]))


@pytest.mark.parametrize(
    "folders",
    [
        (
            "ISIC2018_Task1-2_Training_Input",
            "ISIC2018_Task1_Training_GroundTruth",
            "ISIC2018_Task2_Training_GroundTruth_v3",
            "ISIC2018_Task3_Training_Input",
        ),
        (
            "ISIC-2017_Training_Data",
            "ISIC-2017_Training_Part1_GroundTruth",
            "ISIC-2017_Training_Part2_GroundTruth",
            "ISIC-2017_Training_Part3_Data",
        ),
    ],
)
def test_isic_tasks_side_by_side(tmp_path: Path, picture: Write, mask: Write, folders: tuple[str, ...]) -> None:
    pictures, truth, attributes, diagnosis = folders
    for seed in range(2):
        picture(tmp_path / pictures / f"ISIC_000000{seed}.jpg", seed)
        mask(tmp_path / truth / f"ISIC_000000{seed}_segmentation.png", seed)
        mask(tmp_path / attributes / f"ISIC_000000{seed}_attribute_globules.png", seed)
        picture(tmp_path / diagnosis / f"ISIC_002430{seed}.jpg", seed)
    dataset = discover(tmp_path)
    assert [c.id for c in dataset.cases] == ["ISIC_0000000", "ISIC_0000001"]
    assert all(c.labels[0].parent.name == truth for c in dataset.cases)
    assert not dataset.findings


def test_isic_of_two_years_is_joined(tmp_path: Path, picture: Write, mask: Write) -> None:
    for year, seed in (("2017", 0), ("2018", 1)):
        picture(tmp_path / f"ISIC{year}_Training_Input" / f"ISIC_{year}.jpg", seed)
        mask(tmp_path / f"ISIC{year}_Training_GroundTruth" / f"ISIC_{year}_segmentation.png", seed)
    assert [(c.id, c.part) for c in discover(tmp_path).labelled] == [("ISIC_2017", None), ("ISIC_2018", None)]


@pytest.mark.parametrize("value", ["one", None, 1.5, True, {"a": 1}, [1, 2], -1])
def test_nnunet_labels_that_are_no_numbers(tmp_path: Path, picture: Write, mask: Write, value: object) -> None:
    picture(tmp_path / "imagesTr" / "a_0000.png")
    mask(tmp_path / "labelsTr" / "a.png")
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "vessel": value}}))
    with pytest.raises(ModicumError, match=r"dataset\.json: .*'vessel'"):
        discover(tmp_path)


@pytest.mark.parametrize(
    "entry", ["a.png", {"label": "a.png"}, {"image": ["a.png", "b.png"]}, {"image": "a", "label": {"b": 1}}]
)
def test_decathlon_entries_that_name_no_file(pairs: Write, entry: object) -> None:
    root = pairs(2)
    (root / "dataset.json").write_text(json.dumps({"training": [entry]}))
    with pytest.raises(ModicumError, match=r"dataset\.json: an entry of 'training'"):
        discover(root)


def test_a_manifest_that_is_no_table(pairs: Write) -> None:
    path = pairs(1) / "manifest.csv"
    path.write_text("image,label\n" + "x" * 200_000 + ",y\n")
    with pytest.raises(ModicumError, match=r"manifest\.csv: is no valid CSV"):
        discover(path)
