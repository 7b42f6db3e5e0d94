"""The planner chooses the view that keeps what is to be found."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.augment import POLICIES
from modicum.datasets import Fingerprint, discover, fingerprint
from modicum.errors import ModicumError
from modicum.planning import Plan, plan, with_angles
from modicum.planning.sizes import shown_size
from modicum.recipes import load

LESION = Fingerprint(
    pictures=40,
    labelled=40,
    min_height=400,
    median_height=400,
    min_width=600,
    median_width=600,
    channels=(3,),
    in_colour=True,
    objects_per_picture=1,
    object_thickness_px=120,
)


def variant(**changes: object) -> Fingerprint:
    return Fingerprint(**{**LESION.__dict__, **changes})


@pytest.mark.parametrize(
    ("seen", "view"),
    [
        (LESION, "whole"),
        (variant(object_thickness_px=8), "patches"),  # vessels: 1.7 pixels across when made small
        (variant(objects_per_picture=20, object_thickness_px=45), "patches"),  # nuclei
        (variant(min_height=64, median_height=64, min_width=64, median_width=64, object_thickness_px=20), "whole"),
        (variant(median_height=500, median_width=1500, object_thickness_px=60), "whole"),  # 224 pixels of its 1500 are shown
        (variant(median_height=500, median_width=1500, object_thickness_px=50), "patches"),
    ],
)
def test_small_and_thin_structures_get_patches(seen: Fingerprint, view: str) -> None:
    chosen = plan(seen, 5, [])
    assert chosen.recipe.view["name"] == view
    assert chosen.reasons[0].startswith("View: ")
    assert chosen.recipe.fit.budget == 5


def test_patches_fit_into_the_usual_picture() -> None:
    assert plan(variant(object_thickness_px=4, median_height=100), 5, []).recipe.view["size"] == 96
    assert plan(variant(object_thickness_px=4, min_height=40), 5, []).recipe.view["size"] == 192, "one small picture is padded"


def test_an_object_that_was_not_seen_is_not_thin() -> None:
    chosen = plan(variant(object_thickness_px=0.0, objects_per_picture=0), 5, [])
    assert chosen.recipe.view["name"] == "whole"
    assert "is not known" in chosen.reasons[0]


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


@pytest.mark.parametrize(
    ("changes", "advised"),
    [
        ({"single_share": 0.95, "roundness": 0.8, "solidity": 0.95, "relative_diameter": 0.3}, "small-polar"),
        ({"single_share": 0.5, "roundness": 0.8, "solidity": 0.95, "relative_diameter": 0.3}, None),  # often several
        ({"single_share": 0.95, "roundness": 0.1, "solidity": 0.4, "relative_diameter": 0.3}, None),  # a vessel
        ({"single_share": 0.95, "roundness": 0.8, "solidity": 0.95, "relative_diameter": 0.03}, "small-crops"),
        ({"objects_per_picture": 20, "roundness": 0.8, "solidity": 0.95, "relative_diameter": 0.05}, "small-crops"),
        ({"objects_per_picture": 20, "roundness": 0.02, "solidity": 0.4, "relative_diameter": 0.05}, None),
    ],
)
def test_views_about_objects_are_recommended_where_they_suit(changes: dict, advised: str | None) -> None:
    said = [reason for reason in plan(variant(**changes), 10, []).reasons if reason.startswith("Recommended")]
    assert [f"--recipe {advised}" in reason for reason in said] == ([True] if advised else [])
    told = plan(variant(**changes), 10, ["view=whole"]).reasons
    assert not any(reason.startswith("Recommended") for reason in told), "who has chosen a view needs no advice"


@pytest.mark.parametrize(
    ("name", "advised"), [("kvasir_seg", "small-polar"), ("isic2018", "small-polar"), ("dsb2018", "small-crops")]
)
def test_real_data_get_the_advice_that_suits_them(name: str, advised: str, data_root: Path) -> None:
    seen = fingerprint(discover(data_root / name))
    assert any(f"--recipe {advised}" in reason for reason in plan(seen, 10, []).reasons)


@pytest.mark.parametrize(("relative", "angles"), [(0.3, 80), (0.6, 144), (0.01, 32)])
def test_angles_follow_the_size_of_the_objects(relative: float, angles: int) -> None:
    """At the object's border, steps along the circle and away from the centre are alike, to the nearest 16."""
    seen = variant(relative_diameter=relative, median_height=600, median_width=600)
    chosen = with_angles(Plan(load("small-polar"), ()), seen)
    assert chosen.recipe.view["size"] == [angles, 64]
    assert chosen.reasons[-1].startswith(f"Polar view: {angles} angles")
    if angles > 32:
        radius, reach = relative * 300, 1.15 * 300 * 2**0.5
        assert 2 * 3.1416 * radius / angles == pytest.approx(reach / 64, rel=0.1)


def test_angles_that_were_given_stay() -> None:
    seen = variant(relative_diameter=0.3)
    for changes in (["view.size=[40, 24]"], ["view=whole", "start=random", "localiser=null", "finish.with_localiser=false"]):
        chosen = Plan(load("small-polar", changes), ())
        assert with_angles(chosen, seen) == chosen


