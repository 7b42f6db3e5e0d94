"""A region is segmented and the tissue in it measured, or the tissue itself is segmented: both against the same truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import modicum as md
from modicum.bundle import Bundle
from modicum.datasets import discover
from modicum.datasets.ct_phantoms import CtPhantom, Target, ct_phantom, write_ct_dataset
from modicum.images.volumes import read_volume_mask
from modicum.recipes.axes import Images
from modicum.runs.demo import demo_ct
from modicum.runs.evaluating import evaluate_bundle
from modicum.runs.pictures import load_case
from modicum.runs.predicting import predict
from modicum.runs.prepare import prepare
from modicum.runs.train import Run

SMALL = ["view.size=48", "network.encoder.widths=[8,16,32]", "fit.epochs=2", "fit.precision=32-true", "fit.rate=0.01"]
SLICES, SIZE = 6, 48
SPLIT = {"train": ["patient00", "patient01"], "val": ["patient02"], "test": ["patient03"]}


def written(folder: Path, target: Target, seed: int = 0) -> Path:
    """Four patients, one of them to test."""
    write_ct_dataset(folder, target=target, count=4, slices=SLICES, size=SIZE, seed=seed)
    (folder / "split.json").write_text(json.dumps(SPLIT))
    return folder


def patient(seed: int = 0) -> CtPhantom:
    """The one to test."""
    return ct_phantom(np.random.default_rng([seed, 3]), slices=SLICES, size=SIZE)


def millilitres(mask: np.ndarray, phantom: CtPhantom) -> float:
    return float(mask.sum() * np.prod(phantom.spacing) / 1000)


@pytest.fixture(scope="module")
def sacs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("sacs"), "sac")


@pytest.fixture(scope="module")
def pericardium(sacs: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    changes = [*SMALL, "fit.epochs=12"]
    return md.train(sacs, tmp_path_factory.mktemp("runs") / "pericardium", recipe="eat-pericardium", changes=changes)


def check(run: Run) -> np.ndarray:
    """The fat that was found, after its figures were compared with those from the file and the phantom alone."""
    (row,) = pd.read_csv(run.folder / "cases.csv").to_dict("records")
    phantom, found = patient(), read_volume_mask(run.folder / "predictions" / "patient03.nii.gz") > 0
    assert row["dice"] == pytest.approx(2 * (phantom.fat & found).sum() / (phantom.fat.sum() + found.sum()))
    assert row["true_ml"] == pytest.approx(millilitres(phantom.fat, phantom))
    assert row["found_ml"] == pytest.approx(millilitres(found, phantom))
    return found


def test_the_fat_in_a_predicted_sac_is_measured_against_that_in_the_true_one(pericardium: Run) -> None:
    values = patient().values[check(pericardium)]
    assert values.size
    assert values.min() >= -200
    assert values.max() <= -30


def test_both_the_region_and_its_tissue_are_reported(pericardium: Run) -> None:
    steps = {step["name"]: step for step in pericardium.summary["by_step"]}
    assert list(steps) == ["the region", "its tissue"]
    assert steps["its tissue"]["dice"]["mean"] == pytest.approx(pericardium.summary["test"]["dice"]["mean"])
    assert steps["the region"]["dice"]["mean"] > 0.4  # of the sac itself, which is easier
    assert steps["its tissue"]["difference"] is None  # two things are not compared
    assert any("finds a region" in note for note in pericardium.summary["protocol"])


def test_labels_of_the_tissue_serve_for_testing_as_well(pericardium: Run, tmp_path: Path) -> None:
    bundle, dice = pericardium.folder / "model.modicum", []
    targets: tuple[Target, ...] = ("sac", "fat")
    for target in targets:
        done, _ = evaluate_bundle(bundle, written(tmp_path / target, target, seed=9), tmp_path / f"out-{target}")
        dice.append(done["test"]["dice"]["mean"])
    assert dice[0] == pytest.approx(dice[1])
    predict(Bundle.load(bundle), [str(tmp_path / "sac/images/patient03.nii.gz")], tmp_path / "masks")
    found = read_volume_mask(tmp_path / "masks" / "patient03.nii.gz") > 0
    assert patient(9).values[found].max() <= -30
    told = pd.read_csv(tmp_path / "masks" / "volumes.csv")["foreground_ml"][0]
    assert told == pytest.approx(millilitres(found, patient(9)), abs=1e-3)


def test_the_direct_way_learns_and_is_tested_on_the_fat_in_the_same_labels(sacs: Path, tmp_path: Path) -> None:
    check(md.train(sacs, tmp_path / "run", recipe="eat-direct", changes=SMALL))
    taught = prepare(discover(sacs), "eat-direct", None, None, [], None).dataset
    labels = [load_case(c, taught, None, images=Images()).label for c in taught.cases if c.volume == "patient03"]
    assert np.array_equal(np.stack(labels) > 0, patient().fat)


def test_the_aorta_in_polar_views(tmp_path: Path) -> None:
    changes = ["view.size=[32,32]", "localiser.size=48", *SMALL[1:-1]]
    run = md.train(written(tmp_path / "data", "aorta"), tmp_path / "run", recipe="aorta-polar", changes=changes)
    assert pd.read_csv(run.folder / "cases.csv")["case"].tolist() == ["patient03"]
    assert [step["name"] for step in run.summary["by_step"]] == ["first network alone", "both networks", "with true places"]


def test_the_demonstration_with_ct_divides_its_patients(
    pericardium: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, object] = {}
    monkeypatch.setattr("modicum.runs.demo.train", lambda data, out, **options: asked.update(options) or pericardium)
    _, masks = demo_ct(tmp_path, 3.0, count=6, size=48)
    assert asked == {"recipe": "small-eat", "budget": 3.0}
    parts = {case.volume: case.part for case in discover(tmp_path / "data").cases}
    assert [parts[f"patient{n:02d}"] for n in range(6)] == ["train", "val", "test", "train", "train", "test"]
    assert [path.name for path in masks] == ["patient00.nii.gz", "patient01.nii.gz"]
