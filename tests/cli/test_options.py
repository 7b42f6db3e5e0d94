"""Options that do not go together are refused, and what is not written is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from modicum.cli.main import app
from modicum.errors import ModicumError
from modicum.recipes import load
from modicum.runs import evaluating


@pytest.mark.parametrize(
    "given",
    [
        ["m.modicum", "data", "--predictions", "masks"],
        ["m.modicum", "data", "--predictions", "masks", "--labels", "true"],
        ["m.modicum", "data", "--labels", "true"],
        ["m.modicum", "data", "--fov", "fields"],
        ["m.modicum", "--predictions", "masks", "--labels", "true"],
        ["--predictions", "masks", "--labels", "true", "--part", "test"],
        ["--predictions", "masks"],
        ["--fov", "fields"],
        ["m.modicum"],
        [],
    ],
)
def test_a_model_or_masks_are_measured_and_never_both(given: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("evaluate_bundle", "evaluate_folders"):
        monkeypatch.setattr(evaluating, name, lambda *_: pytest.fail(f"measured {given}"))
    with pytest.raises(ModicumError, match="give BUNDLE and DATA") as error:
        CliRunner().invoke(app, ["evaluate", *given], catch_exceptions=False)
    both = any("masks" in g or "fields" in g or "true" in g for g in given) and ("m.modicum" in given or "--part" in given)
    assert str(error.value).endswith("one of the two.") == both


@pytest.mark.parametrize(
    ("given", "which"),
    [
        (["m.modicum", "data", "--part", "all"], "evaluate_bundle"),
        (["--predictions", "masks", "--labels", "true", "--fov", "fields", "--part", "auto"], "evaluate_folders"),
    ],
)
def test_each_form_with_its_own_options_is_measured(given: list[str], which: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Measured(Exception):
        pass

    def measured(*_: object) -> None:
        raise Measured

    monkeypatch.setattr(evaluating, which, measured)
    with pytest.raises(Measured):
        CliRunner().invoke(app, ["evaluate", *given], catch_exceptions=False)


def test_a_recipe_that_is_shown_is_a_recipe_file(tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["recipes", "small-polar"], catch_exceptions=False).output
    (tmp_path / "mine.yaml").write_text(shown, "utf-8")
    assert load(str(tmp_path / "mine.yaml")) == load("small-polar")
    with pytest.raises(ModicumError, match="Did you mean 'small-whole'"):
        CliRunner().invoke(app, ["recipes", "small-hole"], catch_exceptions=False)
    with pytest.raises(ModicumError, match="modicum plan"):
        CliRunner().invoke(app, ["recipes", "auto"], catch_exceptions=False)
