"""Real data sets, where they are at hand: only headers and small samples are read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modicum.datasets import check, choose_evaluation, discover
from modicum.datasets.case import Dataset

ROOT = Path(os.environ.get("MODICUM_DATA") or Path(__file__).parents[3] / "shared" / "data")


def find(name: str) -> Dataset:
    if not (ROOT / name).is_dir():
        pytest.skip(f"{ROOT / name} is not here; set MODICUM_DATA to the folder of real data sets")
    return discover(ROOT / name)


@pytest.mark.parametrize(
    ("name", "cases", "patients", "test", "fields"),
    [
        ("drive", 40, 40, 20, 40),
        ("chase_db1", 28, 14, 8, 28),
        ("hrf", 21, 21, 0, 0),
        ("kvasir_seg", 400, 400, 0, 0),
        ("isic2018", 400, 400, 0, 0),
        ("dsb2018", 250, 250, 0, 0),
    ],
)
def test_labelled_sets(name: str, cases: int, patients: int, test: int, fields: int) -> None:
    dataset = find(name)
    assert len(dataset.labelled) == cases
    assert len({c.patient for c in dataset.cases}) == patients
    assert sum(c.part == "test" for c in dataset.cases) == test
    assert sum(c.field_of_view is not None for c in dataset.cases) == fields
    assert (dataset.code.kind, dataset.classes, dataset.findings) == ("binary", ("foreground",), ())
    assert all(c.labels[0].parent.name == "labels" and len(c.labels) == 1 for c in dataset.labelled)


def test_unlabelled_set() -> None:
    dataset = find("aptos2019_unlabelled")
    assert (len(dataset.cases), len(dataset.labelled)) == (300, 0)


def test_hrf_groups() -> None:
    assert {c.attributes["group"] for c in find("hrf").cases} == {"h", "dr", "g"}


@pytest.mark.parametrize("name", ["drive", "kvasir_seg"])
def test_good_sets_raise_no_alarm(name: str) -> None:
    dataset = find(name)
    split = choose_evaluation(dataset)[0]
    assert [f for f in check(dataset, split) if f.severity != "note"] == []


@pytest.mark.parametrize(("name", "volumes", "patients", "classes"), [("acdc", 50, 25, 3), ("msd_hippocampus", 100, 100, 2)])
def test_volumes_by_patient(name: str, volumes: int, patients: int, classes: int) -> None:
    dataset = find(name)
    assert len({c.volume for c in dataset.cases}) == volumes
    assert len({c.patient for c in dataset.cases}) == patients
    assert len(dataset.classes) == classes
    assert dataset.findings == ()
    split = choose_evaluation(dataset)[0]
    patient = {c.id: c.patient for c in dataset.cases}
    assert not {patient[c] for c in split.test} & {patient[c] for c in (*split.train, *split.val)}
