"""A model that begins with the weights of one that was trained before."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import modicum as md
from discs import TINY, write_discs


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
