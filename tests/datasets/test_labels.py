"""What label values mean, and how labels are loaded."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from modicum.datasets import discover, infer_code, load_label
from modicum.datasets.case import Case, LabelCode
from modicum.errors import ModicumError

Write = Callable[..., Path]
DISC = (np.hypot(*(np.mgrid[:40, :48] - 20)) < 9).astype(np.uint8)


def _write(folder: Path, *masks: np.ndarray, suffix: str = "png") -> list[Path]:
    paths = []
    for i, mask in enumerate(masks):
        paths.append(folder / f"{i}.{suffix}")
        Image.fromarray(mask).save(paths[-1], **({"quality": 60} if suffix == "jpg" else {}))
    return paths


def _load(path: Path, code: LabelCode) -> np.ndarray:
    return load_label(Case("x", path, (path,)), code)


@pytest.mark.parametrize("top", [1, 100, 128, 255])
def test_binary_whatever_the_value(tmp_path: Path, top: int) -> None:
    empty, full = np.zeros_like(DISC), np.full_like(DISC, top)
    paths = _write(tmp_path, DISC * np.uint8(top), empty, full)
    code, names, _ = infer_code(paths)
    assert (code.kind, names) == ("binary", ("foreground",))
    assert [_load(p, code).sum() for p in paths] == [DISC.sum(), 0, DISC.size]


def test_jpeg_masks_are_nearly_binary(tmp_path: Path) -> None:
    paths = _write(tmp_path, DISC * np.uint8(255), np.zeros_like(DISC), suffix="jpg")
    coloured = _write(tmp_path, np.dstack([DISC * np.uint8(255)] * 3), suffix="jpeg")
    for files in (paths, coloured):
        code, _, notes = infer_code(files)
        assert code.kind == "binary"
        assert (_load(files[0], code) != DISC).mean() < 0.02
        assert "binary" in notes[0]
    assert _load(paths[1], code).sum() == 0


def test_class_numbers(tmp_path: Path) -> None:
    mask = DISC.copy()
    mask[:5] = 2
    mask[5:7] = 7
    code, names, _ = infer_code(_write(tmp_path, mask, DISC))
    assert code == LabelCode("index", (1, 2, 7))
    assert names == ("class 1", "class 2", "class 7")
    assert set(np.unique(_load(tmp_path / "0.png", code))) == {0, 1, 2, 3}


def test_spread_grey_classes(tmp_path: Path) -> None:
    mask = DISC * np.uint8(255)
    mask[:5] = 128
    assert infer_code(_write(tmp_path, mask))[0] == LabelCode("index", (128, 255))


@pytest.mark.parametrize("values", [(2, 255), (10, 20, 255), (240, 255), (1, 255)])
def test_classes_near_the_ends_of_the_range_are_no_noise(tmp_path: Path, values: tuple[int, ...]) -> None:
    mask = DISC * np.uint8(values[0])
    for row, value in enumerate(values[1:]):
        mask[3 * row : 3 * row + 3] = value
    nothing = DISC * np.uint8(values[0])  # one file of three holds no more than the first of them
    assert infer_code(_write(tmp_path, mask, nothing, nothing))[0] == LabelCode("index", values)


def test_a_rare_class_is_found_in_any_file(tmp_path: Path) -> None:
    masks = [DISC + DISC * (np.arange(48) % 2 == 0) for _ in range(40)]
    masks[33] = np.where(masks[33] == 2, np.uint8(3), masks[33])
    assert infer_code(_write(tmp_path, *(m.astype(np.uint8) for m in masks)))[0].values == (1, 2, 3)


def test_colours(tmp_path: Path) -> None:
    mask = np.zeros((40, 48, 3), np.uint8)
    mask[DISC > 0] = (255, 0, 0)
    mask[:4] = (0, 0, 255)
    paths = _write(tmp_path, mask, np.zeros_like(mask))
    code, names, _ = infer_code(paths)
    assert (code.kind, names) == ("colour", ("blue", "red"))
    assert (_load(paths[0], code) == 2).sum() == (DISC[4:] > 0).sum()
    assert _load(paths[1], code).sum() == 0
    table = {"background": [0, 0, 0], "cup": [255, 0, 0], "rim": [0, 0, 255]}
    code, names, _ = infer_code(paths, table)
    assert names == ("cup", "rim")
    assert (_load(paths[0], code) == 1).sum() == (DISC[4:] > 0).sum()


def test_photographs_are_no_labels(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    with pytest.raises(ModicumError, match=r"classes\.json"):
        infer_code(_write(tmp_path, noise))


def test_instances_count_as_one_class(tmp_path: Path) -> None:
    counted = [(np.arange(1920).reshape(40, 48) // 8 % n).astype(np.uint16) for n in (60, 90)]
    code, names, notes = infer_code(_write(tmp_path, *counted))
    assert (code.kind, names) == ("binary", ("foreground",))
    assert "instances" in notes[0]
    assert (_load(tmp_path / "0.png", code) == (counted[0] > 0)).all()


def test_class_table_of_a_folder(pairs: Write) -> None:
    root = pairs(2)
    (root / "classes.json").write_text(json.dumps({"vessel": 255}))
    assert discover(root).classes == ("vessel",)
    (root / "classes.json").write_text(json.dumps({"vessel": "red"}))
    with pytest.raises(ModicumError, match="vessel"):
        discover(root)
    (root / "classes.json").write_text("{")
    with pytest.raises(ModicumError, match="JSON"):
        discover(root)


def test_sizes_that_differ_name_both_files(pairs: Write, picture: Write) -> None:
    root = pairs(1)
    picture(root / "images" / "case00.png", size=(48, 40))
    dataset = discover(root)
    with pytest.raises(ModicumError, match=r"case00\.png.*48x40.*40x48.*turned"):
        load_label(dataset.cases[0], dataset.code)


def test_a_rare_class_among_binary_labels_is_found(tmp_path: Path) -> None:
    masks = [DISC.copy() for _ in range(100)]
    for i in (5, 31, 50, 77, 93):
        masks[i][:4] = 2
    for seed in range(3):
        assert infer_code(_write(tmp_path, *masks), seed=seed)[0] == LabelCode("index", (1, 2))


def test_a_rare_object_number_makes_instances(tmp_path: Path) -> None:
    masks = [DISC.copy() for _ in range(60)]
    for i, objects in ((40, 7), (41, 3)):
        masks[i] = (np.arange(DISC.size).reshape(DISC.shape) % (objects + 1)).astype(np.uint8)
    code, names, _ = infer_code(_write(tmp_path, *masks))
    assert (code.kind, names) == ("binary", ("foreground",))


def test_two_thousand_small_masks_take_seconds(tmp_path: Path) -> None:
    paths = _write(tmp_path, *[DISC] * 2000)
    begin = time.process_time()
    assert infer_code(paths)[0].kind == "binary"
    assert time.process_time() - begin < 5


def test_few_coloured_pixels_are_colours(tmp_path: Path) -> None:
    size = 200
    mask = np.zeros((size, size, 3), np.uint8)
    mask[:6, :6] = (255, 0, 0)
    mask[10:16, :6] = (0, 255, 0)  # both .1 % of the pixels, and both grey 85 on average
    code, names, _ = infer_code(_write(tmp_path, mask))
    assert (code.kind, names) == ("colour", ("green", "red"))


def test_class_numbers_in_one_channel_are_colours(tmp_path: Path) -> None:
    mask = np.dstack([DISC + (np.arange(48) < 20), 0 * DISC, 0 * DISC]).astype(np.uint8)
    assert infer_code(_write(tmp_path, mask))[0].colours == ((1, 0, 0), (2, 0, 0))


def test_jpeg_tints_are_grey(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    mask = np.dstack([DISC * np.uint8(255)] * 3)
    tinted = np.clip(mask.astype(int) + rng.integers(-9, 10, mask.shape), 0, 255).astype(np.uint8)
    tinted[0, 0] = (255, 90, 90)
    assert infer_code(_write(tmp_path, tinted))[0].kind == "binary"


def test_a_photograph_among_many_labels_is_passed_over(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    paths = _write(tmp_path, *[DISC] * 30, noise)
    assert infer_code(paths)[0] == LabelCode("binary", (1,))
    few = _write(tmp_path, DISC, DISC, noise)
    with pytest.raises(ModicumError, match=r"2\.png.*photograph"):
        infer_code(few)


def _with_palette(path: Path, classes: np.ndarray, order: tuple[int, ...]) -> Path:
    """Class c in the colour that is c-th of black, red and green, by an index that this file alone has for it."""
    image = Image.fromarray(np.array(order, np.uint8)[classes])
    colours = {order[c]: colour for c, colour in enumerate(((0, 0, 0), (255, 0, 0), (0, 255, 0)))}
    image.putpalette([v for index in range(3) for v in colours[index]])
    image.save(path)
    return path


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_palettes_of_another_order_change_no_class(tmp_path: Path, suffix: str) -> None:
    truth = DISC.copy()
    truth[:6] = 2
    paths = [_with_palette(tmp_path / f"{i}.{suffix}", truth, order) for i, order in enumerate([(0, 1, 2), (2, 0, 1)])]
    for table, numbers in ((None, [0, 2, 1]), ({"disc": [255, 0, 0], "cup": [0, 255, 0]}, [0, 1, 2])):
        code, names, _ = infer_code(paths, table)
        assert names == (("green", "red") if table is None else ("disc", "cup"))
        for path in paths:
            assert np.array_equal(_load(path, code), np.array(numbers)[truth])
    with pytest.raises(ModicumError, match=r"1\.\w+: the palettes of 0\.\w+ and of this file have other colours"):
        infer_code(paths, {"disc": 1, "cup": 2})
    same = [_with_palette(tmp_path / f"same{i}.{suffix}", truth, (0, 1, 2)) for i in range(2)]
    assert infer_code(same, {"disc": 1, "cup": 2})[0] == LabelCode("index", (1, 2))


def test_the_background_need_not_be_zero(tmp_path: Path) -> None:
    """As REFUGE has it: 0 is the cup, 128 the disc, 255 neither; and one object in black on white."""
    mask = np.full_like(DISC, 255)
    mask[DISC > 0], mask[18:22, 18:22] = 128, 0
    (path,) = _write(tmp_path, mask)
    code, names, _ = infer_code([path], {"background": 255, "disc": 128, "cup": 0})
    assert names == ("cup", "disc")
    assert np.array_equal(_load(path, code), np.select([mask == 0, mask == 128], [1, 2]))
    (path,) = _write(tmp_path, np.where(DISC, 0, 255).astype(np.uint8))
    code, names, _ = infer_code([path], {"background": 255, "lesion": 0})
    assert np.array_equal(_load(path, code), DISC)
    with pytest.raises(ModicumError, match="same value"):
        infer_code([path], {"background": 255, "lesion": 255})


def test_classes_in_jpeg_are_the_nearest_that_are_named(tmp_path: Path) -> None:
    mask = DISC * np.uint8(128)
    mask[16:25, 16:25] = 255
    (path,) = _write(tmp_path, mask, suffix="jpg")
    with pytest.raises(ModicumError, match=r"0\.jpg: holds \d+ values: JPEG has changed those of the classes"):
        infer_code([path])
    code, names, notes = infer_code([path], {"disc": 128, "cup": 255})
    assert names == ("disc", "cup")
    assert "the nearest class wins" in notes[0]
    assert (_load(path, code) != np.select([mask == 128, mask == 255], [1, 2])).mean() < 0.03
