"""Where labels go, that they come back as they were drawn, and that nobody overwrites another's."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from discs import write_discs
from modicum.datasets import LabelCode, discover
from modicum.datasets.loading import decode, marked
from modicum.errors import ModicumError
from modicum.web import labels
from modicum.web.collection import Collection

CODES = [
    LabelCode("binary"),
    LabelCode("binary", (255,)),
    LabelCode("index", (3, 7, 200)),
    LabelCode("index", (1, 400)),
    LabelCode("colour", colours=((255, 0, 0), (0, 0, 255)), background=(9, 9, 9)),
    LabelCode("index", (1,), unmarked=255),
    LabelCode("index", (2, 5, 3), ground=1, unmarked=0),
    LabelCode("index", (1, 400), unmarked=255),
    LabelCode("colour", colours=((255, 0, 0),), unmarked=(128, 128, 128)),
]


@given(st.sampled_from(CODES), st.integers(0, 2**32 - 1))
def test_what_is_encoded_is_decoded_as_it_was(code: LabelCode, seed: int) -> None:
    classes = max(1, len(code.values), len(code.colours))
    rng = np.random.default_rng(seed)
    numbers = rng.integers(0, classes + 1, (6, 7)).astype(np.uint8)
    told = rng.random((6, 7)) < (1 if code.unmarked is None else 0.5)
    written = labels.encoded(np.where(told, numbers, np.uint8(labels.UNMARKED)), code)
    assert np.array_equal(decode(written, code), numbers * told)
    assert np.array_equal(marked(written, code), told)


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((8, 10, 3), 90, np.uint8))


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (["a.png", "b.jpg"], "a_mask.png"),
        (["images/a.png", "images/b.jpg"], "labels/a.png"),
        (["images/left/a.png", "images/right/b.jpg"], "labels/left/a.png"),
        (["set/images/a.png", "set/images/b.png"], "set/labels/a.png"),
    ],
)
def test_a_first_label_goes_where_the_layout_has_its_place(tmp_path: Path, images: list[str], expected: str) -> None:
    for name in images:
        picture(tmp_path / name)
    collection = Collection(tmp_path)
    drawn = np.zeros((8, 10), np.uint8)
    drawn[2:5, 3:7] = 1
    collection.save(collection.entry("a").case, drawn, "", "drawn", "Ada")
    assert (tmp_path / expected).is_file()
    found = next(c for c in discover(tmp_path).cases if c.id == "a")
    assert found.labels == (tmp_path / expected,)
    assert np.array_equal(collection.numbers(found), drawn)
    told = json.loads((tmp_path / expected).with_suffix(".label.json").read_text())
    assert (told["author"], told["origin"]) == ("Ada", "drawn")


def test_a_label_is_named_as_the_others_are_and_has_their_values(tmp_path: Path) -> None:
    for name in ("images/x1.png", "images/x2.png"):
        picture(tmp_path / name)
    (tmp_path / "masks").mkdir()
    cv2.imwrite(str(tmp_path / "masks/x1_seg.png"), np.tile(np.array([0, 255] * 5, np.uint8), (8, 1)))
    collection = Collection(tmp_path)
    collection.save(collection.entry("x2").case, np.eye(8, 10, dtype=np.uint8), "", "drawn", "")
    written = cv2.imread(str(tmp_path / "masks/x2_seg.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(written, np.eye(8, 10, dtype=np.uint8) * 255)


def test_a_layout_without_a_place_for_the_label_says_so_and_keeps_nothing(tmp_path: Path) -> None:
    write_discs(tmp_path, 2)
    picture(tmp_path / "unlabelled" / "new.png")
    collection = Collection(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ModicumError, match="no place for a label"):
        collection.save(collection.entry("new").case, np.ones((8, 10), np.uint8), "", "drawn", "")
    assert [p for p in sorted(tmp_path.rglob("*")) if p.is_file()] == [p for p in before if p.is_file()]


def test_who_began_with_an_older_label_is_refused(tmp_path: Path) -> None:
    collection = Collection(write_discs(tmp_path, 2))
    case = collection.entry("case_00").case
    old = labels.tag(case)
    first, second = np.zeros((48, 48), np.uint8), np.ones((48, 48), np.uint8)
    new = collection.save(case, first, old, "drawn", "")
    with pytest.raises(labels.Outdated):
        collection.save(case, second, old, "drawn", "")
    assert not collection.numbers(case).any()
    collection.save(case, second, new, "drawn", "")
    assert collection.numbers(case).all()


def test_labels_that_would_lose_something_are_not_written(tmp_path: Path) -> None:
    for name in ("images/a.png", "images/b.png"):
        picture(tmp_path / name)
        (tmp_path / "labels").mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / "labels" / Path(name).with_suffix(".tif").name), np.eye(8, 10, dtype=np.uint8))
    collection = Collection(tmp_path)
    with pytest.raises(ModicumError, match="save it as PNG"):
        collection.save(collection.entry("a").case, np.ones((8, 10), np.uint8), "", "drawn", "")


def test_classes_get_names_and_more_of_them_without_changing_labels(tmp_path: Path) -> None:
    for name in ("images/a.png", "images/b.png"):
        picture(tmp_path / name)
    collection = Collection(tmp_path)
    one = np.eye(8, 10, dtype=np.uint8)
    collection.save(collection.entry("a").case, one, "", "drawn", "")
    collection.name_classes(["cell", "nucleus"])
    assert collection.dataset.classes == ("cell", "nucleus")
    assert np.array_equal(collection.numbers(collection.entry("a").case), one)
    collection.save(collection.entry("b").case, one * 2, "", "drawn", "")
    assert np.array_equal(collection.numbers(collection.entry("b").case), one * 2)
    with pytest.raises(ModicumError, match="not removed"):
        collection.name_classes(["cell"])


MARKS = np.full((8, 10), labels.UNMARKED, np.uint8)
MARKS[4, 2:5], MARKS[0] = 1, 0


@pytest.mark.parametrize("table", [{"lesion": 1, "unmarked": 255}, {"unmarked": 0, "background": 1, "lesion": 2}])
def test_pixels_that_nobody_marked_stay_so(tmp_path: Path, table: dict[str, int]) -> None:
    picture(tmp_path / "images" / "a.png")
    (tmp_path / "classes.json").write_text(json.dumps(table))
    collection = Collection(tmp_path)
    with pytest.raises(ModicumError, match="nothing is marked"):
        collection.save(collection.entry("a").case, np.full_like(MARKS, 255), "", "drawn", "Ada")
    collection.save(collection.entry("a").case, MARKS, "", "drawn", "Ada")
    written = cv2.imread(str(tmp_path / "labels" / "a.png"), cv2.IMREAD_GRAYSCALE)
    assert [written[4, 2], written[0, 0], written[7, 7]] == [table["lesion"], table.get("background", 0), table["unmarked"]]
    assert np.array_equal(collection.numbers(collection.entry("a").case), MARKS)


def test_a_new_class_never_gets_the_value_of_unmarked_or_background(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    table = {"unmarked": 4, "background": 5, "lesion": 3}
    (tmp_path / "classes.json").write_text(json.dumps(table))
    collection = Collection(tmp_path)
    collection.name_classes(["sore", "scar"])
    found = json.loads((tmp_path / "classes.json").read_text())
    assert found == {"background": 5, "sore": 3, "scar": 6, "unmarked": 4}
    with pytest.raises(ModicumError, match="not 'background', 'unmarked'"):
        collection.name_classes(["sore", "Unmarked"])
    (tmp_path / "classes.json").write_text(json.dumps({"lesion": 254, "unmarked": 255}))
    with pytest.raises(ModicumError, match="no free class number"):
        collection.name_classes(["lesion", "scar"])


def test_labels_in_part_are_chosen_before_the_first_label_and_never_after(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    collection = Collection(tmp_path)
    collection.name_classes(["lesion"], partly=True)
    assert json.loads((tmp_path / "classes.json").read_text()) == {"background": 0, "lesion": 1, "unmarked": 255}
    collection.name_classes(["lesion"], partly=False)
    assert not collection.partly
    collection.name_classes(["lesion", "scar"], partly=True)
    collection.save(collection.entry("a").case, MARKS, "", "drawn", "Ada")
    with pytest.raises(ModicumError, match="begun with the first label"):
        collection.name_classes(["lesion", "scar"], partly=False)
    assert np.array_equal(collection.numbers(collection.entry("a").case), MARKS)


def test_numbers_are_not_saved_when_they_mean_something_else_by_now(tmp_path: Path) -> None:
    for name, value in (("a", 1), ("b", 2), ("d", 3)):
        picture(tmp_path / "images" / f"{name}.png")
        mask = np.zeros((8, 10), np.uint8)
        mask[2, value] = value
        (tmp_path / "labels").mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / "labels" / f"{name}.png"), mask)
    picture(tmp_path / "images" / "c.png")
    collection = Collection(tmp_path)
    begun = collection.tag(collection.entry("c").case)
    last = collection.entry("b").case
    collection.save(last, np.zeros((8, 10), np.uint8), collection.tag(last), "drawn", "Ada")
    collection.look_again()
    assert len(collection.dataset.classes) == 2, "class 2 is gone"
    with pytest.raises(labels.OtherClasses):
        collection.save(collection.entry("c").case, np.full((8, 10), 2, np.uint8), begun, "drawn", "Bea")


def test_a_volume_is_labelled_with_values_that_need_two_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "images").mkdir(exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(np.zeros((6, 7, 4), np.int16), np.eye(4)), tmp_path / "images" / f"{name}.nii.gz")
    values = np.zeros((6, 7, 4), np.int16)
    values[0], values[1] = 1000, 2035
    (tmp_path / "labels").mkdir()
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / "labels" / "a.nii.gz")
    collection = Collection(tmp_path)
    drawn = np.zeros((4, 7, 6), np.uint8)
    drawn[1, 2, 3] = 2
    collection.save(collection.entry("b").case, drawn, "", "drawn", "Ada")
    kept = np.asarray(nibabel.load(tmp_path / "labels" / "b.nii.gz").dataobj)
    assert set(np.unique(kept)) == {0, 2035}
    assert np.array_equal(collection.numbers(collection.entry("b").case), drawn)


def test_values_that_no_class_has_outlive_a_correction(tmp_path: Path) -> None:
    write_discs(tmp_path, 2)
    (tmp_path / "classes.json").write_text('{"disc": 1, "rim": 2}')
    path = sorted((tmp_path / "labels").iterdir())[0]
    held = np.zeros(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).shape, np.uint8)
    held[0:4], held[4:8], held[8:12] = 1, 7, 9
    cv2.imwrite(str(path), held)
    collection = Collection(tmp_path)
    case = collection.entry(path.stem).case
    drawn = collection.numbers(case)
    assert not drawn[4:].any(), "they are background for the page"
    drawn[6:9] = 2
    collection.save(case, drawn, collection.tag(case), "corrected", "Ada")
    held[6:9] = 2
    assert np.array_equal(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), held)
