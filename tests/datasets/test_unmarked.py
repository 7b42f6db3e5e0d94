"""Label files that say nothing of some pixels: declared, never guessed, and counted nowhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from modicum.datasets import LabelCode, check, discover, fingerprint, load_label, load_valid
from modicum.errors import ModicumError


def scribbles(folder: Path, count: int = 4, *, values: tuple[int, int, int] = (0, 1, 255), fov: bool = False) -> Path:
    """Pictures of a disc with a stroke in it and one in the background; values of background, disc and unmarked pixels."""
    rng = np.random.default_rng(0)
    for sub in ("images", "labels", *(["fov"] if fov else [])):
        (folder / sub).mkdir(parents=True)
    for number in range(count):
        image = rng.integers(0, 60, (40, 50, 3), np.uint8)
        cv2.circle(image, (25, 20), 10, (200, 200, 200), -1)
        label = np.full((40, 50), values[2], np.uint8)
        label[20, 20:30], label[36, 5:45] = values[1], values[0]
        cv2.imwrite(str(folder / "images" / f"p{number}.png"), image)
        cv2.imwrite(str(folder / "labels" / f"p{number}.png"), label)
        if fov:
            cv2.imwrite(str(folder / "fov" / f"p{number}.png"), np.where(np.arange(50) < 25, 255, 0)[None].repeat(40, 0))
    return folder


def declare(folder: Path, table: dict[str, Any]) -> Path:
    (folder / "classes.json").write_text(json.dumps(table))
    return folder


def test_marks_that_nobody_declared_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModicumError, match="0, 1, 255") as error:
        discover(scribbles(tmp_path / "d"))
    assert '"unmarked": 255' in str(error.value.remedy)
    with pytest.raises(ModicumError, match="0, 1, 255"):  # 1 is known, and 255 is still not
        discover(declare(tmp_path / "d", {"lesion": 1}))


def test_a_few_stray_values_are_no_marks(tmp_path: Path) -> None:
    folder = scribbles(tmp_path / "d", 5, values=(0, 255, 0))
    label = cv2.imread(str(folder / "labels" / "p0.png"), cv2.IMREAD_GRAYSCALE)
    label[0, 0] = 1
    cv2.imwrite(str(folder / "labels" / "p0.png"), label)
    assert discover(folder).code.kind == "binary"


@pytest.mark.parametrize(
    ("values", "table"),
    [
        ((0, 1, 255), {"lesion": 1, "unmarked": 255}),
        ((0, 1, 2), {"background": 0, "lesion": 1, "ignore": 2}),
        ((1, 2, 0), {"unmarked": 0, "background": 1, "lesion": 2}),
    ],
)
def test_declared_marks_are_read(tmp_path: Path, values: tuple[int, int, int], table: dict[str, int]) -> None:
    data = discover(declare(scribbles(tmp_path / "d", values=values), table))
    assert data.classes == ("lesion",)
    assert any("unmarked" in note for note in data.notes)
    label, valid = load_label(data.cases[0], data.code), load_valid(data.cases[0], data.code)
    assert valid is not None
    assert int(label.sum()) == 10
    assert int(valid.sum()) == 50
    assert valid[20, 20:30].all()
    assert not [f for f in check(data) if f.kind == "unknown-label-value"]


def test_marks_in_colours(tmp_path: Path) -> None:
    folder = scribbles(tmp_path / "d")
    for path in (folder / "labels").iterdir():
        values = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        colours = np.where(values[..., None] == 255, [200, 200, 200], np.where(values[..., None] == 1, [0, 0, 255], [0, 0, 0]))
        cv2.imwrite(str(path), colours)
    data = discover(declare(folder, {"background": [0, 0, 0], "lesion": [255, 0, 0], "unmarked": [200, 200, 200]}))
    label, valid = load_label(data.cases[0], data.code), load_valid(data.cases[0], data.code)
    assert valid is not None
    assert (int(label.sum()), int(valid.sum())) == (10, 50)


@pytest.mark.parametrize(
    "table",
    [
        {"unmarked": 255},
        {"lesion": 255, "unmarked": 255},
        {"lesion": 1, "unmarked": 0},
        {"lesion": 1, "unmarked": 255, "ignore": 4},
    ],
)
def test_a_table_in_which_unmarked_means_two_things_is_refused(tmp_path: Path, table: dict[str, int]) -> None:
    with pytest.raises(ModicumError, match="unmarked"):
        discover(declare(scribbles(tmp_path / "d"), table))


def test_a_field_of_view_and_marks_both_count(tmp_path: Path) -> None:
    data = discover(declare(scribbles(tmp_path / "d", fov=True), {"lesion": 1, "unmarked": 255}))
    valid = load_valid(data.cases[0], data.code)
    assert valid is not None
    assert int(valid.sum()) == 5 + 20


def test_full_labels_beside_marks_count_in_full(tmp_path: Path) -> None:
    folder = declare(scribbles(tmp_path / "d"), {"lesion": 1, "unmarked": 255})
    full = np.zeros((40, 50), np.uint8)
    cv2.circle(full, (25, 20), 10, 1, -1)
    cv2.imwrite(str(folder / "labels" / "p0.png"), full)
    data = discover(folder)
    valid = load_valid(data.cases[0], data.code)
    assert valid is not None
    assert valid.all()
    seen = fingerprint(data)
    assert (seen.examined, seen.marked_in_part) == (1, 3)
    assert seen.object_diameter_px == pytest.approx(21, abs=1), "strokes are no objects"
    (told,) = [f for f in check(data) if f.kind == "partly-marked"]
    assert "3 of 4" in told.message


def test_marks_without_any_background_are_an_error(tmp_path: Path) -> None:
    folder = declare(scribbles(tmp_path / "d", values=(255, 1, 255)), {"lesion": 1, "unmarked": 255})
    assert "no-background-marked" in {f.kind for f in check(discover(folder)) if f.severity == "error"}


def test_the_label_ignore_of_nnunet_is_unmarked(tmp_path: Path) -> None:
    source = scribbles(tmp_path / "d", values=(0, 1, 2))
    root = tmp_path / "Dataset001_marks"
    for sub in ("imagesTr", "labelsTr"):
        (root / sub).mkdir(parents=True)
    for number in range(4):
        (source / "images" / f"p{number}.png").rename(root / "imagesTr" / f"p{number}_0000.png")
        (source / "labels" / f"p{number}.png").rename(root / "labelsTr" / f"p{number}.png")
    described = {"labels": {"background": 0, "lesion": 1, "ignore": 2}, "channel_names": {"0": "R"}, "file_ending": ".png"}
    (root / "dataset.json").write_text(json.dumps(described))
    data = discover(root)
    assert data.layout == "nnU-Net"
    assert data.classes == ("lesion",)
    assert data.code.unmarked == 2


def test_run_folders_of_full_labels_are_known_as_before() -> None:
    assert repr(LabelCode("binary", (255,))) == "LabelCode(kind='binary', values=(255,), colours=(), background=(0, 0, 0))"
