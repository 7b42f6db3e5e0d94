"""Which pictures files, folders and globs name."""

from __future__ import annotations

from pathlib import Path

import pytest

from modicum.datasets.inputs import expand
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
    passed_over: list[Path] = []
    found = expand([str(tmp_path)], passed_over)
    assert sorted(str(p.relative_to(tmp_path)) for p in found) == sorted(pictures)
    assert sorted(str(p.relative_to(tmp_path)) for p in passed_over) == sorted(labels)


def test_who_names_a_label_gets_it(tmp_path: Path) -> None:
    make(tmp_path, "images/a.png", "labels/a.png")
    assert expand([str(tmp_path / "labels"), str(tmp_path / "*/a.png")]) == [
        tmp_path / "labels/a.png",
        tmp_path / "images/a.png",
    ]


def test_nothing_is_an_error(tmp_path: Path) -> None:
    for inputs in ([str(tmp_path)], [str(tmp_path / "gone.png")]):
        with pytest.raises(ModicumError, match=r"no picture was found|no such file"):
            expand(inputs)
