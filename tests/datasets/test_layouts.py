"""Folders as people keep them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from modicum.datasets import check_split, discover, load_label, make_split
from modicum.errors import ModicumError

Write = Callable[..., Path]


@pytest.mark.parametrize(
    ("images", "labels", "suffix"),
    [
        ("images", "labels", ""),
        ("Images", "Masks", "_mask"),
        ("imgs", "ground_truth", "_segmentation"),
        ("image", "gt", "_gt"),
        ("inputs", "Annotations", "_annotation"),
        ("pictures", "1st_manual", "_manual1"),
        ("images", "manual1", "_1stHO"),
        ("images", "Segmentations", "_seg"),
        ("images", "label", ".ah"),
        ("images", "mask", "-label"),
    ],
)
def test_folder_names_and_label_suffixes(
    tmp_path: Path, picture: Write, mask: Write, images: str, labels: str, suffix: str
) -> None:
    for seed in range(3):
        picture(tmp_path / images / f"scan {seed} ü.jpg", seed)
        mask(tmp_path / labels / f"scan {seed} ü{suffix}.png", seed)
    dataset = discover(tmp_path)
    assert [c.id for c in dataset.labelled] == ["scan 0 ü", "scan 1 ü", "scan 2 ü"]
    assert not dataset.findings


def test_other_label_folders_are_not_mistaken(pairs: Write, mask: Write) -> None:
    root = pairs(3)
    for folder in ("labels_2nd", "labels_instances"):
        mask(root / folder / "case00.png", 9)
    dataset = discover(root)
    assert all(len(c.labels) == 1 and c.labels[0].parent.name == "labels" for c in dataset.cases)
    assert any("labels_2nd" in note for note in dataset.notes)


def test_parts_as_folders(tmp_path: Path, pairs: Write) -> None:
    for part, name in (("train", "a"), ("valid", "b"), ("test", "a")):
        pairs(names=[f"{name}0", f"{name}1"], root=tmp_path / "set" / part)
    dataset = discover(tmp_path / "set")
    assert [c.part for c in dataset.cases].count("val") == 2
    assert len({c.id for c in dataset.cases}) == 6  # though stems repeat


def test_parts_below_images(tmp_path: Path, picture: Write, mask: Write) -> None:
    for part in ("train", "test"):
        picture(tmp_path / "images" / part / "1.png")
        mask(tmp_path / "labels" / part / "1.png")
    dataset = discover(tmp_path)
    assert sorted(c.part or "" for c in dataset.labelled) == ["test", "train"]
    assert len({c.id for c in dataset.cases}) == 2
    assert all(c.image.parent.name == c.labels[0].parent.name for c in dataset.cases)


def test_masks_beside_pictures(tmp_path: Path, picture: Write, mask: Write) -> None:
    for seed in range(3):
        picture(tmp_path / f"benign ({seed}).png", seed)
        mask(tmp_path / f"benign ({seed})_mask.png", seed)
    mask(tmp_path / "benign (0)_mask_1.png", 7)
    picture(tmp_path / "new.png", 5)
    dataset = discover(tmp_path)
    assert len(dataset.labelled) == 3
    assert [c.id for c in dataset.unlabelled] == ["new"]
    first = next(c for c in dataset.cases if c.id == "benign (0)")
    assert len(first.labels) == 2  # several masks of one picture are united


def test_unlabelled_pictures_belong_to_the_set(pairs: Write, picture: Write) -> None:
    root = pairs(3)
    picture(root / "images" / "extra.png", 7)
    picture(root / "unlabeled" / "more.png", 8)
    assert {c.id for c in discover(root).unlabelled} == {"extra", "more"}


def test_only_pictures(tmp_path: Path, picture: Write) -> None:
    picture(tmp_path / "a.png")
    dataset = discover(tmp_path)
    assert (len(dataset.cases), len(dataset.labelled)) == (1, 0)


def test_field_of_view_folder(pairs: Write, mask: Write) -> None:
    root = pairs(2)
    mask(root / "fov" / "case00_mask.png", values=np.full((40, 48), 255, np.uint8))
    fields = [c.field_of_view for c in discover(root).cases]
    assert fields[0] is not None
    assert fields[1] is None


def test_mask_folder_is_the_field_of_view_only_if_it_covers_the_picture(pairs: Write, mask: Write) -> None:
    root = pairs(2)
    for i in range(2):
        mask(root / "mask" / f"case0{i}.png", values=np.full((40, 48), 255, np.uint8))
    assert all(c.field_of_view and c.labels[0].parent.name == "labels" for c in discover(root).cases)


def test_prescribed_split(pairs: Write) -> None:
    root = pairs(4)
    split = {"train": ["case00", "case01"], "test": ["case02", "nobody"]}
    (root / "split.json").write_text(json.dumps(split))
    dataset = discover(root)
    assert [c.part for c in dataset.cases] == ["train", "train", "test", None]
    assert [f.kind for f in dataset.findings] == ["split-unknown-case"]
    (root / "split.json").write_text(json.dumps({"train": ["case00"], "test": ["case00"]}))
    with pytest.raises(ModicumError, match="two parts"):
        discover(root)


def test_label_without_image(pairs: Write, mask: Write) -> None:
    root = pairs(3)
    orphan = mask(root / "labels" / "lost.png", 4)
    found = discover(root).findings
    assert [(f.kind, f.severity, f.file) for f in found] == [("label-without-image", "error", str(orphan))]


def test_a_single_folder_within_is_entered(tmp_path: Path, pairs: Write) -> None:
    pairs(2, root=tmp_path / "outer" / "inner")
    assert len(discover(tmp_path / "outer").labelled) == 2


def test_what_cannot_be_read_says_what_can(tmp_path: Path, mask: Write) -> None:
    with pytest.raises(ModicumError, match="no such"):
        discover(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModicumError, match=r"empty.*DRIVE"):
        discover(tmp_path / "empty")
    mask(tmp_path / "alone" / "labels" / "a.png")
    with pytest.raises(ModicumError, match="no pictures"):
        discover(tmp_path / "alone")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "readme.txt").write_text("x")
    with pytest.raises(ModicumError, match="no picture"):
        discover(tmp_path / "texts")


def test_a_folder_of_broken_volumes_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.nii.gz").write_bytes(b"x")
    with pytest.raises(ModicumError, match=r"a\.nii\.gz: .*damaged"):
        discover(tmp_path)


def test_hidden_copies_of_macos_are_passed_over(pairs: Write) -> None:
    root = pairs(2)
    (root / "images" / "._case00.png").write_bytes(b"junk")
    assert len(discover(root).cases) == 2


def test_labels_load_where_they_belong(pairs: Write) -> None:
    dataset = discover(pairs(2))
    label = load_label(dataset.cases[0], dataset.code)
    assert label.shape == (40, 48)
    assert set(np.unique(label)) == {0, 1}


def test_parts_without_labels_are_unlabelled_and_prescribe_nothing(tmp_path: Path, picture: Write, mask: Write) -> None:
    for seed in range(12):
        picture(tmp_path / "train" / "images" / f"{seed}.png", seed)
        mask(tmp_path / "train" / "masks" / f"{seed}.png", seed)
    picture(tmp_path / "test" / "images" / "new.png", 20)
    picture(tmp_path / "val" / "other.png", 21)
    dataset = discover(tmp_path)
    assert [(c.id, c.part) for c in dataset.unlabelled] == [("new", None), ("other", None)]
    said = next(n for n in dataset.notes if "prescribed split" in n)
    assert "train" in said
    assert "test" not in said
    split = make_split(dataset, seed=0)
    assert split.test
    assert set(split.train) | set(split.test) == {c.id for c in dataset.labelled}


@pytest.mark.parametrize("content", ['{"train": [["a"]]}', '{"train": [{"a": 1}]}', '{"train": [null]}'])
def test_a_split_of_no_names_is_refused(pairs: Write, content: str) -> None:
    root = pairs(2)
    (root / "split.json").write_text(content)
    with pytest.raises(ModicumError, match=r"split\.json: .*no name"):
        discover(root)


def test_a_split_may_name_numbers(pairs: Write) -> None:
    root = pairs(names=["1", "2"])
    (root / "split.json").write_text('{"train": [1], "test": [2]}')
    assert [c.part for c in discover(root).cases] == ["train", "test"]


def test_a_split_names_files_with_or_without_suffix(pairs: Write) -> None:
    root = pairs(names=["a", "b.v2"])
    (root / "split.json").write_text('{"train": ["a.PNG"], "test": ["b.v2"]}')
    assert [c.part for c in discover(root).cases] == ["train", "test"]
    (root / "split.json").write_text('{"train": ["a", "b.v1"], "test": ["b.v2", "a.old", "b.v3"]}')
    dataset = discover(root)  # none of these is a suffix
    assert [c.part for c in dataset.cases] == ["train", "test"]
    assert "3 names of the split belong to no picture: a.old, b.v1, b.v3" in dataset.findings[0].message
    (root / "split.json").write_text('{"train": [], "test": []}')
    assert [c.part for c in discover(root).cases] == [None, None]
    (root / "split.json").write_text('{"train": ["x"], "test": ["y"]}')
    with pytest.raises(ModicumError, match=r"split\.json: none of its names is that of a picture, such as a"):
        discover(root)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "latin-1"])
@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_a_manifest_as_spreadsheets_save_it(pairs: Write, encoding: str, end: str) -> None:
    root = pairs(2)
    rows = [
        "image;label;ward;remark",
        "images/case00.png;labels/case00.png;Süd;a, b",
        "images/case01.png;labels/case01.png;Nord;",
    ]
    (root / "list.csv").write_bytes((end.join(rows) + end).encode(encoding))
    assert [c.attributes["ward"] for c in discover(root / "list.csv").cases] == ["Süd", "Nord"]


def test_a_class_table_without_sense_is_named(pairs: Write) -> None:
    root = pairs(2)
    (root / "classes.json").write_text('{"lesion": "red"}')
    with pytest.raises(ModicumError, match=r"classes\.json: the class 'lesion'"):
        discover(root)


def test_patients_of_a_partly_prescribed_test_stay_out_of_training(pairs: Write) -> None:
    root = pairs(names=["p1_slice1", "p1_slice2", "p2_slice1", "p2_slice2", "p3_slice1", "p3_slice2"])
    (root / "split.json").write_text(json.dumps({"test": ["p1_slice1"]}))
    split = make_split(discover(root), seed=0)
    assert split.test == ("p1_slice1", "p1_slice2")
    rows = "".join(
        f"images/{p.name},labels/{p.name},{p.stem[:2]},{'test' if p.stem == 'p2_slice2' else ''}\n"
        for p in sorted((root / "images").iterdir())
    )
    (root / "manifest.csv").write_text("image,label,patient,split\n" + rows)
    dataset = discover(root)
    split = make_split(dataset, seed=0)
    assert split.test == ("p2_slice1", "p2_slice2")
    assert check_split(dataset, split) == []


def test_other_names_of_a_manifests_columns_mean_the_same(pairs: Write) -> None:
    root = pairs(names=["a", "b"])
    (root / "manifest.csv").write_text("image,mask,Patient_ID\nimages/a.png,labels/a.png,P1\nimages/b.png,labels/b.png,P1\n")
    dataset = discover(root)
    assert [(c.patient, c.labelled, dict(c.attributes)) for c in dataset.cases] == [("P1", True, {})] * 2
    (root / "manifest.csv").write_text("image,label,patient,subject\nimages/a.png,labels/a.png,P1,S\n")
    (case,) = discover(root).cases
    assert (case.patient, case.attributes) == ("P1", {"subject": "S"})


def test_rows_of_one_picture_are_one_case(pairs: Write, mask: Write) -> None:
    """One row for each object, as exports of annotation programs have it."""
    root = pairs(names=["a", "b"])
    mask(root / "more" / "a2.png", 3)
    rows = "images/a.png,labels/a.png,P1,x\nimages/a.png,more/a2.png,P1,y\nimages/b.png,labels/b.png,P2,x\n"
    (root / "manifest.csv").write_text("image,label,patient,kind\n" + rows)
    dataset = discover(root / "manifest.csv")
    assert [(c.id, len(c.labels), c.attributes) for c in dataset.cases] == [("a", 2, {}), ("b", 1, {"kind": "x"})]
    assert "3 rows name 2 pictures: labels of one picture are united." in dataset.notes
    (root / "manifest.csv").write_text("image,label,patient,kind\n" + rows.replace("more/a2.png,P1", "more/a2.png,P3"))
    with pytest.raises(ModicumError, match=r"rows of a\.png differ in patient"):
        discover(root / "manifest.csv")


@pytest.mark.parametrize("name", ["IMG_{0:02}{1}", "{1}"])
def test_folders_within_images_and_labels_are_patients(tmp_path: Path, picture: Write, mask: Write, name: str) -> None:
    for patient in range(3):
        for number in range(2):
            place = f"P{patient:02}/{name.format(patient, number)}.png"
            picture(tmp_path / "images" / place, 2 * patient + number)
            mask(tmp_path / "labels" / place, 2 * patient + number)
    dataset = discover(tmp_path)
    assert sorted(c.patient for c in dataset.labelled) == ["P00", "P00", "P01", "P01", "P02", "P02"]
    assert len({c.id for c in dataset.cases}) == 6


@pytest.mark.parametrize("folders", [("T1", "T2"), ("UCL1", "KCL2"), ("split1", "split2")])
def test_people_whom_files_name_are_no_folders(tmp_path: Path, picture: Write, mask: Write, folders: tuple[str, str]) -> None:
    for seed in range(12):
        place = f"{folders[seed % 2]}/patient{seed // 4:02}_{seed % 4}.png"  # two pictures of each in each folder
        picture(tmp_path / "images" / place, seed)
        mask(tmp_path / "labels" / place, seed)
    cases = discover(tmp_path).labelled
    assert {c.patient for c in cases} == {f"patient{n:02}" for n in range(3)}
    assert all(str(c.patient) in c.image.name for c in cases)


def test_folders_of_people_have_their_unlabelled_pictures_too(tmp_path: Path, picture: Write, mask: Write) -> None:
    for seed in range(6):
        place = f"P{seed // 2:02}/{seed % 2}.png"
        picture(tmp_path / "images" / place, seed)
        mask(tmp_path / "labels" / place, seed)
        picture(tmp_path / "unlabelled" / f"P{seed // 2:02}/{seed % 2 + 7}.png", 10 + seed)
    dataset = discover(tmp_path)
    assert sorted(c.patient for c in dataset.unlabelled) == ["P00", "P00", "P01", "P01", "P02", "P02"]


def test_a_manifest_with_a_name_that_no_file_can_have(pairs: Write) -> None:
    root = pairs(names=["a", "b"])
    rows = f"images/a.png,labels/a.png\nimages/b.png,labels/{'b' * 300}.png\n"
    (root / "manifest.csv").write_text("image,label\n" + rows)
    dataset = discover(root)
    assert [c.id for c in dataset.cases] == ["a"]
    assert [f.kind for f in dataset.findings] == ["file-missing"]


@pytest.mark.parametrize("part", ["", "train"])
def test_a_folder_for_each_patient(tmp_path: Path, picture: Write, mask: Write, part: str) -> None:
    for seed in range(6):
        folder = tmp_path / part / f"Patient 0{seed // 3}"
        picture(folder / "images" / f"{seed % 3}.png", seed)
        mask(folder / "masks" / f"{seed % 3}.png", seed)
    picture(tmp_path / part / "Patient 02" / "images" / "0.png", 7)
    dataset = discover(tmp_path)
    assert [c.id for c in dataset.labelled][::3] == ["Patient 00_0", "Patient 01_0"]
    assert all(c.labels[0] == c.image.parents[1] / "masks" / c.image.name for c in dataset.labelled)
    assert [(c.patient, c.part) for c in dataset.unlabelled] == [("Patient 02", part or None)]
    assert "Patients are given by the data set." in dataset.notes
    assert {c.patient for c in dataset.cases} == {f"Patient 0{i}" for i in range(3)}


@pytest.mark.parametrize(
    ("image", "label"), [("image.png", "mask.png"), ("{}_image.png", "{}_label.png"), ("scan.png", "gt.png")]
)
def test_a_folder_for_each_patient_with_masks_beside(
    tmp_path: Path, picture: Write, mask: Write, image: str, label: str
) -> None:
    for seed, name in enumerate(("pat000", "pat001", "pat002")):
        picture(tmp_path / name / image.format(name), seed)
        mask(tmp_path / name / label.format(name), seed)
    mask(tmp_path / "pat001" / "notes_1.png")  # which is no label by its name, so that "mask" could be that of either
    dataset = discover(tmp_path)
    assert {c.patient for c in dataset.labelled} >= {"pat000", "pat002"}
    assert all(c.labels[0].parent == c.image.parent for c in dataset.labelled)
    assert ("pat001" in {c.patient for c in dataset.labelled}) == ("{}" in label)


def test_several_nameless_masks_of_a_picture_are_its_objects(tmp_path: Path, picture: Write, mask: Write) -> None:
    for name in ("P1", "P2"):
        picture(tmp_path / name / "image.png")
        for i in (1, 2):
            mask(tmp_path / name / f"mask_{i}.png", i)
    assert [(c.patient, len(c.labels)) for c in discover(tmp_path).cases] == [("P1", 2), ("P2", 2)]


def test_lettered_patients_are_folders_of_patients(tmp_path: Path, picture: Write, mask: Write) -> None:
    for seed, name in enumerate(("Patient A", "Patient B")):
        picture(tmp_path / name / "image.png", seed)
        mask(tmp_path / name / "mask.png", seed)
    assert {c.patient for c in discover(tmp_path).cases} == {"Patient A", "Patient B"}


@pytest.mark.parametrize("names", [("benign", "malignant"), ("site 1", "site 2"), ("2019", "2020")])
def test_folders_of_groups_are_no_patients(tmp_path: Path, picture: Write, mask: Write, names: tuple[str, str]) -> None:
    for seed in range(6):
        picture(tmp_path / "two" / names[seed % 2] / "images" / f"x{seed}.png", seed)
        mask(tmp_path / "two" / names[seed % 2] / "masks" / f"x{seed}.png", seed)
        picture(tmp_path / "one" / names[seed % 2] / f"x{seed}.png", seed)
        mask(tmp_path / "one" / names[seed % 2] / f"x{seed}_mask.png", seed)
    for root in (tmp_path / "two", tmp_path / "one"):
        dataset = discover(root)
        assert len(dataset.labelled) == len({c.patient for c in dataset.cases}) == 6
        assert "x0" in {c.id for c in dataset.cases}


def test_one_folder_with_pictures_and_masks_among_others_is_no_layout(tmp_path: Path, picture: Write, mask: Write) -> None:
    for name in ("a", "b"):
        picture(tmp_path / "P1" / "images" / f"{name}.png")
        mask(tmp_path / "P1" / "masks" / f"{name}.png")
    for name in ("P2", "P3"):
        picture(tmp_path / name / "b.png")
    assert discover(tmp_path).layout == "pictures only"


@pytest.mark.parametrize(
    ("folder", "name", "said"),
    [("truth/masks", "{}.png", "lie in folders called masks/"), ("truth", "mask_{}.png", "are called mask_x0.png")],
)
def test_masks_among_pictures_are_told_and_where_to_put_them(
    tmp_path: Path, picture: Write, mask: Write, folder: str, name: str, said: str
) -> None:
    for seed in range(3):
        picture(tmp_path / "scans" / f"x{seed}.png", seed)
        mask(tmp_path / folder / name.format(f"x{seed}"), seed)
    dataset = discover(tmp_path)
    found = next(f for f in dataset.findings if f.kind == "labels-as-pictures")
    assert found.message.startswith("3 of these files")
    assert said in found.message
    assert [c.id for c in dataset.cases] == ["x0", "x1", "x2"]  # the masks are left out
    with pytest.raises(ModicumError, match=r"no labelled picture.*look like labels.*image,label,patient,split"):
        make_split(dataset, seed=0)


@pytest.mark.parametrize("name", ["y_mask", "lesion_mask", "case00_contour", "segmentation-7", "y_seg"])
def test_what_is_named_as_a_label_never_becomes_an_unlabelled_picture(
    pairs: Write, picture: Write, mask: Write, name: str
) -> None:
    root = pairs(2)
    picture(root / "images" / "new.png", 5)
    mask(root / "images" / f"{name}.png", 7)
    dataset = discover(root)
    assert (len(dataset.labelled), [c.id for c in dataset.unlabelled]) == (2, ["new"])
    (finding,) = dataset.findings
    assert (finding.severity, finding.kind) == ("warning", "labels-as-pictures")
    assert f"{name}.png" in finding.message
    assert "left out" in finding.message
    assert "image,label,patient,split" in (finding.remedy or "")


def test_pictures_that_are_all_named_as_labels_are_kept(tmp_path: Path, pairs: Write, picture: Write) -> None:
    root = pairs(names=["a_gt", "b_gt"])
    picture(root / "images" / "c_gt.png")
    dataset = discover(root)
    assert ([c.id for c in dataset.unlabelled], dataset.findings) == (["c_gt"], ())  # it is called as the others are
    picture(tmp_path / "alone" / "a_gt.png")
    dataset = discover(tmp_path / "alone")
    assert ([c.id for c in dataset.cases], [f.kind for f in dataset.findings]) == (["a_gt"], ["labels-as-pictures"])


def test_a_manifest_of_another_name_is_told(pairs: Write, tmp_path: Path) -> None:
    root = pairs(3)
    (root / "list.csv").write_text("image;label;patient\nimages/case00.png;labels/case00.png;P1\n")
    (root / "ages.csv").write_text("image,age\ncase00,50\n")
    (root / "other.csv").write_text("a,b\n")
    assert [(f.severity, f.kind) for f in discover(root).findings] == [("note", "manifest-not-used")]
    (root / "labels").rename(tmp_path / "elsewhere")
    with pytest.raises(ModicumError, match=r"no labelled picture.*list\.csv has the columns of a manifest"):
        make_split(discover(root), seed=0)
