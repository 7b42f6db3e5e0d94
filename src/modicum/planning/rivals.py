"""Recipes that may be better than the planned one on these pictures, where no rule tells and short trials can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modicum.datasets.fingerprint import Fingerprint
from modicum.recipes import Recipe, load

_ITS_OWN = ("view", "network", "start", "images.normalise", "fit.rate", "fit.epochs")  # a rival would undo what is set of these
_IN_COLOUR = (
    "the pictures are in colour: where objects differ from their surroundings by more than brightness and colour (polyps), an "
    "encoder that knows ImageNet finds far more of them"
)


@dataclass(frozen=True)
class Rival:
    """A recipe to be tried beside the planned one, and why it may be better."""

    recipe: Recipe
    reason: str


def rivals_of(planned: Recipe, seen: Fingerprint, changes: Sequence[str]) -> tuple[Rival, ...]:
    """What is worth a trial beside a planned recipe with these changes by the user ("key.key=value")."""
    chosen_by_user = any(touches(one, key) for one in changes for key in _ITS_OWN)
    if chosen_by_user or planned.view["name"] != "whole" or max(seen.channels, default=1) < 3:
        return ()
    return (Rival(load("small-imagenet", [f"fit.budget={planned.fit.budget}", *changes]), _IN_COLOUR),)


def touches(change: str, axis: str) -> bool:
    """Whether a change "key.key=value" concerns an axis, or a part of it."""
    key = change.split("=")[0].strip()
    return key == axis or key.startswith(f"{axis}.") or axis.startswith(f"{key}.")