def test_colour_pictures_seen_whole_have_a_rival_that_knows_imagenet() -> None:
    (rival,) = plan(LESION, 5, ["seed=3", "fit.batch_size=4"]).rivals
    assert rival.recipe.start["name"] == "imagenet"
    assert (rival.recipe.seed, rival.recipe.fit.batch_size, rival.recipe.fit.budget) == (3, 4, 5)
    assert any("small-imagenet" in reason for reason in plan(LESION, 5, []).reasons)
    assert not plan(variant(in_colour=False), 5, []).rivals, "grey pictures, though they have three channels"
    assert not plan(variant(object_thickness_px=4), 5, []).rivals, "vessels are seen in patches"
    for own in (
        "view.size=64",
        "network.encoder.widths=[4,8]",
        "start=random",
        "fit.rate=0.1",
        "images.grey=true",
        "supervision=consistency",
    ):
        assert not plan(LESION, 5, [own]).rivals, "a rival would undo what was asked for"


def test_classes_that_differ_by_their_side_are_not_mirrored() -> None:
    chosen = plan(variant(sides=("left lung", "right lung")), 5, [])
    for recipe in (chosen.recipe, chosen.rivals[0].recipe):
        policy = POLICIES.build(recipe.fit.augmentation)
        assert (policy.flip_left_right, policy.flip_up_down) == (0, 0)
        assert 0 < policy.rotation < 0.5
        assert policy.contrast == POLICIES.build("strong").contrast
    (said,) = [reason for reason in chosen.reasons if reason.startswith("Augmentation")]
    assert "'left lung' and 'right lung' differ by their side alone" in said
    assert "any rotation" not in said
    by_user = plan(variant(sides=("left lung", "right lung")), 5, ["fit.augmentation=flips"])
    assert all(r.fit.augmentation["name"] == "flips" for r in (by_user.recipe, by_user.rivals[0].recipe))
    assert not any(reason.startswith("Augmentation") for reason in by_user.reasons)
    assert plan(LESION, 5, []).recipe.fit.augmentation["name"] == "strong"


def test_ct_is_seen_in_a_window() -> None:
    chosen = plan(variant(window=(-300, 100)), 5, [])
    assert chosen.recipe.images.window == (-300, 100)
    assert any(reason.startswith("Window: -300 to 100 Hounsfield units") for reason in chosen.reasons)
    by_user = plan(variant(window=(-300, 100)), 5, ["images.window=[-160,240]"])
    assert by_user.recipe.images.window == (-160, 240)
    assert not any(reason.startswith("Window") for reason in by_user.reasons)
    assert plan(LESION, 5, []).recipe.images.window is None


@pytest.mark.parametrize(
    ("minutes", "changes", "told"), [(5, [], False), (480, [], True), (480, ["finish.ensemble=true"], False)]
)
def test_hours_are_worth_an_ensemble(minutes: float, changes: list[str], told: bool) -> None:
    assert any("finish.ensemble" in reason for reason in plan(LESION, minutes, changes).reasons) is told


@given(st.integers(64, 4000), st.floats(0.12, 8), st.sampled_from([(96, 16), (160, 32), (256, 16)]))
def test_elongated_pictures_are_shown_in_their_shape(width: int, ratio: float, shown: tuple[int, int]) -> None:
    seen, (side, step) = variant(median_width=width, median_height=max(8, round(width * ratio))), shown
    size = shown_size(side, seen, step)
    own = seen.median_height / seen.median_width
    if isinstance(size, int):
        assert size == side
        assert 0.6 < own < 1.6
        return
    height, width = size
    assert height % step == width % step == 0
    assert 0.6 < height * width / side**2 < 1.6
    assert 0.6 < height / width / own < 1.7


def test_the_plan_says_in_which_shape_elongated_pictures_are_shown() -> None:
    wide = variant(median_height=500, median_width=1500)
    chosen = plan(wide, 600, [])
    assert chosen.recipe.view["size"] == [48, 160]
    assert "made 160x48" in chosen.reasons[0]
    assert chosen.rivals[0].recipe.view["size"] == [96, 288]
    assert [one.changes[0] for one in chosen.larger] == ["view.size=[80, 224]", "view.size=[112, 336]", "view.size=[144, 448]"]
    assert plan(variant(median_height=1500, median_width=500), 5, []).recipe.view["size"] == [160, 48]


def test_wide_branching_structures_are_shrunk_to_a_width_that_suffices() -> None:
    vessels = variant(object_thickness_px=12, solidity=0.2, median_height=2336, median_width=3504, objects_per_picture=8)
    chosen = plan(vessels, 5, [])
    assert chosen.recipe.view["longest"] == 1376
    assert "pictures shrunk to 1376" in chosen.reasons[0]
    assert plan(variant(**{**vessels.__dict__, "object_thickness_px": 5.0}), 5, []).recipe.view["longest"] is None
    for other in ({"spacing": (3.0, 1.0, 1.0)}, {"object_thickness_px": 90.0}):  # volumes go by mm; little would be left
        assert plan(variant(**{**vessels.__dict__, **other}), 5, []).recipe.view["longest"] is None
    nuclei = variant(object_thickness_px=13, solidity=0.97, objects_per_picture=30)
    assert plan(nuclei, 5, []).recipe.view["longest"] is None
