"""A model that begins with the weights of one that was trained before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import modicum as md
from discs import TINY, write_discs
from modicum.bundle import Bundle
from modicum.images.intensity import Intensity
from modicum.networks import NETWORKS
from modicum.recipes import checked
from modicum.runs.folder import RunFolder


def test_weights_come_from_the_model_and_test_pictures_that_it_saw_are_told(tmp_path: Path) -> None:
    data = write_discs(tmp_path / "data", 12)
    first = md.train(data, tmp_path / "first", recipe="small-whole", changes=TINY)
    start = f"start={{name: model, bundle: {tmp_path / 'first/model.modicum'}}}"
    still = [*TINY, "fit.epochs=1", "fit.rate=1e-12", "fit.schedule=constant"]
    second = md.train(data, tmp_path / "second", recipe="small-whole", changes=[*still, start, "seed=5"], seed=None)
    before, after = (md.Bundle.load(tmp_path / name / "model.modicum") for name in ("first", "second"))
    for key, value in before.weights.items():
        if key.endswith(("weight", "bias")):
            assert np.allclose(value, after.weights[key], atol=1e-5), key
    assert set(before.provenance["seen"].values()) <= set(after.provenance["seen"].values())
    own = {name for name in after.provenance["seen"] if not name.startswith("start: ")}
    assert len(own) == 12 - second.summary["counts"]["test"], "pictures of like names are no others' pictures"
    assert not [f for f in first.findings if "seen-test" in f.kind]
    assert [f for f in second.findings if f.kind == "start-has-seen-test-pictures"]


def test_folds_begin_anew_so_that_their_figures_are_honest(tmp_path: Path) -> None:
    data = write_discs(tmp_path / "data", 4)
    md.train(data, tmp_path / "first", recipe="small-whole", folds=2, changes=TINY)
    start = f"start={{name: model, bundle: {tmp_path / 'first/model.modicum'}}}"
    run = md.train(data, tmp_path / "second", recipe="small-whole", folds=2, changes=[*TINY, start])
    log = (tmp_path / "second/events.log").read_text()
    assert log.count("weights begin as those learned before") == 1
    assert " all/" in log.partition(" weights begin")[0].splitlines()[-1]
    assert not [f for f in run.findings if "seen-test" in f.kind]


def test_a_run_that_goes_on_still_says_that_its_start_hardly_fitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, small = write_discs(tmp_path / "data", 14), {"name": "unet", "encoder": {"widths": [2, 4]}}
    recipe, weights = checked({"network": small, "view": "whole"}), NETWORKS.build(small, 3, 1).state_dict()
    Bundle(recipe, weights, ("disc",), Intensity((0.5,) * 3, (0.2,) * 3), 0.5, (255,)).save(tmp_path / "small.modicum")
    changes = [*TINY, "fit.epochs=2", f"start={{name: model, bundle: {tmp_path / 'small.modicum'}}}"]

    def killed(*_: object) -> None:  # when its first checkpoint is there
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(RunFolder, "write_metrics", killed)
        md.train(data, tmp_path / "run", recipe="small-whole", changes=changes)
    run = md.train(data, tmp_path / "run", recipe="small-whole", changes=changes)
    (said,) = [f for f in run.findings if f.kind == "start-hardly-alike"]
    assert said.message.startswith("only ")
    log = (tmp_path / "run" / "events.log").read_text()
    assert log.count(" weights begin as ") == 2, "once of the first beginning, once of what the doctor says of it"
