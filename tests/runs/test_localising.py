"""Models trained before that find the objects for another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from modicum.bundle import Bundle
from modicum.errors import ModicumError
from modicum.images.intensity import Intensity
from modicum.networks import NETWORKS
from modicum.recipes import load
from modicum.runs.localising import given_bundle


def test_a_given_localiser_was_shown_volumes_alike(tmp_path: Path) -> None:
    small = ["network.encoder.widths=[2,4]", "images.window=[-160,240]"]
    recipe, file = load("small-whole", small), tmp_path / "first.modicum"
    weights = NETWORKS.build(recipe.network, 1, 1).state_dict()
    Bundle(recipe, weights, ("heart",), Intensity((0.5,), (0.2,)), 0.5, (255,)).save(file)
    given_it = f"localiser={{name: segmenter, bundle: {file}}}"
    alike, otherwise = (load("small-polar", [given_it, *more]) for more in (small, [small[0], "images.depth=true"]))
    assert given_bundle(alike, 1, volumes=True) is not None
    assert given_bundle(load("small-polar", [given_it, small[0]]), 1, volumes=False) is not None, "pictures have no window"
    with pytest.raises(ModicumError, match=r"first\.modicum.*\(images\.window, images\.depth\).*let the localiser be trained"):
        given_bundle(otherwise, 2, volumes=True)
