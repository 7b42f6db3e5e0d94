"""Which pictures teach without labels: none that validates or tests, whatever its file is called."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from discs import write_discs
from modicum.datasets import discover
from modicum.datasets.case import Split
from modicum.runs.unlabelled import unlabelled_cases


def divided(root: Path, names: list[str]) -> tuple[Path, Split]:
    """Labelled pictures of these names, the last two of which test."""
    data = write_discs(root, len(names))
    for name, image in zip(names, sorted((data / "images").iterdir()), strict=True):
        label = next((data / "labels").glob(f"{image.stem}.*"))
        image.rename(image.with_stem(name))
        label.rename(label.with_stem(name))
    return data, Split(tuple(names[:-2]), (), tuple(names[-2:]), "by hand")


def test_the_same_pixels_in_another_format_do_not_teach(tmp_path: Path) -> None:
    data, split = divided(tmp_path / "data", ["lesion a", "lesion b", "lesion c", "lesion d"])
    archive = tmp_path / "archive"
    archive.mkdir()
    for number, image in enumerate(sorted((data / "images").iterdir())):
        cv2.imwrite(str(archive / f"scan {number}.tif"), cv2.imread(str(image)))
    size = cv2.imread(str(image)).shape
    cv2.imwrite(str(archive / "another.tif"), np.random.default_rng(0).integers(0, 255, size).astype(np.uint8))
    assert [c.image.name for c in unlabelled_cases(discover(data), split, str(archive))] == ["another.tif"]


def test_pictures_of_those_who_test_do_not_teach(tmp_path: Path) -> None:
    """Of the same two people, in another size, and of others."""
    data, split = divided(tmp_path / "data", ["1L", "1R", "2L", "2R"])
    more = tmp_path / "more"
    more.mkdir()
    for number, name in enumerate(("1L", "2L", "2_right", "7L", "IMG_0001")):
        values = np.random.default_rng(number).integers(0, 255, (30, 40, 3)).astype(np.uint8)
        cv2.imwrite(str(more / f"{name}.png"), values)
    assert {c.image.stem for c in unlabelled_cases(discover(data), split, str(more))} == {"1L", "7L", "IMG_0001"}


def test_those_who_test_are_known_by_folders_and_beginnings_of_names_too(tmp_path: Path) -> None:
    data = write_discs(tmp_path / "data", 6)
    rows = [f"images/case_{n:02}.png,labels/case_{n:02}.png,P{n // 2:02},{'test' if n > 3 else 'train'}" for n in range(6)]
    (data / "manifest.csv").write_text("image,label,patient,split\n" + "\n".join(rows) + "\n")
    split = Split(tuple(f"case_{n:02}" for n in range(4)), (), ("case_04", "case_05"), "by hand")
    names = ("P02/1", "P01/1", "more/P02/2", "all/p02_17", "all/P02-left_3", "all/p01_17", "all/P021_1", "all/other")
    for number, name in enumerate(names):
        path = tmp_path / "archive" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.random.default_rng(number).integers(0, 255, (30, 40, 3)).astype(np.uint8))
    found = unlabelled_cases(discover(data / "manifest.csv"), split, str(tmp_path / "archive"))
    told = {c.image.relative_to(tmp_path / "archive").with_suffix("").as_posix() for c in found}
    assert told == {"P01/1", "all/p01_17", "all/P021_1", "all/other"}


def test_names_of_unlabelled_pictures_do_not_hide_who_is_who(tmp_path: Path) -> None:
    data, _ = divided(tmp_path / "data", ["1L", "1R", "2L", "2R"])
    (data / "unlabelled").mkdir()
    for number in range(9):
        cv2.imwrite(str(data / "unlabelled" / f"4f{number}a_photo.png"), np.full((30, 40, 3), 20 * number, np.uint8))
    cv2.imwrite(str(data / "unlabelled" / "2L_.png"), np.full((30, 40, 3), 7, np.uint8))
    assert [c.patient for c in discover(data).labelled] == ["1", "1", "2", "2"]
