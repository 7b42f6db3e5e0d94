"""Reading recipes: the ones that come with Modicum, a user's YAML file, and changes from the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from modicum.errors import ModicumError
from modicum.recipes.schema import FOR_NETWORKS, OF_NETWORKS, Recipe, explained
from modicum.tables import nearest

_FOLDER = resources.files("modicum.recipes")


def names() -> list[str]:
    """Names of the recipes that come with Modicum."""
    return sorted(f.name.removesuffix(".yaml") for f in _FOLDER.iterdir() if f.name.endswith(".yaml"))


def load(name: str, changes: Sequence[str] = ()) -> Recipe:
    """The recipe of that name, or of a YAML file; `changes` are "key.key=value" as `--set` gives them.

    Raises:
        ModicumError: unknown recipe or key (with the nearest valid one), a value of the wrong kind, broken YAML.
    """
    return checked(unchecked(name, changes), name)


def unchecked(name: str, changes: Sequence[str] = ()) -> dict[str, Any]:
    """The plain values of a recipe, as they stand in its file and are changed.

    Raises:
        ModicumError: unknown recipe, broken YAML, a change that cannot be made.
    """
    if name.endswith((".yaml", ".yml")):
        values = _read(Path(name))
        if not isinstance(values, dict):
            raise ModicumError("a recipe is a mapping of keys to values.", file=name)
        return change(values, changes)
    if name not in names():
        raise ModicumError(f"unknown recipe '{name}'.", remedy=nearest(name, ["auto", *names()]))
    return change(_parse(_FOLDER.joinpath(f"{name}.yaml").read_text("utf-8"), name), changes)


def checked(values: Mapping[str, Any], where: str = "recipe") -> Recipe:
    """A recipe from plain values."""
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise explained(error) from None


def change(values: Mapping[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """Plain values with every "key.key=value" applied; values are read as YAML.

    Changing a part's name drops the options of the part it replaces.

    Raises:
        ModicumError: a change without "=", with broken YAML, or of a key below something that has no keys.
    """
    changed: dict[str, Any] = {**values}
    for one in changes:
        path, equals, text = one.partition("=")
        if not equals:
            raise ModicumError(f"'{one}' is not of the form key=value.", remedy="For example --set fit.loss=focal")
        *parents, last = path.strip().split(".")
        place = changed
        for key in parents:
            place[key] = _opened(place.get(key, {}), key, one)
            place = place[key]
        place[last] = _parse(text, path)
    return changed


def _opened(below: Any, key: str, one: str) -> dict[str, Any]:
    """A copy of what stands under a key, into which a change can reach; a part given by its name becomes a mapping."""
    if isinstance(below, str):
        return {"name": below}
    if not isinstance(below, Mapping):
        raise ModicumError(f"'{one}' cannot be set: '{key}' is {json.dumps(below, default=str)}, which has no keys below it.")
    return {**below}


def dump(recipe: Recipe) -> str:
    """The resolved recipe as YAML."""
    return yaml.safe_dump(plain(recipe), sort_keys=False, allow_unicode=True)


def plain(recipe: Recipe) -> dict[str, Any]:
    """The resolved recipe as plain values, without what it cannot have."""
    if recipe.method is None:
        return recipe.model_dump(mode="json", exclude={"method"})
    without = dict.fromkeys(FOR_NETWORKS, True) | {axis: set(keys) for axis, keys in OF_NETWORKS.items()}
    return recipe.model_dump(mode="json", exclude=without)


def _read(path: Path) -> Any:
    try:
        return _parse(path.read_text("utf-8"), str(path))
    except OSError as error:
        raise ModicumError(f"the recipe cannot be read ({error.strerror}).", file=path) from None
    except UnicodeDecodeError:
        raise ModicumError("a recipe is text in UTF-8; this is something else.", file=path) from None


def _parse(text: str, where: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ModicumError(f"'{where}' is not valid YAML: {str(error).splitlines()[0]}.") from None
