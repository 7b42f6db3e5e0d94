"""A planned recipe is made as large as the machine can make enough steps of."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from modicum.datasets import Dataset, Fingerprint, Split
from modicum.planning import plan
from modicum.recipes import Recipe
from modicum.runs import growing
from modicum.runs.folder import RunFolder
from modicum.runs.growing import grown
from modicum.runs.prepare import Prepared

LESIONS = Fingerprint(
    labelled=20, min_height=600, median_height=600, min_width=800, median_width=800, object_thickness_px=200, channels=(1,)
)
VESSELS = Fingerprint(labelled=20, min_height=500, median_height=500, min_width=500, median_width=500, object_thickness_px=4)
SPLIT = Split(("a",), (), ("b",), "")


def planned(seen: Fingerprint, minutes: float, *changes: str, folds: int = 1) -> Prepared:
    dataset = Dataset(Path(), (), ("object",), {}, "")
    return Prepared(dataset, (), (SPLIT,) * folds, seen, plan(seen, minutes, changes))


def machine(monkeypatch: pytest.MonkeyPatch, pixels: float) -> list[Recipe]:
    """One that looks at so many pixels with 16 to 256 channels, or 8 to 64, a second; what was measured on it."""
    asked: list[Recipe] = []

    def measured(recipe: Recipe, *_: object) -> SimpleNamespace:
        asked.append(recipe)
        work = recipe.fit.batch_size * recipe.view["size"] ** 2 * (recipe.network["encoder"]["widths"][0] / 16) ** 2
        return SimpleNamespace(seconds=work / pixels, compute=None)

    monkeypatch.setattr(growing, "measured_step", measured)
    return asked


@pytest.mark.parametrize(("pixels", "side", "first"), [(1e5, 96, 16), (2e6, 128, 16), (6e6, 192, 16), (1e9, 256, 32)])
def test_faster_machines_see_more(pixels: float, side: int, first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, pixels)
    plan = grown(planned(LESIONS, 10)).plan
    assert plan.recipe.view["size"] == side
    assert plan.recipe.network["encoder"]["widths"][0] == first
    assert plan.reasons[-1].startswith("Size: ")


def test_hours_are_as_good_as_a_fast_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 2e6)
    sides = [grown(planned(LESIONS, minutes)).plan.recipe.view["size"] for minutes in (5, 10, 60, 480)]
    assert sides == [96, 128, 192, 256]
    wide = [grown(planned(VESSELS, minutes)).plan.recipe.network["encoder"]["widths"][0] for minutes in (2, 10, 480)]
    assert wide == [8, 16, 32]


def test_folds_share_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 2e6)
    assert grown(planned(LESIONS, 10, folds=5)).plan.recipe.view["size"] == 96


def test_what_the_user_sets_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = machine(monkeypatch, 1e9)
    for change in ("view.size=64", "network.encoder.widths=[8,16]", "fit.batch_size=2"):
        prepared = planned(LESIONS, 10, change)
        assert grown(prepared) is prepared
    assert not asked


def test_pictures_are_not_made_larger_than_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 1e9)
    small = Fingerprint(**{**LESIONS.__dict__, "median_height": 140, "median_width": 150})
    assert grown(planned(small, 10)).plan.recipe.view["size"] == 128


def test_few_labels_keep_the_small_network_on_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 1e9)
    few = Fingerprint(**{**VESSELS.__dict__, "labelled": 5})
    assert grown(planned(few, 10)).plan.recipe.network["encoder"]["widths"][0] == 8


def test_what_needs_more_memory_than_there_is_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(recipe: Recipe, *_: object) -> SimpleNamespace:
        if recipe.view["size"] > 128:
            raise RuntimeError("CUDA out of memory")
        return SimpleNamespace(seconds=1e-4, compute=None)

    monkeypatch.setattr(growing, "measured_step", measured)
    plan = grown(planned(LESIONS, 10)).plan
    assert plan.recipe.view["size"] == 128
    assert "memory" in plan.reasons[-1]


def test_other_faults_are_not_called_a_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(*_: object) -> SimpleNamespace:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(growing, "measured_step", measured)
    with pytest.raises(RuntimeError, match="mat1"):
        grown(planned(LESIONS, 10))


def test_a_run_that_goes_on_keeps_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RunFolder(tmp_path)
    machine(monkeypatch, 2e6)
    first = grown(planned(LESIONS, 10), folder)
    asked = machine(monkeypatch, 1e9)
    assert grown(planned(LESIONS, 10), folder) == first
    assert not asked
