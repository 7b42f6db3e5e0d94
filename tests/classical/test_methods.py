"""Thresholds and atlases by themselves; every classical method in whole runs."""

from __future__ import annotations

import itertools
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

import modicum as md
from discs import TINY, write_discs
from modicum.bundle import Bundle
from modicum.classical import METHODS, OtsuThreshold
from modicum.datasets.fingerprint import Fingerprint
from modicum.errors import ModicumError
from modicum.images import read_mask, read_picture
from modicum.recipes import dump, load
from modicum.runs.compare import compare
from modicum.runs.evaluating import evaluate_bundle
from modicum.runs.predicting import predict
from modicum.runs.prepare import choose_recipe
from modicum.views import TrainingPicture

FOREST = ["method.trees=4", "method.samples=1500"]


def bands(seed: int) -> TrainingPicture:
    """Foreground has levels 90 to 150 in the second channel; there are darker and brighter pixels."""
    rng = np.random.default_rng(seed)
    label = (rng.random((40, 40)) < 0.3).astype(np.uint8)
    inside, outside = rng.integers(90, 150, label.shape), rng.choice([20, 60, 180, 240], label.shape)
    image = np.stack([rng.integers(0, 255, label.shape), np.where(label, inside, outside)], axis=-1)
    return TrainingPicture("a", image.astype(np.uint8), label)


def test_the_range_is_the_best_one_of_the_best_channel() -> None:
    method, one = METHODS.build("range"), bands(0)
    state = method.fit([one, bands(1)], 1, 0)
    channel, low, high = state["range"]
    assert channel == 1
    assert 60 < low <= 92
    assert 147 <= high < 180
    assert np.array_equal(method.probabilities(one.image, state)[0] > 0.5, one.label > 0)
    fixed = METHODS.build({"name": "range", "low": 0.5, "high": 1.0})
    assert fixed.fit([one], 1, 0)["range"][1:].tolist() == [128, 255]


def test_the_range_is_that_of_an_exhaustive_search() -> None:
    rng = np.random.default_rng(5)
    image, label = rng.integers(0, 12, (30, 30, 1), np.uint8), (rng.random((30, 30)) < 0.4).astype(np.uint8)
    state = METHODS.build("range").fit([TrainingPicture("a", image, label)], 1, 0)

    def dice(low: int, high: int) -> float:
        found = (image[..., 0] >= low) & (image[..., 0] <= high)
        return float(2 * (found & (label > 0)).sum() / (found.sum() + label.sum()))

    best = max(dice(low, high) for low, high in itertools.product(range(12), range(12)) if low <= high)
    assert dice(*state["range"][1:]) == pytest.approx(best)


def test_otsu_is_the_localiser_s() -> None:
    y, x = np.indices((50, 50))
    image = np.where((y - 20) ** 2 + (x - 30) ** 2 < 100, 200, 40).astype(np.uint8)[..., None]
    one = TrainingPicture("a", image, (image[..., 0] > 100).astype(np.uint8))
    method = METHODS.build("otsu")
    expected = OtsuThreshold.fitted([(image, one.label > 0)])(image)
    assert np.array_equal(method.probabilities(image, method.fit([one], 1, 0))[0] > 0.5, expected)


