"""Every problem is found, with its file, and good data are left in peace."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import nibabel
import numpy as np
import pytest
import tifffile
from PIL import Image

from modicum.datasets import (
    check,
    check_split,
    discover,
    fingerprint,
    inspect,
    join_findings,
    labels,
    make_split,
    resemblance,
    unusable,
)
from modicum.datasets.case import Dataset, Split
from modicum.datasets.label_values import strange_values
from modicum.errors import Finding

Write = Callable[..., Path]


def kinds(root: Path, split: Split | None = None) -> dict[str, Finding]:
    return {f.kind: f for f in check(discover(root), split) if f.kind != "few-labels"}


def test_good_data_have_no_findings(pairs: Write) -> None:
    root = pairs(12)
    assert check(discover(root)) == []


def test_progress_is_told(pairs: Write) -> None:
    calls: list[tuple[int, int]] = []
    check(discover(pairs(3)), progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_sizes_that_differ(pairs: Write, picture: Write) -> None:
    root = pairs(4)
    picture(root / "images" / "case01.png", size=(30, 30))
    found = kinds(root)["size-mismatch"]
    assert (found.severity, found.file) == ("error", str(root / "labels" / "case01.png"))


@pytest.mark.parametrize("content", [b"", b"not a picture", None])
@pytest.mark.parametrize("folder", ["images", "labels"])
def test_unreadable_files(pairs: Write, content: bytes | None, folder: str) -> None:
    root = pairs(4)
    path = root / folder / "case02.png"
    path.write_bytes(path.read_bytes()[:-60] if content is None else content)
    found = kinds(root)["unreadable-file"]
    assert (found.severity, found.file) == ("error", str(path))
    assert fingerprint(discover(root)).examined == 3


def test_empty_masks(pairs: Write, mask: Write) -> None:
    root = pairs(4)
    empty = np.zeros((40, 48), np.uint8)
    path = mask(root / "labels" / "case01.png", values=empty)
    assert kinds(root)["empty-mask"].file == str(path)
    for i in range(4):
        mask(root / "labels" / f"case0{i}.png", values=empty)
    found = kinds(root)
    assert (found["all-masks-empty"].severity, found["all-masks-empty"].file) == ("error", None)
    assert "empty-mask" not in found


def test_inverted_masks(pairs: Write) -> None:
    root = pairs(5)

    def invert(name: str) -> None:
        path = root / "labels" / name
        Image.fromarray(255 - np.asarray(Image.open(path))).save(path)

    invert("case03.png")
    found = kinds(root)
    assert found["mask-maybe-inverted"].file == str(root / "labels" / "case03.png")
    for i in (0, 1, 2, 4):
        invert(f"case0{i}.png")
    found = kinds(root)
    assert "all-masks-maybe-inverted" in found
    assert "mask-maybe-inverted" not in found


def test_copies_and_near_copies(pairs: Write, picture: Write) -> None:
    root = pairs(6)
    picture(root / "images" / "copy.png", 0)
    assert kinds(root)["duplicate-picture"].file == str(root / "images" / "copy.png")
    (root / "images" / "copy.png").unlink()
    original = Image.open(root / "images" / "case00.png")
    original.resize((96, 80)).save(root / "images" / "twin.jpg", quality=85)
    assert "near-duplicate" in kinds(root)
    (root / "labels" / "twin.png").write_bytes((root / "labels" / "case00.png").read_bytes())
    ids = tuple(f"case0{i}" for i in range(1, 6))
    apart = kinds(root, Split((*ids, "case00"), (), ("twin",), ""))
    assert "train" in apart["near-duplicate"].message
    assert "near-duplicate" not in kinds(root, Split((*ids[1:], "case00", "twin"), (), ids[:1], ""))


def test_a_patient_on_both_sides(pairs: Write) -> None:
    root = pairs(names=["e1_L", "e1_R", "e2_L", "e2_R"])
    (root / "split.json").write_text(json.dumps({"train": ["e1_L", "e2_L", "e2_R"], "test": ["e1_R"]}))
    assert "e1" in kinds(root)["patient-on-both-sides"].message


def test_mixtures_and_few_labels_are_noted(pairs: Write, mask: Write) -> None:
    root = pairs(2)
    mask(root / "images" / "grey.png", values=np.random.default_rng(0).integers(0, 255, (200, 90), np.uint8))
    found = {f.kind: f.severity for f in check(discover(root))}
    assert found == {"mixed-channels": "note", "mixed-sizes": "note", "few-labels": "note"}


def test_unknown_values(pairs: Write, mask: Write) -> None:
    root = pairs(4)
    (root / "classes.json").write_text(json.dumps({"a": 1, "b": 255}))
    path = mask(root / "labels" / "case02.png", values=np.full((40, 48), 9, np.uint8))
    assert kinds(root)["unknown-label-value"].file == str(path)


def test_0_1_among_0_255_is_foreground_all_the_same(pairs: Write) -> None:
    root = pairs(4)
    before = inspect(root).fingerprint
    path = root / "labels" / "case02.png"
    Image.fromarray((np.asarray(Image.open(path)) > 0).astype(np.uint8)).save(path)
    found = kinds(root)
    assert set(found) == {"foreground-is-1"}
    assert (found["foreground-is-1"].severity, found["foreground-is-1"].file) == ("note", str(path))
    assert inspect(root).fingerprint == before


def test_a_third_value_in_a_binary_set_is_told(pairs: Write, mask: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "_MOST_FILES", 24)
    root = pairs(60)
    before = set(infer_order(root))
    late = next(p for p in sorted((root / "labels").iterdir()) if p not in before)
    values = np.asarray(Image.open(late)).copy()
    values[:5] = 128
    mask(late, values=values)
    found = kinds(root)["unknown-label-value"]
    assert (found.severity, found.file) == ("warning", str(late))
    assert "128" in found.message


def infer_order(root: Path) -> list[Path]:
    """The label files that are looked at where only 24 are."""
    paths = sorted((root / "labels").iterdir())
    return [paths[i] for i in np.random.default_rng(0).permutation(len(paths))[:24]]


def test_smooth_borders_are_no_third_value(pairs: Write) -> None:
    root = pairs(4)
    for path in (root / "labels").iterdir():
        Image.fromarray(cv2.GaussianBlur(np.asarray(Image.open(path)), (0, 0), 1.2)).save(path)
    assert "unknown-label-value" not in kinds(root)
    path = root / "labels" / "case01.png"
    values = np.asarray(Image.open(path)).copy()
    values[:8] = 128
    assert strange_values(values, 255) == [128]


def test_a_coloured_label_among_grey_ones_is_an_error(pairs: Write, picture: Write) -> None:
    root = pairs(12)
    path = picture(root / "labels" / "case05.png", 3)
    found = kinds(root)["unknown-label-value"]
    assert (found.severity, found.file) == ("error", str(path))


def test_numbered_objects_are_no_unknown_values(pairs: Write, mask: Write) -> None:
    root = pairs(3)
    for i, objects in enumerate((9, 7, 8)):
        values = np.arange(1920).reshape(40, 48) // 8 % (objects + 1)
        mask(root / "labels" / f"case0{i}.png", values=values.astype(np.uint8))
    assert "unknown-label-value" not in kinds(root)


@pytest.mark.parametrize("holes", [1.0, 0.1])
def test_pictures_of_no_numbers_are_errors(pairs: Write, holes: float) -> None:
    root = pairs(4)
    (root / "images" / "case02.png").unlink()
    values = np.random.default_rng(0).random((40, 48, 3)).astype(np.float32)
    values[: int(40 * holes)] = np.nan
    tifffile.imwrite(root / "images" / "case02.tif", values, photometric="rgb")
    found = kinds(root)["not-finite"]
    assert found.severity == ("error" if holes == 1 else "warning")
    assert found.file == str(root / "images" / "case02.tif")


def twins(root: Path) -> None:
    """case00 once more, a little smaller and compressed, as twin.jpg."""
    Image.open(root / "images" / "case00.png").resize((96, 80)).save(root / "images" / "twin.jpg", quality=85)
    Image.open(root / "labels" / "case00.png").resize((96, 80), Image.Resampling.NEAREST).save(root / "labels" / "twin.png")


def test_a_drawn_split_is_checked(pairs: Write) -> None:
    root = pairs(6)
    twins(root)
    dataset = discover(root)
    dataset = replace(dataset, cases=tuple(replace(c, part="train") for c in dataset.cases))
    assert "near-duplicate" not in {f.kind for f in check(dataset)}
    ids = [c.id for c in dataset.cases if c.id != "twin"]
    apart, together = Split(tuple(ids), (), ("twin",), ""), Split((*ids[1:], "twin"), (), tuple(ids[:1]), "")
    assert [f.kind for f in check_split(dataset, apart)] == ["near-duplicate"]
    assert check_split(dataset, apart)[0] in check(dataset, apart)
    assert [f.kind for f in check_split(dataset, together)] == ["near-duplicate"]
    assert check_split(dataset, Split((*ids[1:4], "twin", "case00"), (), tuple(ids[4:]), "")) == []
    assert len(check_split(dataset, apart, together)) == 1  # each pair once


def test_copies_and_patients_across_a_split(pairs: Write) -> None:
    root = pairs(6)
    dataset = discover(root)
    for name in ("copy1", "copy2"):
        (root / "images" / f"{name}.png").write_bytes((root / "images" / "case00.png").read_bytes())
        (root / "labels" / f"{name}.png").write_bytes((root / "labels" / "case00.png").read_bytes())
    dataset = discover(root)
    dataset = replace(
        dataset, cases=tuple(replace(c, patient="p" if c.id in ("case01", "case02") else c.id) for c in dataset.cases)
    )
    split = Split(("case01", "case03", "copy1"), (), ("case02", "case04", "copy2"), "")
    found = {f.kind: f for f in check_split(dataset, split)}
    assert found.keys() == {"patient-on-both-sides", "duplicate-picture"}
    assert "'p'" in found["patient-on-both-sides"].message
    assert "copy1.png, which is in train, this in test" in found["duplicate-picture"].message
    assert set(found.values()) <= set(check(dataset, split))
    joined = join_findings(check(dataset), list(found.values()))
    assert len(joined) == len({(f.kind, f.file) for f in joined})


def test_a_split_is_checked_without_reading_again(pairs: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    root = pairs(12)
    twins(root)
    dataset = discover(root)
    check(dataset)
    monkeypatch.setattr(resemblance, "examine_picture", lambda case: pytest.fail(f"{case.id} is read again"))
    split = Split(tuple(c.id for c in dataset.cases if c.id != "twin"), (), ("twin",), "")
    assert [f.kind for f in check_split(dataset, split)] == ["near-duplicate"]


def test_inspection_checks_every_fold(pairs: Write) -> None:
    root = pairs(5)
    twins(root)
    found = inspect(root)
    assert len(found.splits) > 1
    near = [f for f in found.findings if f.kind == "near-duplicate"]
    assert len(near) == 1
    assert "figures on it are too good" in near[0].message


def test_fingerprint_measures_discs(pairs: Write, mask: Write) -> None:
    root = pairs(4)
    y, x = np.mgrid[:40, :48]
    disc = np.where((y - 20) ** 2 + (x - 24) ** 2 < 10**2, 255, 0).astype(np.uint8)
    for i in range(4):
        mask(root / "labels" / f"case0{i}.png", values=disc)
    seen = fingerprint(discover(root))
    assert (seen.median_height, seen.median_width, seen.channels, seen.dtypes) == (40, 48, (3,), ("uint8",))
    assert seen.objects_per_picture == 1
    assert seen.object_diameter_px == pytest.approx(20, abs=1)
    assert seen.object_thickness_px == pytest.approx(20 * 2 / 3, abs=1.5)
    assert seen.roundness > 0.8
    assert seen.foreground_share["foreground"]["mean"] == pytest.approx((disc > 0).mean(), abs=1e-4)


@pytest.mark.parametrize("width", [2, 4, 8])
def test_thickness_of_strips(pairs: Write, mask: Write, width: int) -> None:
    root = pairs(2)
    strip = np.zeros((40, 48), np.uint8)
    strip[15 : 15 + width] = 255
    for i in range(2):
        mask(root / "labels" / f"case0{i}.png", values=strip)
    assert fingerprint(discover(root)).object_thickness_px == pytest.approx(width, abs=0.6)


def test_inspection_is_json(pairs: Write) -> None:
    found = inspect(pairs(12))
    told = json.loads(json.dumps(found.to_json()))
    assert told["fingerprint"]["labelled"] == 12
    assert len(told["cases"]) == 12
    assert len(told["splits"]) == 1
    assert told["findings"] == []


def test_inspection_of_one_picture_says_why(pairs: Write) -> None:
    found = {f.kind: f.message for f in inspect(pairs(1)).findings}
    assert "both teach and test" in found["cannot-be-split"]


def test_foreground_shares_are_alike_in_train_and_test(pairs: Write) -> None:
    dataset: Dataset = discover(pairs(30))
    split = make_split(dataset, seed=0)
    radius = {c.id: 5 + i % 5 for i, c in enumerate(dataset.cases)}
    means = [np.mean([radius[i] for i in part]) for part in (split.train, split.test)]
    assert abs(means[0] - means[1]) < 0.6


def test_inspection_divides_what_training_uses(pairs: Write, mask: Write) -> None:
    root = pairs(12)
    for i in range(3):
        mask(root / "labels" / f"case0{i}.png", values=np.zeros((10, 10), np.uint8))
    found = inspect(root)
    assert found.fingerprint.labelled == 9
    assert sorted(i for split in found.splits for i in split.test) == [f"case{i:02}" for i in range(3, 12)]  # folds
    assert [f.message for f in found.findings if f.kind == "left-out"] == [
        "3 of 12 labelled pictures are left out: see the errors."
    ]
    assert unusable(found.dataset, found.findings) == {"case00", "case01", "case02"}


def test_inspection_of_nothing_usable_is_told(pairs: Write, mask: Write) -> None:
    root = pairs(2)
    for i in range(2):
        mask(root / "labels" / f"case0{i}.png", values=np.zeros((10, 10), np.uint8))
    assert {"left-out", "cannot-be-split"} <= {f.kind for f in inspect(root).findings}


def test_a_mask_of_another_value_is_not_called_empty_alone(pairs: Write, mask: Write) -> None:
    root = pairs(5)
    held = np.asarray(Image.open(root / "labels/case02.png"))
    mask(root / "labels/case02.png", values=held // 255 * 7)
    (told,) = [f for f in inspect(root).findings if f.kind == "unknown-label-value"]
    assert told.file == str(root / "labels/case02.png")
    assert "holds 0 and 7 where the other labels hold 0 and 255" in told.message


def test_a_class_that_no_label_has_is_told(pairs: Write) -> None:
    root = pairs(5)
    (root / "classes.json").write_text('{"lesion": 255, "vessel": 7}')
    (told,) = [f for f in inspect(root).findings if f.kind == "class-nowhere"]
    assert "'vessel'" in told.message


def test_volumes_without_any_object_and_labels_that_lie_elsewhere_are_told(tmp_path: Path) -> None:
    for i in range(4):
        for folder in ("images", "labels"):
            (tmp_path / folder).mkdir(exist_ok=True)
            values = np.random.default_rng(i).normal(size=(20, 20, 6)) if folder == "images" else np.zeros((20, 20, 6))
            if folder == "labels" and i:
                values[5:9, 5:9, 2:4] = 1
            affine = np.diag([1.0, 1, 3 if folder == "labels" and i == 2 else 5, 1])
            affine[0, 3] = 40 if folder == "labels" and i == 3 else 0
            nibabel.save(nibabel.Nifti1Image(values.astype(np.float32), affine), tmp_path / folder / f"v{i}.nii.gz")
    findings = inspect(tmp_path).findings
    assert [f.file for f in findings if f.kind == "empty-mask"] == [str(tmp_path / "labels/v0.nii.gz")]
    assert [f.file for f in findings if f.kind == "label-elsewhere"] == [str(tmp_path / f"labels/v{i}.nii.gz") for i in (2, 3)]
