"""Which pictures files, folders and globs name."""

from __future__ import annotations

from pathlib import Path

import pytest

from ct import slices
from modicum.datasets.inputs import PassedOver, expand
from modicum.errors import ModicumError


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.mark.parametrize(
    ("pictures", "labels"),
    [
        (["images/a.png", "images/b.png"], ["labels/a.png", "fov/a.png"]),
        (["train/images/a.png", "test/images/a.png"], ["train/masks/a.png"]),
        (["a.png", "b.png"], ["a_mask.png"]),
        (["one/t1.nii.gz", "two/t1.nii.gz"], ["one/t1_seg.nii.gz"]),
        (["imagesTr/a_0000.nii.gz"], ["labelsTr/a.nii.gz"]),
        (["images/1_test.tif"], ["1st_manual/1_manual1.gif", "2nd_manual/1_manual2.gif", "labels_2nd/1.png"]),
        (["01L.jpg"], ["01L_1stHO.png", "01L_2ndHO.png"]),
        (["lesion/target/1.png", "lesion/control/1.png"], []),
        (["p1/a.png", "p2/a.png"], ["p1/masks/a.png"]),
        (["labels/a.png", "labels/b.png"], []),  # there is nothing else
        (["mask_9.png", "face_mask.png"], []),  # labels of nothing
    ],
)
def test_labels_of_a_data_folder_are_no_pictures(tmp_path: Path, pictures: list[str], labels: list[str]) -> None:
    make(tmp_path, *pictures, *labels)
    passed_over = PassedOver()
    found = expand([str(tmp_path)], passed_over)
    assert sorted(str(p.relative_to(tmp_path)) for p in found) == sorted(pictures)
    assert sorted(str(p.relative_to(tmp_path)) for p in passed_over.labels) == sorted(labels)


def test_who_names_a_label_gets_it(tmp_path: Path) -> None:
    make(tmp_path, "images/a.png", "labels/a.png")
    assert expand([str(tmp_path / "labels"), str(tmp_path / "*/a.png")]) == [
        tmp_path / "labels/a.png",
        tmp_path / "images/a.png",
    ]


def test_what_a_folder_holds_and_is_not_given_is_told(tmp_path: Path) -> None:
    make(tmp_path, "overview.png", "overview_mask.png", "P1/1.png", "P1/1_mask.png", "P2/1.jfif", "slide.svs", "P1/2.heic")
    passed_over = PassedOver()
    assert expand([str(tmp_path)], passed_over) == [tmp_path / "overview.png"]
    assert passed_over.deeper == [tmp_path / "P1/1.png", tmp_path / "P2/1.jfif"]
    assert passed_over.unread == [tmp_path / "P1/2.heic", tmp_path / "slide.svs"]
    labels, deeper, unread = passed_over.told("Not segmented")
    assert "Not segmented: 1 files that are labels" in labels
    assert "2 pictures in folders below one that holds pictures itself" in deeper
    assert "2 files of a format that is not read" in unread


def test_the_files_of_a_dicom_series_are_one_volume(tmp_path: Path) -> None:
    slices(tmp_path / "ct")
    files = sorted((tmp_path / "ct").iterdir())
    assert len(files) > 2
    assert expand([str(tmp_path / "ct/*.dcm")]) == expand([str(f) for f in files]) == expand([str(tmp_path / "ct")])
    assert len(expand([str(f) for f in files])) == 1


def test_nothing_is_an_error(tmp_path: Path) -> None:
    for inputs in ([str(tmp_path)], [str(tmp_path / "gone.png")]):
        with pytest.raises(ModicumError, match=r"no picture was found|no such file"):
            expand(inputs)
