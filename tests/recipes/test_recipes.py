"""Recipes: checked on load, wrong keys answered with the nearest right one."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml

from modicum.errors import ModicumError
from modicum.recipes import checked, dump, load, minutes_of, names


@pytest.mark.parametrize("name", names())
def test_every_recipe_loads_and_survives_its_own_dump(name: str) -> None:
    recipe = load(name)
    assert recipe.name == name
    assert recipe.description
    assert checked(yaml.safe_load(dump(recipe))) == recipe


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("fit.los=focal", "'fit.los'. Did you mean 'loss'"),
        ("fit.loss=fokal", "loss 'fokal'. Did you mean 'focal'"),
        ("vew=whole", "'vew'. Did you mean 'view'"),
        ("view.sise=3", "'view.sise'. Did you mean 'size'"),
        ("epochs=3", "'epochs'. Did you mean 'fit.epochs'"),
        ("batch_size=4", "Did you mean 'fit.batch_size'"),
        ("supervision={folder: x}", "the supervision has options (folder) and no name"),
        ("fit.rate=fast", "fit.rate' cannot be 'fast'"),
        ("fit.rate=-1", "greater than 0"),
        ("network.encoder.widths=wide", "widths"),
        ("fit.batch_size=0", "greater than or equal to 1"),
        ("view", "not of the form key=value"),
        ("fit.rate=[1", "not valid YAML"),
        ("fit.epochs=5", "exclude each other"),
        ("finish.threshold=50", "'finish.threshold' cannot be 50"),
        ("finish.threshold=-0.1", "0 to 1"),
        ("finish.threshold=.nan", "0 to 1"),
        ("seed=-1", "'seed' cannot be -1"),
        ("fit.schedule.warm_up=1", "less than 1"),
        ("view=192", "the view cannot be 192: a name is wanted"),
        ("network=null", "the network cannot be None"),
        ("network=[unet]", "the network cannot be ['unet']"),
        ("network.name=[unet]", "unknown network '['unet']'"),
        ("view={name: whole, 1: 2}", "view.1"),
        ("fit.rate.x=1", "'fit.rate.x=1' cannot be set: 'rate' is 0.006, which has no keys"),
        ("network.encoder.widths=[]", "'encoder.widths' cannot be []"),
        ("network.encoder.widths=[8, 0]", "greater than or equal to 1"),
        ("network.encoder=resnt34", "encoder 'resnt34'. Did you mean 'resnet34'"),
        ("fit.dropout=1", "less than 1"),
        ("fit.encoder.rate=0", "greater than 0"),
        ("fit.optimiser={name: adamw, weight_decay: -1}", "greater than or equal to 0"),
        ("start=imagnet", "start 'imagnet'. Did you mean 'imagenet'"),
        ("start=imagenet", "no ImageNet weights for the encoder 'plain'. Use --set network.encoder=NAME with one of eff"),
        ("images.normalise=weights", "needs an encoder with ImageNet weights"),
        ("view.tile=64", "tiles of 64 pixels cannot overlap by 64"),
        ("view.foreground=2", "less than or equal to 1"),
        ("view.size=0", "0x0 pixels"),
        ("data.tissue=[-30,-200]", "the least and the greatest value"),
        ("view.size=[96, -1]", "96x-1 pixels"),
        ("finish.with_localiser=true", "the view 'patches' has no localiser. Use --set finish.with_localiser=false"),
    ],
)
def test_mistakes_are_told_in_one_line(change: str, told: str) -> None:
    with pytest.raises(ModicumError) as error:
        load("small-patches", [change])
    assert told in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("of_colours", ["images.grey=true", "images.prepare=[green]", "images.prepare=[clahe]"])
def test_slices_beside_each_other_are_not_taken_for_colours(of_colours: str) -> None:
    for channels in ("images.neighbours=1", "images.neighbours=2"):
        with pytest.raises(ModicumError, match=r"is for colours; what neighbours and depth show"):
            load("small-patches", [of_colours, channels])
    with pytest.raises(ModicumError, match="depth"):
        load("small-patches", [of_colours, "images.depth=true"])
    assert load("small-patches", [of_colours, "images.block=16", "network=unet3d"]).images.block == 16  # slice by slice
    assert load("small-patches", ["images.prepare=[contrast]", "images.neighbours=1"]).images.neighbours == 1


def test_changing_a_part_drops_the_options_of_the_old_one() -> None:
    recipe = load("small-patches", ["view=whole", "fit.loss=focal", "fit.loss.gamma=3"])
    assert recipe.view == {"name": "whole", "size": 128}
    assert recipe.fit.loss == {"name": "focal", "gamma": 3.0, "alpha": None}


def test_a_recipe_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("name: mine\nview: whole\nfit: {rate: 0.01}\n")
    assert load(str(tmp_path / "mine.yaml")).fit.rate == 0.01
    with pytest.raises(ModicumError, match="cannot be read"):
        load(str(tmp_path / "other.yaml"))
    (tmp_path / "list.yaml").write_text("- a\n- b\n")
    with pytest.raises(ModicumError, match="mapping"):
        load(str(tmp_path / "list.yaml"))


def test_a_part_left_empty_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("name: mine\nfit:\n")
    for changes in ([], ["fit.loss=dice"], ["fit.loss.smoothing=2"]):
        with pytest.raises(ModicumError, match=r"'fit' (is null|cannot be None)") as error:
            load(str(tmp_path / "empty.yaml"), changes)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("threshold", [0, 0.5, 1, "auto"])
def test_a_threshold_is_a_probability(threshold: float | str) -> None:
    assert load("small-whole", [f"finish.threshold={threshold}"]).finish.threshold == threshold


def test_an_unknown_recipe_gets_the_nearest_name() -> None:
    with pytest.raises(ModicumError, match="Did you mean 'small-whole'"):
        load("smal-whole")


def test_with_imagenets_weights_pixels_become_what_they_expect() -> None:
    changes = ["network.encoder=efficientnet_lite0", "start=imagenet"]
    assert load("small-whole", changes).images.normalise == "weights"
    assert load("small-whole", [*changes, "images.normalise=picture"]).images.normalise == "picture"
    assert load("small-whole").images.normalise == "dataset"


def test_the_first_of_two_networks_starts_from_imagenet_too() -> None:
    first = load("small-polar", ["network={name: unet, encoder: resnet18}", "start=imagenet"]).first
    assert first is not None
    assert (first.start["name"], first.encoder, first.images.normalise) == ("imagenet", "resnet18", "weights")


@pytest.mark.parametrize(
    ("changes", "start", "normalise"),
    [
        (["localiser={name: heatmap}"], "random", "dataset"),  # an hourglass has no encoder
        (["localiser={name: segmenter, network: {name: unet, encoder: {widths: [8, 16]}}}"], "random", "dataset"),
        (["localiser={name: segmenter, network: {name: unet, encoder: resnet34}}"], "imagenet", "weights"),
    ],
)
def test_a_localiser_with_another_encoder_is_given_what_suits_it(changes: list[str], start: str, normalise: str) -> None:
    main = ["network={name: unet, encoder: resnet18}", "start={name: imagenet, file: r18.pth}", "fit.encoder.frozen=0.2"]
    first = load("small-polar", [*main, *changes]).first
    assert first is not None
    assert (first.start["name"], first.images.normalise) == (start, normalise)
    assert first.start.get("file") is None  # which is of the other encoder


@pytest.mark.parametrize("recipe", ["little-wnet", "small-coarse-to-fine"])
@pytest.mark.parametrize("start", ["simclr", "moco", "jigsaw"])
def test_a_pretext_task_of_an_encoder_needs_just_one(recipe: str, start: str) -> None:
    with pytest.raises(ModicumError, match="has not just one") as refused:
        load(recipe, ["localiser=null", f"start={start}"])
    assert "start=denoise" in str(refused.value)
    assert load("small-whole", [f"start={start}"]).start["name"] == start


def test_what_is_for_encoders_needs_one() -> None:
    with pytest.raises(ModicumError, match="'wnet' has no encoder"):
        load("little-wnet", ["fit.dropout=0.1"])
    assert load("small-coarse-to-fine", ["fit.dropout=0.1"]).encoder == "plain"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("supervision.fit.epoch=3", "unknown key 'supervision.fit.epoch'. Did you mean 'epochs'?"),
        ("supervision.fit.rate=-3", "'supervision.fit.rate' cannot be -3"),
        ("supervision.fit.loss=fokal", "unknown loss 'fokal'. Did you mean 'focal'?"),
    ],
)
@pytest.mark.parametrize("recipe", ["small-pseudo", "small-consistency"])
def test_what_labels_alone_are_taught_with_is_checked_at_once(recipe: str, change: str, told: str) -> None:
    with pytest.raises(ModicumError) as error:
        load(recipe, [change])
    assert told in str(error.value)


def test_a_teacher_is_trained_already() -> None:
    with pytest.raises(ModicumError, match="fit cannot apply"):
        load("t-pseudo", ["supervision.teacher=a.modicum"])
    assert load("t-pseudo", ["supervision.teacher=a.modicum", "supervision.fit={}"]).alone is None


@pytest.mark.parametrize(
    ("name", "changes", "flips"), [("polar-hourglass", [], False), ("small-polar", ["localiser=heatmap", "start=random"], True)]
)
def test_a_heatmap_is_averaged_over_flips_where_the_main_answer_is(name: str, changes: list[str], flips: bool) -> None:
    first = load(name, changes).first
    assert first is not None
    assert (first.finish.flips, first.finish.threshold) == (flips, 0.5)


@pytest.mark.parametrize(
    ("budget", "minutes"),
    [("90s", 1.5), ("20m", 20), ("2h", 120), ("15", 15), (" 0.5 m ", 0.5), (7, 7), (1 / 3, 1 / 3), (None, None)],
)
def test_lengths_of_time_are_read_as_people_write_them(budget: str | float | None, minutes: float | None) -> None:
    assert minutes_of(budget) == minutes


@pytest.mark.parametrize("budget", ["soon", "", "-1m", "0s", "5 min", 0, -2, math.nan, math.inf])
def test_what_is_no_length_of_time_is_refused(budget: str | float) -> None:
    with pytest.raises(ModicumError, match="no length of time"):
        minutes_of(budget)


@pytest.mark.parametrize(
    "change", ["supervision={name: pseudo_labels, share_range: [0.5, 0.1]}", "supervision={name: centre_lines, near: 0.02}"]
)
def test_ranges_that_hold_nothing_are_refused(change: str) -> None:
    with pytest.raises(ModicumError, match=r"down to|larger than far"):
        load("small-whole", [change])
