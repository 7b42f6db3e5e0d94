"""Methods of two networks, from the command to the prediction: every localiser, every view of objects, on tiny data."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

import modicum as md
from discs import write_discs
from modicum.errors import ModicumError
from modicum.runs.train import Run

TINY = ["network.widths=[4,8]", "fit.epochs=6", "fit.batch_size=4", "fit.precision=32-true", "fit.rate=0.02"]
RANDOM = "start=random"
POLAR = [*TINY, RANDOM, "view.size=[40,24]", "localiser={name: segmenter, size: 32}"]


@pytest.fixture(scope="module")
def polar(discs: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return md.train(discs, tmp_path_factory.mktemp("runs") / "polar", recipe="small-polar", changes=POLAR)


def picture(discs: Path) -> np.ndarray:
    return cv2.imread(str(discs / "images" / "case_00.png"))[..., ::-1]


def test_the_report_says_what_each_network_contributes(polar: Run) -> None:
    rows = {row["name"]: row for row in polar.summary["by_step"]}
    assert list(rows) == ["first network alone", "both networks", "with true places"]
    assert [row["upper_bound"] for row in rows.values()] == [False, False, True]
    assert rows["both networks"]["dice"]["mean"] == polar.summary["test"]["dice"]["mean"]
    difference = rows["both networks"]["difference"]["mean"]
    assert difference == pytest.approx(rows["both networks"]["dice"]["mean"] - rows["first network alone"]["dice"]["mean"])
    page = polar.folder.joinpath("report.html").read_text("utf-8")
    assert "What the second network saw" in page
    assert "uses the true mask" in page


def test_both_networks_travel_in_one_file(polar: Run, tmp_path: Path, discs: Path) -> None:
    alone = tmp_path / "model.modicum"
    alone.write_bytes((polar.folder / "model.modicum").read_bytes())
    bundle = md.Bundle.load(alone)
    assert bundle.localiser is not None
    assert bundle.localiser.recipe.view["name"] == "whole"
    look = bundle.segmenter().look(picture(discs))
    assert look.rough is not None
    assert np.array_equal(look.probability, polar.bundle.segmenter().probabilities(picture(discs)))
    counted = sum(v.numel() for b in (bundle, bundle.localiser) for k, v in b.weights.items() if "num_batches" not in k)
    assert polar.summary["params"] < counted  # running statistics are no parameters
    assert polar.summary["params"] > 0.9 * counted


def test_a_polar_model_finds_the_disc(polar: Run, discs: Path) -> None:
    assert polar.summary["test"]["dice"]["mean"] > 0.6
    assert polar.summary["by_step"][2]["dice"]["mean"] > 0.8  # told the true centres


def test_new_pictures_need_no_truth(polar: Run, discs: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "modicum", "predict", str(polar.folder / "model.modicum"), str(discs / "images"), "--out",
         str(tmp_path / "out")], capture_output=True, text=True, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr
    masks = sorted((tmp_path / "out").glob("*.png"))
    assert len(masks) == 14
    assert cv2.imread(str(masks[0]), cv2.IMREAD_UNCHANGED).shape == picture(discs).shape[:2]


@pytest.mark.parametrize(
    ("recipe", "changes"),
    [
        ("small-polar", [RANDOM, "view.size=[40,24]", "localiser={name: heatmap, size: 32, stacks: 1, width: 8}"]),
        ("small-polar", [RANDOM, "view={name: polar, size: [40,24], objects: each}", "localiser=threshold", "finish.low=auto"]),
        ("small-crops", ["view.size=32", "localiser={name: segmenter, size: 32, supervision: boxes}"]),
        ("small-crops", ["view.size=32", "localiser={name: segmenter, size: 32, supervision: points}"]),
        ("small-rescale", ["view.size=32", "localiser={name: segmenter, size: 32, fit: {epochs: 3}}", "start=localiser"]),
        ("small-translate", ["view.size=32", "localiser=threshold"]),
        ("small-range", ["view.size=32", "localiser={name: segmenter, size: 32}"]),
    ],
)
def test_every_view_goes_with_every_localiser(recipe: str, changes: list[str], discs: Path, tmp_path: Path) -> None:
    run = md.train(discs, tmp_path / "run", recipe=recipe, changes=[*TINY, *changes])
    steps = {row["name"]: row["dice"]["mean"] for row in run.summary["by_step"]}
    assert steps["with true places"] > 0.5, steps
    assert run.bundle.segmenter().probabilities(picture(discs)).shape == (1, 48, 48)
    if "threshold" in str(changes):
        assert run.bundle.localiser_settings["bright"] is True
        assert steps["threshold alone"] > 0.8


def test_two_networks_trained_as_one_start_from_one_plain_network(discs: Path, tmp_path: Path) -> None:
    changes = [*TINY, "network={name: coarse_to_fine, size: 24, inner: {name: unet, widths: [4, 8]}}", "view.size=48",
               "localiser={name: segmenter, size: 24}"]  # fmt: skip
    run = md.train(discs, tmp_path / "run", recipe="small-coarse-to-fine", changes=[c for c in changes if "widths=[" not in c])
    assert "weights begin as the localiser's" in (run.folder / "events.log").read_text()
    assert run.bundle.localiser is None  # the pair finds its own way
    assert run.bundle.segmenter().probabilities(picture(discs)).shape == (1, 48, 48)


def test_true_places_are_an_upper_bound_and_segment_nothing_new(discs: Path, tmp_path: Path) -> None:
    run = md.train(discs, tmp_path / "run", recipe="small-polar", changes=[*POLAR, "localiser=truth"])
    assert run.summary["upper_bound"] is True
    assert any("UPPER BOUND" in line for line in run.summary["protocol"])
    with pytest.raises(ModicumError, match="upper bound"):
        run.segment(discs / "images" / "case_00.png")


def test_any_trained_model_can_localise(polar: Run, finished: Run, discs: Path, tmp_path: Path) -> None:
    given = ["localiser={name: segmenter, bundle: " + json.dumps(str(finished.folder / "model.modicum")) + "}"]
    run = md.train(discs, tmp_path / "run", recipe="small-polar", changes=[*POLAR, *given], seed=3)
    assert run.bundle.localiser is not None
    for key, value in finished.bundle.weights.items():
        assert np.array_equal(run.bundle.localiser.weights[key].numpy(), value.numpy())
    _overlap(finished, run)
    assert any(f.kind == "localiser-has-seen-test-pictures" for f in run.findings)
    with pytest.raises(ModicumError, match="no such file"):
        md.train(discs, tmp_path / "other", recipe="small-polar", changes=[*POLAR, "localiser.bundle=nowhere.modicum"])


def _overlap(first: Run, second: Run) -> None:
    """A picture that trained the first run is tested in the second: else the warning above would be wrong."""
    parts = [pd.read_csv(run.folder / "split.csv") for run in (first, second)]
    trained = set(parts[0][parts[0]["part"] != "test"]["case"])
    assert trained & set(parts[1][parts[1]["part"] == "test"]["case"]), "nothing to warn of"


def test_pictures_in_which_nothing_is_found_are_counted(polar: Run, discs: Path) -> None:
    dark = np.full((48, 60, 3), 60, np.uint8)
    look = polar.bundle.segmenter().look(dark)
    assert look.lost == (not look.rough.any())  # type: ignore[union-attr]
    told = polar.bundle.segmenter().look(dark, np.zeros((48, 60), bool))
    assert told.lost
    assert len(told.glimpses) == 1
    assert told.probability.shape == (1, 48, 60)


def test_a_run_killed_in_its_second_training_does_not_repeat_the_first(discs: Path, tmp_path: Path) -> None:
    changes = [*POLAR, "fit.epochs=40"]
    expected = md.train(discs, tmp_path / "whole", recipe="small-polar", changes=changes).bundle.weights
    command = [sys.executable, "-m", "modicum", "train", str(discs), "--out", str(tmp_path / "run"), "--recipe", "small-polar"]
    command += [part for change in changes for part in ("--set", change)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "run").glob("checkpoints/epoch-*.pt")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    first = (tmp_path / "run" / "localiser" / "metrics.csv").stat().st_mtime_ns
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "localiser" / "metrics.csv").stat().st_mtime_ns == first
    resumed = md.Bundle.load(tmp_path / "run" / "model.modicum")
    for key, value in expected.items():
        assert np.array_equal(resumed.weights[key].numpy(), value.numpy()), key


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([RANDOM, "view=whole", "localiser=truth"], "needs no localiser"),
        (["start=localiser", "localiser=truth"], "has no weights"),
        (["start=localiser", "localiser=heatmap"], "has no weights"),
        (["localiser=segmentor"], "Did you mean 'segmenter'"),
        (["localiser={name: heatmap, stack: 3}"], "Did you mean 'stacks'"),
        (["localiser={name: segmenter, network: unett}"], "Did you mean 'unet'"),
        (["localiser={name: segmenter, fit: {rat: 1}}"], "Did you mean 'rate'"),
        (["network=hourglass"], "belong together"),
        (["localiser=null", "view=whole", "network=hourglass", "fit.loss=heatmap"], "no segmentation"),
    ],
)
def test_combinations_that_cannot_be_are_refused(changes: list[str], told: str, discs: Path, tmp_path: Path) -> None:
    with pytest.raises(ModicumError) as error:
        md.train(discs, tmp_path / "run", recipe="small-polar", changes=changes)
    assert told in str(error.value)


def test_a_budget_is_shared(discs: Path, tmp_path: Path) -> None:
    write_discs(tmp_path / "data", 12)
    run = md.train(tmp_path / "data", tmp_path / "run", recipe="small-polar", minutes=0.1,
                   changes=[c for c in POLAR if "epochs" not in c])  # fmt: skip
    assert 4 < run.summary["seconds"] < 8
