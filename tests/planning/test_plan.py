"""The planner chooses the view that keeps what is to be found."""

from __future__ import annotations

from pathlib import Path

import pytest

from modicum.datasets import Fingerprint, discover, fingerprint
from modicum.errors import ModicumError
from modicum.planning import plan

LESION = Fingerprint(
    pictures=40,
    labelled=40,
    min_height=400,
    median_height=400,
    min_width=600,
    median_width=600,
    channels=(3,),
    objects_per_picture=1,
    object_thickness_px=120,
)


def variant(**changes: float) -> Fingerprint:
    return Fingerprint(**{**LESION.__dict__, **changes})


@pytest.mark.parametrize(
    ("seen", "view"),
    [
        (LESION, "whole"),
        (variant(object_thickness_px=8), "patches"),  # vessels: 1.7 pixels across when made small
        (variant(objects_per_picture=20, object_thickness_px=45), "patches"),  # nuclei
        (variant(min_height=64, median_height=64, min_width=64, median_width=64, object_thickness_px=20), "whole"),
    ],
)
def test_small_and_thin_structures_get_patches(seen: Fingerprint, view: str) -> None:
    chosen = plan(seen, 5, [])
    assert chosen.recipe.view["name"] == view
    assert chosen.reasons[0].startswith("View: ")
    assert chosen.recipe.fit.budget == 5


def test_patches_fit_into_the_smallest_picture() -> None:
    chosen = plan(variant(object_thickness_px=4, min_height=100), 5, [])
    assert chosen.recipe.view["size"] == 96


def test_changes_are_applied_last_and_checked() -> None:
    chosen = plan(LESION, 5, ["seed=3", "view=patches", "fit.batch_size=2"])
    assert chosen.recipe.view["name"] == "patches"
    assert chosen.recipe.fit.batch_size == 2
    assert chosen.recipe.seed == 3
    assert not any(reason.startswith("View:") for reason in chosen.reasons), "the view was not the plan's choice"
    with pytest.raises(ModicumError, match="batch_size"):
        plan(LESION, 5, ["fit.batchsize=2"])


@pytest.mark.parametrize(
    ("name", "view"),
    [("drive", "patches"), ("chase_db1", "patches"), ("dsb2018", "patches"), ("isic2018", "whole"), ("kvasir_seg", "whole")],
)
def test_real_pictures(data_root: Path, name: str, view: str) -> None:
    if not (data_root / name).is_dir():
        pytest.skip(f"no {name} in {data_root}")
    assert plan(fingerprint(discover(data_root / name)), 5, []).recipe.view["name"] == view
