"""Every problem is found, with its file, and good data are left in peace."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from modicum.datasets import check, discover, fingerprint, inspect, make_split
from modicum.datasets.case import Dataset, Split
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


def test_0_1_among_0_255_is_an_error(pairs: Write) -> None:
    root = pairs(4)
    path = root / "labels" / "case02.png"
    Image.fromarray((np.asarray(Image.open(path)) > 0).astype(np.uint8)).save(path)
    assert kinds(root)["unknown-label-value"].severity == "error"


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
