"""Splits: disjoint, complete, by patient, the same for the same seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.datasets import choose_evaluation, guess_patients, make_folds, make_split
from modicum.datasets.case import Case, Dataset, LabelCode, Part, Split
from modicum.errors import ModicumError


def dataset(patients: Sequence[str], parts: Sequence[Part | None] | None = None) -> Dataset:
    """Labelled cases without files."""
    cases = tuple(
        Case(f"c{i:03}", Path(f"c{i}.png"), (Path(f"l{i}.png"),), patient=p, part=parts[i] if parts else None)
        for i, p in enumerate(patients)
    )
    return Dataset(Path(), "test", cases, ("foreground",), LabelCode("binary"))


def holds(data: Dataset, split: Split, excluded: frozenset[str] = frozenset()) -> None:
    """Disjoint, complete, and no patient straddles."""
    parts = [set(split.train), set(split.val), set(split.test)]
    assert sum(len(p) for p in parts) == len(set.union(*parts))
    assert set.union(*parts) == {c.id for c in data.cases} - excluded
    patients = [{c.patient for c in data.cases if c.id in p} for p in parts]
    assert sum(len(p) for p in patients) == len(set.union(*patients))
    assert split.train
    assert split.test


groups = st.lists(st.integers(0, 12).map(str), min_size=2, max_size=60).filter(lambda g: len(set(g)) > 1)


@given(groups, st.integers(0, 99), st.sampled_from([None, 0.0, 0.2]))
def test_a_split_holds(patients: list[str], seed: int, val_share: float | None) -> None:
    data = dataset(patients)
    split = make_split(data, seed=seed, val_share=val_share)
    holds(data, split)
    assert split == make_split(data, seed=seed, val_share=val_share)


@given(groups, st.integers(2, 8), st.integers(0, 99))
def test_folds_test_every_picture_once(patients: list[str], k: int, seed: int) -> None:
    data = dataset(patients)
    folds = make_folds(data, k, seed=seed)
    assert len(folds) == min(k, len(set(patients)))
    assert sorted(i for f in folds for i in f.test) == [c.id for c in data.cases]
    for fold in folds:
        holds(data, fold)
    assert folds == make_folds(data, k, seed=seed)


def test_what_is_said_of_folds_is_true_of_each() -> None:
    folds = make_folds(dataset(list("abcdefg")), 5, seed=0)
    assert {len(f.train) for f in folds} == {5, 6}
    assert {f.reason for f in folds} == {
        "Cross-validation: 5 folds, dealt with all foreground shares in each part (seed 0); 5 to 6 to train each time, "
        "none set aside for validation."
    }
    assert "24 to train each time, 4 to validate" in make_folds(dataset([str(i) for i in range(35)]), 5, seed=0)[0].reason


def test_the_seed_matters() -> None:
    data = dataset([str(i) for i in range(40)])
    assert len({make_split(data, seed=s).test for s in range(5)}) > 1


def test_sizes_follow_the_rule() -> None:
    few = make_split(dataset([str(i) for i in range(30)]), seed=0)
    assert (len(few.train), len(few.val), len(few.test)) == (24, 0, 6)
    many = make_split(dataset([str(i) for i in range(100)]), seed=0)
    assert (len(many.train), len(many.val), len(many.test)) == (68, 12, 20)


def test_prescribed_parts_are_kept() -> None:
    parts: list[Part | None] = ["train", "train", "val", "test", "test"]
    split = make_split(dataset(list("abcde"), parts), seed=0)
    assert (split.train, split.val, split.test) == (("c000", "c001"), ("c002",), ("c003", "c004"))
    assert "prescribes" in split.reason
    with pytest.raises(ModicumError, match="nothing is left"):
        make_split(dataset(list("ab"), ["test", "test"]), seed=0)


def test_other_pictures_of_a_prescribed_patient_follow() -> None:
    parts: list[Part | None] = ["test", None, "val", None, "train", None, None]
    data = dataset(["p1", "p1", "p2", "p2", "p3", "p3", "p4"], parts)
    split = make_split(data, seed=0)
    assert (split.train, split.val, split.test) == (("c004", "c005", "c006"), ("c002", "c003"), ("c000", "c001"))
    assert "1 of them because" in split.reason
    with pytest.raises(ModicumError, match="nothing is left"):
        make_split(dataset(["a", "a", "b"], ["test", None, "test"]), seed=0)


def test_a_prescribed_test_set_is_in_no_fold() -> None:
    parts: list[Part | None] = ["test", None, "train", "val", None, None, "train"]
    data = dataset(["p1", "p1", "p2", "p3", "p4", "p5", "p6"], parts)
    for folds in (make_folds(data, 3, seed=0), choose_evaluation(data, folds=3)):
        assert sorted(i for f in folds for i in f.test) == [f"c{i:03}" for i in range(2, 7)]
        for fold in folds:
            holds(data, fold, frozenset({"c000", "c001"}))
            assert "In no fold: 2 test pictures as the data set prescribes (1 of them because" in fold.reason
    with pytest.raises(ModicumError, match="nothing is left"):
        make_folds(dataset(list("ab"), ["test", "test"]), 2, seed=0)


def test_folds_set_aside_the_share_for_validation_that_is_asked_for() -> None:
    data = dataset(list("abcdefgh"))
    folds = make_folds(data, 4, seed=0, val_share=0.3)
    assert [(len(f.train), len(f.val), len(f.test)) for f in folds] == [(4, 2, 2)] * 4
    for fold in folds:
        holds(data, fold)
    assert [f.test for f in folds] == [f.test for f in make_folds(data, 4, seed=0)]
    assert all(f.val for f in choose_evaluation(data, val_share=0.3))
    (split,) = choose_evaluation(dataset([str(n) for n in range(20)]), test_share=0.5, val_share=0.3)
    assert (len(split.train), len(split.val), len(split.test)) == (7, 3, 10)


def test_excluded_cases_are_nowhere() -> None:
    data = dataset(list("abcdefghijkl"))
    left_out = frozenset({"c003"})
    holds(data, make_split(data, seed=0, exclude=left_out), left_out)
    for fold in make_folds(data, 3, seed=0, exclude=left_out):
        holds(data, fold, left_out)


def test_evaluation_fits_the_number_of_patients() -> None:
    assert len(choose_evaluation(dataset(list("ab")))) == 2
    assert len(choose_evaluation(dataset(list("abcd")))) == 4
    assert len(choose_evaluation(dataset(list("abcdefgh")))) == 5
    assert len(choose_evaluation(dataset(list("abcdefghij")))) == 1
    assert len(choose_evaluation(dataset(list("abc"), ["train", "train", "test"]))) == 1
    assert len(choose_evaluation(dataset(list("abcdefghij")), folds=3)) == 3


def test_too_little_is_refused_with_reason() -> None:
    for data, reason in (
        (dataset("a"), "both teach and test"),
        (dataset("aaa"), "one patient"),
        (dataset(""), "no lab"),
    ):
        for attempt in (lambda d: make_split(d, seed=0), lambda d: make_folds(d, 2, seed=0), choose_evaluation):
            with pytest.raises(ModicumError, match=reason):
                attempt(data)
    with pytest.raises(ModicumError, match="1 fold"):
        make_folds(dataset("ab"), 1, seed=0)


@pytest.mark.parametrize(
    ("ids", "patients"),
    [
        (["Image_01L", "Image_01R", "Image_02L"], 2),
        (["7_left", "7_right", "8_left", "8_right"], 2),
        (["a1_OD", "a1_OS", "a2_OD"], 2),
        (["ct1_slice001", "ct1_slice002", "ct2_slice001"], 2),
        (["mouse3_z001", "mouse3_z002", "mouse4_z001"], 2),
        (["patient012_frame01", "patient012_frame13", "patient013_frame01"], 2),
        ([f"patient{p}_{i}" for p in "AB" for i in range(7)], 2),
        ([f"Subject_{p}-{i:02}" for p in "abc" for i in range(3)], 3),
        ([f"x_pat {p}" for p in "AB" for _ in range(1)] + ["y_pat A"], 2),
        ([f"patient{kind}_{i}" for kind in ("Old", "New") for i in range(5)], 10),
        ([f"patients_{i}" for i in range(5)] + [f"pathology_{i}" for i in range(5)], 10),
        ([f"subset_{p}_{i}" for p in "ab" for i in range(5)], 10),
        ([f"sub_{p}_{i}" for p in "ab" for i in range(5)], 10),
        (["s1_x0_y0", "s1_x512_y0", "s2_x0_y0"], 2),
        (["TCGA_CS_4941_1", "TCGA_CS_4941_2", "TCGA_CS_4942_1", "TCGA_CS_4942_2", "TCGA_HT_7_1", "TCGA_HT_7_3"], 3),
        (["ISIC_0000008", "ISIC_0000009", "ISIC_0000010"], 3),
        (["21_training", "22_training", "01_test"], 3),
        (["01_dr", "01_h", "01_g", "02_dr"], 4),
        (["cju0qoxqj9q6s0835b43399pl", "cju1cfhyg48bb0799cl5pr2jr", "cju1fb9236a110801yvg0fwju"], 3),
        (["benign_1", "benign_2", "malignant_1", "malignant_2"], 4),
        (["frame_001", "frame_002", "frame_003"], 3),
        ([f"{p:03}_{s:03}" for p in range(1, 5) for s in range(1, 11)], 4),
        ([f"{p}-{s}" for p in (7, 12, 40) for s in range(30 + p // 8, 50)], 3),
        ([f"video{v}_{s}" for v in (1, 2) for s in range(10)], 2),
        ([f"scan{v}_{s:03}" for v in "AB" for s in range(10)], 2),
        ([f"P{p:02}_{s:03}" for p in (1, 2) for s in range(20)], 2),
        ([f"{p:03}_{eye}_{s}" for p in range(12) for eye in ("OD", "OS") for s in range(2)], 12),
        ([f"image_{i:03}" for i in range(1, 41)], 40),
        ([f"ISIC_{i:07}" for i in range(30)], 30),
        ([f"{i % 3}_{i}" for i in range(30)], 30),
        ([f"{year}_{i}" for year in (2019, 2020, 2021) for i in range(10)], 30),
        ([f"train_{i}" for i in range(9)] + [f"test{s}_{i}" for s in "AB" for i in range(9)], 27),
        ([f"class{c}_{i}" for c in "ABC" for i in range(9)], 27),
        ([f"CHNCXR_{i:04}_{i % 2}" for i in range(20)], 20),
        (["im0001", "im0002"], 2),
        (["x"], 1),
    ],
)
def test_patients_from_names(ids: list[str], patients: int) -> None:
    found, reason = guess_patients(ids)
    assert set(found) == set(ids)
    assert len(set(found.values())) == patients
    assert reason


@pytest.mark.parametrize(
    ("name", "told"), [("patient01_{:03}", True), ("video1_{:03}", True), ("IMG_{:04}", False), ("ISIC_{:07}", False)]
)
def test_pictures_of_one_thing_alone_are_told(name: str, told: bool) -> None:
    found, reason = guess_patients([name.format(n) for n in range(20)])
    assert len({*found.values()}) == 20
    assert ("pictures of one patient" in reason) is told


@pytest.mark.parametrize(("patients", "validate"), [(11, 0), (13, 2)])  # two or three of them are for the test
def test_of_few_patients_none_is_set_aside_for_validation(patients: int, validate: int) -> None:
    data = dataset([f"p{n}" for n in range(patients) for _ in range(30)])
    split = make_split(data, seed=0)
    assert len(split.train) + len(split.val) == 30 * (9 if patients == 11 else 10)
    assert len(split.val) == 30 * validate
    assert ("none set aside for validation (fewer than 10 patients)" in split.reason) is not bool(validate)
    assert len(make_split(data, seed=0, val_share=0.2).val) == 60


@pytest.mark.parametrize(("volumes", "validate"), [(11, 0), (13, 2)])  # two or three of them are for the test
def test_of_few_volumes_none_is_set_aside_for_validation(volumes: int, validate: int) -> None:
    data = dataset([f"v{n}" for n in range(volumes) for _ in range(30)])
    cases = tuple(replace(c, volume=c.patient, slice=i % 30) for i, c in enumerate(data.cases))
    split = make_split(replace(data, cases=cases), seed=0)
    assert len(split.train) + len(split.val) == 30 * (9 if volumes == 11 else 10)
    assert len(split.val) == 30 * validate
    assert ("none set aside for validation (fewer than 10 volumes)" in split.reason) is not bool(validate)