def figure(seed: int) -> TrainingPicture:
    """Two organs of two classes in a body, moved and bent a little."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((96, 110)).astype(float)
    y += rng.uniform(-8, 8) + 2 * np.sin(x / 15 + rng.uniform(0, 6))
    x += rng.uniform(-8, 8)
    label = np.zeros((96, 110), np.uint8)
    label[((y - 40) / 14) ** 2 + ((x - 38) / 10) ** 2 < 1] = 1
    label[((y - 55) / 9) ** 2 + ((x - 72) / 13) ** 2 < 1] = 2
    body = ((y - 48) / 38) ** 2 + ((x - 55) / 44) ** 2 < 1
    image = np.select([label == 1, label == 2, body], [170, 120, 70], 10) + rng.normal(0, 4, label.shape)
    return TrainingPicture(f"f{seed}", cv2.blur(np.clip(image, 0, 255), (3, 3)).astype(np.uint8)[..., None], label)


@pytest.mark.parametrize("fusion", ["votes", "staple"])
def test_atlases_find_organs_where_they_have_moved(fusion: str) -> None:
    method = METHODS.build({"name": "atlas", "atlases": 3, "size": 64, "fusion": fusion})
    known = [figure(seed) for seed in range(3)]
    state, new = method.fit(known, 2, 0), figure(9)
    probability = method.probabilities(new.image, state)
    assert probability.shape == (2, 96, 110)
    assert probability.sum(axis=0).max() <= 1 + 1e-6

    def dice(found: np.ndarray, number: int) -> float:
        return float(2 * (found & (new.label == number)).sum() / (found.sum() + (new.label == number).sum()))

    for number in (1, 2):
        unmoved = np.mean([dice(one.label == number, number) for one in known])
        assert dice(probability[number - 1] > 0.5, number) > max(0.85, unmoved)


@pytest.mark.parametrize("shape", [(1024, 1024), (900, 700)])
def test_an_atlas_s_label_lies_on_its_picture_however_large_it_is(shape: tuple[int, int]) -> None:
    y, x = np.indices(shape)
    label = ((y - 480) ** 2 + (x - 330) ** 2 < 150**2).astype(np.uint8)
    state = METHODS.build("atlas").fit([TrainingPicture("a", label[..., None] * 200, label)], 1, 0)
    bright, marked = (np.argwhere(of).mean(axis=0) for of in (state["pictures"][0] > 0.4, state["labels"][0] > 0))
    assert np.abs(bright - marked).max() < 0.2


@pytest.mark.parametrize(
    ("recipe", "changes"),
    [
        ("otsu", []),
        ("pixel-forest", FOREST),
        ("otsu-snake", ["finish.steps=[largest, {name: snake, rounds: 6}]"]),
        ("matched-filter", ["method.dark=false", "method.sigma=8", "method.length=16"]),
    ],
)
def test_a_classical_run_is_a_run(discs: Path, tmp_path: Path, recipe: str, changes: list[str]) -> None:
    run = md.train(discs, tmp_path / "run", recipe=recipe, changes=changes)
    kept = {p.name for p in run.folder.iterdir()}
    assert {"recipe.yaml", "split.csv", "cases.csv", "summary.json", "report.html", "model.modicum", "predictions"} <= kept
    assert run.summary["test"]["dice"]["mean"] > 0.6
    with zipfile.ZipFile(run.folder / "model.modicum") as archive:
        assert {*archive.namelist()} == {"bundle.json", "recipe.yaml", "weights.safetensors"}  # no pickle
    again = Bundle.load(run.folder / "model.modicum")
    path = discs / "images" / "case_03.png"
    assert not predict(again, [str(path)], tmp_path / "masks").failed
    assert np.array_equal(read_mask(tmp_path / "masks" / "case_03.png") > 0, run.segment(path) > 0)
    figures, _ = evaluate_bundle(run.folder / "model.modicum", discs, tmp_path / "evaluation", "all")
    assert figures["test"]["dice"]["mean"] > 0.6


@pytest.fixture(scope="module")
def discs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_discs(tmp_path_factory.mktemp("classical") / "discs", 10)


def test_a_classical_method_finds_the_objects_for_a_network(discs: Path, tmp_path: Path) -> None:
    changes = [
        *(c for c in TINY if "view" not in c),
        "view={name: crops, size: 32}",
        "start=random",
        "fit.epochs=3",
        "localiser={name: classical, method: otsu}",
    ]
    run = md.train(discs, tmp_path / "run", recipe="small-crops", changes=changes)
    assert run.summary["by_step"][0]["name"] == "classical method alone"
    inner = run.bundle.localiser
    assert inner is not None
    assert inner.recipe.method == {"name": "otsu"}
    picture = read_picture(discs / "images" / "case_00.png")
    assert run.bundle.segmenter().look(picture).places


def test_comparisons_take_classical_methods_whatever_the_budget(discs: Path, tmp_path: Path) -> None:
    done = compare(discs, tmp_path / "compare", recipes=["otsu", "fixed-range"], labels=["3"], seeds=1, budget=0.2)
    assert not done.failed
    assert choose_recipe(Fingerprint(), "otsu", 5.0, [], None).recipe.fit.budget is None


@pytest.mark.parametrize(
    ("recipe", "change", "told"),
    [
        ("pixel-forest", "fit.loss=focal", "is no network: fit cannot apply"),
        ("pixel-forest", "view=whole", "is no network: view cannot apply"),
        ("otsu", "finish.flips=false", "finish.flips cannot apply"),
        ("otsu", "images.normalise=picture", "images.normalise cannot apply"),
        ("small-whole", "method=otsu", "view, network, fit cannot apply"),
        ("otsu", "method=otus", "classical method 'otus'. Did you mean 'otsu'"),
        ("pixel-forest", "method.tres=3", "Did you mean 'trees'"),
    ],
)
def test_what_is_for_networks_is_refused(recipe: str, change: str, told: str) -> None:
    with pytest.raises(ModicumError) as error:
        load(recipe, [change])
    assert told in str(error.value)


@pytest.mark.parametrize("beside", ["images.neighbours=1", "images.depth=true"])
def test_a_method_of_one_channel_is_shown_the_slice_alone(beside: str) -> None:
    for method in ("atlas", "frangi", "matched_filter", "bcosfire"):
        with pytest.raises(ModicumError, match="looks at one channel"):
            load("otsu", [f"method={method}", beside])
    assert load("pixel-forest", [beside]).method is not None


def test_the_dump_of_a_classical_recipe_says_nothing_of_networks() -> None:
    text = dump(load("pixel-forest"))
    assert "classifier: forest" in text
    assert not any(key in text for key in ("fit:", "network:", "view:", "flips"))
    assert "method" not in dump(load("small-whole"))


def test_several_classes_need_a_method_that_tells_them_apart(tmp_path: Path) -> None:
    for number in range(6):
        one = figure(number)
        for folder, array in (("images", one.image[..., 0]), ("labels", one.label)):
            (tmp_path / "data" / folder).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(tmp_path / "data" / folder / f"c{number}.png"), array)
    with pytest.raises(ModicumError, match="finds one class, the labels have 2"):
        md.train(tmp_path / "data", tmp_path / "one", recipe="otsu")
    run = md.train(tmp_path / "data", tmp_path / "two", recipe="pixel-forest", changes=FOREST)
    assert run.summary["test"]["dice"]["mean"] > 0.7
    with pytest.raises(ModicumError, match="there is no network in it"):
        run.bundle.network()
