"""Recipes: checked on load, wrong keys answered with the nearest right one."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from modicum.errors import ModicumError
from modicum.recipes import checked, dump, load, names


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
        ("fit.rate=fast", "fit.rate' cannot be 'fast'"),
        ("fit.rate=-1", "greater than 0"),
        ("network.widths=wide", "widths"),
        ("fit.batch_size=0", "greater than or equal to 1"),
        ("view", "not of the form key=value"),
        ("fit.rate=[1", "not valid YAML"),
        ("fit.epochs=5", "exclude each other"),
    ],
)
def test_mistakes_are_told_in_one_line(change: str, told: str) -> None:
    with pytest.raises(ModicumError) as error:
        load("small-patches", [change])
    assert told in str(error.value)
    assert "\n" not in str(error.value)


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


def test_an_unknown_recipe_gets_the_nearest_name() -> None:
    with pytest.raises(ModicumError, match="Did you mean 'small-whole'"):
        load("smal-whole")
