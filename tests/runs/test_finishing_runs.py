"""Finishing steps in a whole run: in the bundle, in the figures, in every mask that is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

import modicum as md
from discs import TINY
from modicum.bundle import Bundle, class_numbers
from modicum.errors import ModicumError
from modicum.images import read_mask, read_picture
from modicum.images.intensity import Intensity
from modicum.inference.calibration import tempered
from modicum.networks import NETWORKS
from modicum.recipes import checked, dump, load
from modicum.runs import thresholds
from modicum.runs.predicting import predict
from modicum.runs.thresholds import with_threshold
from modicum.views import TrainingPicture

SMALL = {"name": "unet", "encoder": {"widths": [2, 4]}}


def test_a_run_with_steps_tells_what_they_change(discs: Path, tmp_path: Path) -> None:
    steps = "finish.steps=[largest, {name: closing, radius: 2}, snake]"
    run = md.train(discs, tmp_path / "run", recipe="small-whole", changes=[*TINY, "fit.epochs=15", steps])
    assert [s["name"] for s in run.summary["by_step"]] == ["without finishing steps", "with them"]
    assert run.summary["by_step"][1]["dice"]["mean"] == run.summary["test"]["dice"]["mean"]
    assert "without finishing steps" in (run.folder / "report.html").read_text()
    path = discs / "images" / "case_00.png"
    predict(run.bundle, [str(path)], tmp_path / "out")
    probability = run.bundle.segmenter().probabilities(read_picture(path))
    finished = class_numbers(probability, run.bundle, read_picture(path))
    assert np.array_equal(read_mask(tmp_path / "out" / "case_00.png") > 0, finished > 0)
    assert not np.array_equal(finished, class_numbers(probability, run.bundle.unfinished))
    assert np.array_equal(run.segment(path), finished)


def test_steps_survive_the_dump_with_their_options() -> None:
    recipe = load("small-whole", ["finish.steps=[largest, {name: closing, radius: 3}]"])
    assert [s["name"] for s in recipe.finish.steps] == ["largest", "closing"]
    assert checked(yaml.safe_load(dump(recipe))) == recipe
    assert not load("small-polar", ["finish.steps=[largest]"]).first.finish.steps  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("finish.steps=[lagest]", "unknown finishing step 'lagest'. Did you mean 'largest'"),
        ("finish.steps=largest", "finish.steps is a list"),
        ("finish.steps=[{name: closing, radius: 0}]", "radius"),
        ("finish.steps=[{name: closing, raduis: 3}]", "Did you mean 'radius'"),
    ],
)
def test_wrong_steps_are_told(change: str, told: str) -> None:
    with pytest.raises(ModicumError, match="finish") as error:
        load("small-whole", [change])
    assert told in str(error.value).replace("'finishing step.raduis'. ", "")


def test_the_threshold_is_chosen_with_the_steps_applied() -> None:
    """Specks that only the largest component leaves out make a low threshold bad, unless the step is applied."""
    truth = np.zeros((40, 40), np.uint8)
    truth[5:25, 5:25] = 1
    probability = np.where(truth, 0.35, 0.0)
    probability[5:20, 5:25] = 0.8
    probability[28:, 1::3] = probability[1:4, ::3] = probability[:, 30::4] = 0.45

    class Sure:
        def look(self, image: np.ndarray, mask: object) -> Sure:
            self.probability = probability[None].astype(np.float16)
            return self

    recipe = checked({"network": SMALL, "finish": {"steps": ["largest"]}})
    bundle = Bundle(recipe, NETWORKS.build(SMALL, 1, 1).state_dict(), ("a",), Intensity((0.5,), (0.2,)), 0.5, (255,))
    pictures = [TrainingPicture(name, np.zeros((40, 40, 1), np.uint8), truth) for name in "abc"]
    chosen = {}
    for name, one in (("on", bundle), ("off", bundle.unfinished)):
        object.__setattr__(one, "segmenter", lambda bf16, prepared: Sure())
        chosen[name] = with_threshold(one, lambda most: pictures, bf16=False, volumes={})
    told = tempered(probability[None].astype(np.float16), chosen["on"].temperature)
    assert np.array_equal(class_numbers(told, chosen["on"]), truth)
    assert chosen["off"].threshold >= 0.5


@pytest.mark.parametrize("finish", [{}, {"low": "auto"}])
def test_the_threshold_is_that_of_whole_volumes(finish: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most slices are empty but for a speck that is likelier than the object: slice by slice nothing found is the best."""
    truth, empty = np.zeros((2, 40, 40), np.uint8)
    truth[5:25, 5:25] = 1
    likely = {"object": np.where(truth, 0.6, 0.0), "empty": np.zeros((40, 40))}
    likely["empty"][35, 35] = 0.65

    class Sure:
        def look(self, image: np.ndarray, mask: object) -> Sure:
            self.probability = likely["object" if image.any() else "empty"][None].astype(np.float16)
            return self

    monkeypatch.setattr(thresholds, "fitted_temperature", lambda samples: 1.0)
    monkeypatch.setattr(Bundle, "segmenter", lambda self, bf16, prepared: Sure())
    recipe = checked({"network": SMALL, "finish": finish})
    bundle = Bundle(recipe, NETWORKS.build(SMALL, 1, 1).state_dict(), ("a",), Intensity((0.5,), (0.2,)), 0.5, (255,))
    labels = {f"{name}_{z}": truth if z == 0 else empty for name in "abc" for z in range(12)}
    slices = [TrainingPicture(name, label[..., None], label) for name, label in labels.items()]
    chosen = with_threshold(bundle, lambda most: slices, bf16=False, volumes={name: name[0] for name in labels})
    assert chosen.threshold == pytest.approx(0.5)
    assert with_threshold(bundle, lambda most: slices, bf16=False, volumes={}).threshold > 0.65
    of_one = dict.fromkeys(labels, "somebody")
    assert with_threshold(bundle, lambda most: slices, bf16=False, volumes={}, patients=of_one).threshold == 0.5
