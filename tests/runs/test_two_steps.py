"""Methods of two networks, from the command to the prediction: every localiser, every view of objects, on tiny data."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

import modicum as md
from discs import write_discs
from modicum.errors import ModicumError
from modicum.recipes import load
from modicum.runs.evaluating import evaluate_bundle
from modicum.runs.train import Run

TINY = ["network.encoder.widths=[4,8]", "fit.epochs=20", "fit.batch_size=4", "fit.precision=32-true", "fit.rate=0.02"]
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
    assert "corrected for all tests of this table (Holm)" in page


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
        ("small-polar", [RANDOM, "view.size=24", "localiser={name: segmenter, size: 32, supervision: points}"]),
        ("small-crops", [RANDOM, "view.size=32", "localiser={name: heatmap, size: 32, stacks: 1, width: 8}"]),
        ("small-rescale", ["view.size=32", "localiser={name: segmenter, size: 32, fit: {epochs: 3}}", "start=localiser"]),
        ("small-translate", ["view.size=32", "localiser=threshold"]),
        ("small-range", ["view.size=32", "localiser={name: segmenter, size: 32}"]),
    ],
)
def test_every_view_goes_with_every_localiser(recipe: str, changes: list[str], discs: Path, tmp_path: Path) -> None:
    run = md.train(discs, tmp_path / "run", recipe=recipe, changes=[*TINY, *changes])
    steps = {row["name"]: row["dice"]["mean"] for row in run.summary["by_step"]}
    assert steps["with true places"] > 0.5, steps
    assert steps["both networks"] > 0.2, steps
    assert run.bundle.segmenter().probabilities(picture(discs)).shape == (1, 48, 48)
    if "threshold" in str(changes):
        assert run.bundle.localiser_settings["bright"] is True
        assert steps["threshold alone"] > 0.8


def test_two_networks_trained_as_one_start_from_one_plain_network(discs: Path, tmp_path: Path) -> None:
    pair = "network={name: coarse_to_fine, size: 24, inner: {name: unet, encoder: {widths: [4, 8]}}}"
    changes = [*TINY, pair, "view.size=48", "localiser={name: segmenter, size: 24}"]
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


def test_the_answers_of_both_networks_are_averaged(polar: Run, discs: Path) -> None:
    bundle, image = polar.bundle, picture(discs)
    assert bundle.localiser is not None
    finish = bundle.recipe.finish.model_copy(update={"with_localiser": False})
    second = replace(bundle, recipe=bundle.recipe.model_copy(update={"finish": finish})).segmenter()
    first = bundle.localiser.segmenter().probabilities(image).astype(float)
    told = np.zeros((48, 48), bool)
    told[10:20, 30:40] = True
    for mask in (None, told):
        look, alone = bundle.segmenter().look(image, mask), second.look(image, mask)
        assert np.abs(first - alone.probability).max() > 0.05, "nothing to average"
        assert np.abs(look.probability - (first + alone.probability) / 2).max() < 2e-3
        assert look.places == alone.places
    assert "mean of both" in polar.folder.joinpath("report.html").read_text("utf-8")


@pytest.mark.parametrize("supervision", ["boxes", "points"])
def test_boxes_and_points_are_not_averaged_with_masks(polar: Run, supervision: str) -> None:
    assert polar.bundle.localiser is not None
    rough = load("small-whole", [f"supervision={supervision}"])
    assert not replace(polar.bundle, localiser=replace(polar.bundle.localiser, recipe=rough)).with_localiser


def test_pictures_in_which_nothing_is_found_are_shown_whole_and_counted(polar: Run, discs: Path, tmp_path: Path) -> None:
    assert polar.bundle.localiser is not None
    blind = replace(polar.bundle, localiser=replace(polar.bundle.localiser, threshold=1.01))
    look = blind.segmenter().look(picture(discs))
    assert look.lost
    assert len(look.glimpses) == 1
    blind.save(tmp_path / "blind.modicum")
    done, _ = evaluate_bundle(tmp_path / "blind.modicum", discs, tmp_path / "out", "all")
    assert len(done["localiser_found_nothing"]) == 14
    assert any("In 14 test pictures the localiser found nothing" in note for note in done["notes"])
    sees, _ = evaluate_bundle(polar.folder / "model.modicum", discs, tmp_path / "sees", "all")
    assert len(sees["localiser_found_nothing"]) < 14


def test_a_localiser_learns_from_no_more_than_the_rest() -> None:
    boxes = load("small-polar", ["supervision=boxes"])
    assert boxes.first is not None
    assert boxes.first.labels == "boxes"
    own = load("small-polar", ["localiser.supervision=boxes"])
    assert own.labels == "labelled"
    assert own.first is not None
    assert own.first.labels == "boxes"


@pytest.mark.parametrize(
    ("changes", "epochs", "budget"),
    [
        ([], None, 6.0),  # its share of ten minutes
        (["localiser.share=0.3"], None, 3.0),
        (["localiser.fit={epochs: 3}"], 3, None),
        (["localiser.fit={budget: 2}"], None, 2.0),
        (["fit.budget=null", "fit.epochs=5"], 5, None),
        (["fit.budget=null", "fit.epochs=5", "localiser.fit={budget: 2}"], None, 2.0),
    ],
)
def test_the_length_of_the_first_training(changes: list[str], epochs: int | None, budget: float | None) -> None:
    first = load("small-polar", changes).first
    assert first is not None
    assert (first.fit.epochs, first.fit.budget) == (epochs, budget)


@pytest.mark.parametrize(("view", "objects"), [("crops", "each"), ("polar", "one"), ("{name: polar, objects: each}", "each")])
def test_a_heatmap_shows_the_objects_that_the_view_looks_at(view: str, objects: str) -> None:
    recipe = load("small-polar", [f"view={view}", RANDOM, "localiser=heatmap"])
    assert recipe.localiser is not None
    assert recipe.localiser["objects"] == objects
    assert recipe.first is not None
    assert recipe.first.fit.loss["objects"] == objects


def test_a_budget_that_is_too_short_is_told_for_the_whole(tmp_path: Path) -> None:
    write_discs(tmp_path / "data", 40, size=200)
    changes = ["network.encoder.widths=[32,64]", "view=crops", "view.size=192", "localiser.size=192", "fit.precision=32-true"]
    with pytest.raises(ModicumError, match="too short") as error:
        md.train(tmp_path / "data", tmp_path / "run", recipe="small-polar", budget=0.5 / 60, changes=changes)
    share = re.search(r"budget of ([\d.]+) s .* about (\d+) steps fit, (\d+) are the least", str(error.value))
    advised = re.search(r"--budget (\d+)s", str(error.value))
    assert share is not None
    assert advised is not None
    assert float(share[1]) == pytest.approx(0.3)
    least = 0.3 / max(1, int(share[2])) * int(share[3])  # seconds of the first training's least steps at that speed
    assert int(advised[1]) > 1.3 * least


def test_folds_and_several_classes(tmp_path: Path) -> None:
    """Each fold has its own localiser; the model takes the medians of their thresholds."""
    data = write_discs(tmp_path / "data", 12)
    for path in (data / "labels").iterdir():
        mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) // 255
        mask[:, mask.shape[1] // 2 :] *= 2
        cv2.imwrite(str(path), mask)
    run = md.train(data, tmp_path / "run", recipe="small-polar", folds=2, changes=POLAR)
    assert len(run.bundle.classes) == 2
    assert run.bundle.localiser is not None
    assert (run.folder / "fold-2" / "localiser" / "metrics.csv").exists()
    assert [row["name"] for row in run.summary["by_step"]] == ["both networks", "with true places"]
    assert not any(f.kind == "class-too-rare" for f in run.findings)
    assert run.segment(data / "images" / "case_00.png").shape == (48, 48)


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
    kept = tmp_path / "run" / "localiser" / "checkpoints"
    first = {path.name: path.stat().st_mtime_ns for path in kept.iterdir()}
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert {path.name: path.stat().st_mtime_ns for path in kept.iterdir()} == first
    resumed = md.Bundle.load(tmp_path / "run" / "model.modicum")
    for key, value in expected.items():
        assert np.array_equal(resumed.weights[key].numpy(), value.numpy()), key


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([RANDOM, "view=whole", "localiser=truth"], "needs no localiser"),
        (["start=localiser", "localiser=truth"], "has no weights"),
        (["start=localiser", "localiser=heatmap"], "has no weights"),
        (["view=crops", "localiser={name: segmenter, supervision: points}"], "points do not say"),
        (["view=rescale", "supervision=points"], "points do not say"),
        (["localiser={name: segmenter, fit: {budget: 12}}"], "leaves nothing"),
        (["localiser={name: segmenter, bundle: old.modicum, supervision: boxes}"], "trained already"),
        (["finish={threshold: 0.4, low: 0.6}"], "cannot be above"),
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
    run = md.train(tmp_path / "data", tmp_path / "run", recipe="small-polar", budget=0.1,
                   changes=[c for c in POLAR if "epochs" not in c])  # fmt: skip
    assert 4 < run.summary["seconds"] < 8
