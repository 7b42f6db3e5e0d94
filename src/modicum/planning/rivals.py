"""Recipes that may be better than the planned one on these pictures, where no rule tells and short trials can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modicum.datasets.fingerprint import Fingerprint
from modicum.planning.sizes import shown_size
from modicum.recipes import Recipe, load

_ITS_OWN = (  # a rival would undo what is set of these
    "images",
    "view",
    "network",
    "localiser",
    "start",
    "supervision",
    "fit.rate",
    "fit.epochs",
)
_RIVAL = "small-imagenet"
SIDED = "sided"  # the augmentation where classes differ by left and right alone
_NAMED = ("name", "description")
_IN_COLOUR = (
    "the pictures are in colour: where objects differ from their surroundings by more than brightness and colour (polyps), an "
    "encoder that knows ImageNet finds far more of them"
)
_BETTER_BET = "it gained .18 to .38 Dice on polyps, and on lesions it made little difference"


@dataclass(frozen=True)
class Rival:
    """A recipe to be tried beside the planned one, and why it may be better."""

    recipe: Recipe
    reason: str
    unless_tried: str = ""  # why it is chosen where no trial can be held; "": then it is not


def rivals_of(planned: Recipe, seen: Fingerprint, changes: Sequence[str]) -> tuple[Rival, ...]:
    """What is worth a trial beside a planned recipe with these changes by the user ("key.key=value")."""
    if planned.leaves_pixels_out:  # marks of held-out pictures tell little of which is better
        return ()
    chosen_by_user = any(touches(one, key) for one in changes for key in _ITS_OWN)
    if chosen_by_user or planned.name == _RIVAL or planned.view["name"] != "whole" or not seen.in_colour:
        return ()
    own = [f"fit.augmentation={SIDED}"] if seen.sides is not None else []
    own += [one for one in changes if not any(touches(one, key) for key in _NAMED)]
    recipe = load(_RIVAL, [f"fit.budget={planned.fit.budget}", *own])
    size = shown_size(recipe.view["size"], seen, step=32)  # its encoder halves five times
    return (Rival(recipe.model_copy(update={"view": {**recipe.view, "size": size}}), _IN_COLOUR, _BETTER_BET),)


def better_bet(rivals: Sequence[Rival]) -> Rival | None:
    """The one that is chosen where no trial can be held."""
    return next((rival for rival in rivals if rival.unless_tried), None)


def touches(change: str, axis: str) -> bool:
    """Whether a change "key.key=value" concerns an axis, or a part of it."""
    key = change.split("=")[0].strip()
    return key == axis or key.startswith(f"{axis}.") or axis.startswith(f"{key}.")
