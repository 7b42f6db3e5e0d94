"""What is refused before a training: keys that these data would leave without effect."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import modicum as md
from discs import write_boxes
from modicum.datasets import discover
from modicum.datasets.case import LabelCode
from modicum.datasets.phantoms import write_fundus_dataset
from modicum.errors import ModicumError
from modicum.runs.prepare import prepare


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_boxes(tmp_path_factory.mktemp("volumes"), 4)


@pytest.mark.parametrize("key", ["window=[-160,240]", "spacing=[1,1]"])
def test_how_volumes_are_shown_is_nothing_for_pictures(discs: Path, volumes: Path, key: str) -> None:
    change = [f"images.{key}"]
    with pytest.raises(ModicumError, match=rf"images.{key[:6]}.* these are pictures"):
        prepare(discover(discs), "small-whole", 1, None, change, None)
    assert prepare(discover(volumes), "small-whole", 1, None, change, None).plan.recipe.images.slicing.plain
    pictures, slices = discover(discs), discover(volumes)  # whoever has both may say how volumes are shown
    both = replace(slices, cases=(*slices.cases, *pictures.cases[:2]), code=LabelCode("binary"))
    prepare(both, "small-whole", 1, None, change, None)


@pytest.mark.parametrize("recipe", ["hounsfield-window", "aorta-polar"])
def test_recipes_for_volumes_still_serve_them(volumes: Path, recipe: str) -> None:
    assert prepare(discover(volumes), recipe, None, None, [], None).plan.recipe.images.window is not None


@pytest.mark.parametrize("change", ["finish.threshold=0.3", "finish.low=0.2", "finish.low=auto"])
def test_several_classes_have_no_threshold(discs: Path, change: str) -> None:
    one = discover(discs)
    several = replace(one, classes=("cup", "disc"), code=LabelCode("index", (128, 255)))
    prepare(one, "small-whole", 1, None, [change], None)
    with pytest.raises(ModicumError, match="there is no threshold to set"):
        prepare(several, "small-whole", 1, None, [change], None)
    assert prepare(several, "plain-unet", 1, None, [], None).plan.recipe.finish.threshold == 0.5


def test_why_nothing_is_labelled_is_told_before_it_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder, names in (("images", "abc"), ("labels", "xyz")):
        (tmp_path / folder).mkdir()
        for name in names:
            cv2.imwrite(str(tmp_path / folder / f"{name}.png"), np.eye(20, dtype=np.uint8) * 255)
    with pytest.raises(ModicumError, match="no labelled picture"):
        prepare(discover(tmp_path), "small-whole", 1, None, [], None)
    said = capsys.readouterr().err
    assert "x.png: this label has no picture of the same name. (and 2 more: y.png, z.png) Add the picture" in said


def test_a_mistyped_file_leaves_no_run_behind(discs: Path, tmp_path: Path) -> None:
    mistyped = ["start={name: model, bundle: modle.modicum}"]
    with pytest.raises(ModicumError, match=r"modle\.modicum: there is no such file"):
        md.train(discs, tmp_path / "run", recipe="small-whole", budget=0.1, changes=mistyped)
    assert not any(p.name == "identity.json" for p in (tmp_path / "run").iterdir())


def test_options_of_the_view_that_will_be_planned_can_be_set(discs: Path, tmp_path: Path) -> None:
    write_fundus_dataset(tmp_path / "vessels", count=6, size=256)
    view = prepare(discover(tmp_path / "vessels"), "auto", 1, None, ["view.foreground=0.3"], None).plan.recipe.view
    assert (view["name"], view["foreground"]) == ("patches", 0.3)
    with pytest.raises(ModicumError, match=r"unknown key 'view.foreground'"):
        prepare(discover(discs), "auto", 1, None, ["view.foreground=0.3"], None)
