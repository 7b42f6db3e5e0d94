"""From what the data are to a recipe, with the reasons in words. Nothing here trains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from modicum.datasets.fingerprint import Fingerprint
from modicum.errors import ModicumError
from modicum.planning.larger import Larger, larger_ones
from modicum.planning.rivals import SIDED, Rival, rivals_of, touches
from modicum.planning.sizes import shown_size
from modicum.recipes import Recipe, change, checked

_WHOLE = 96  # pixels of a whole picture: in few minutes, many steps and much context teach more than fine borders
_SHOWN, _THIN = 128, 8.0  # pixels of a picture made small, and what a structure must keep of them across
_SUFFICES, _WIDE = 4.75, 6.0  # pixels across: pictures of wider ones are shrunk, so that patches show more of them
_LEAST = 256  # pixels of the longer side to which pictures are shrunk
_BRANCHING = 0.5  # solidity, below which objects are no lumps
_OFF_MIDDLE = 1.15  # the farthest corner is that much farther from an object than from the picture's middle
_FEW = 5  # objects in a picture
_NEARLY_ALL, _ROUNDISH, _SOLID, _SMALL = 0.85, 0.5, 0.85, 0.1  # of pictures; roundness; solidity; diameter to longer side
_SAME_SPACING = 0.1  # volumes whose pixels lie so nearly alike are left as they are
_TRIALS = "Trials, where the budget has room for them and no folds share it, tell"
_LONG = 120  # minutes
_ENSEMBLE = (
    "Worth trying in a budget this long: --folds 5 --set finish.ensemble=true. Five networks share it, every labelled picture "
    "but those of a prescribed test set is tested, and the model is their mean; predictions take five times as long."
)
_UNSEEN = (
    "View: the whole picture made small; how large the objects are, marks do not tell. For thin or small ones: --recipe "
    "small-patches --set supervision=scribbles."
)
_NOTHING_SEEN = (
    "View: the whole picture made small; how large the objects are is not known, because no label that was looked at shows "
    "one. For thin or small ones: --recipe small-patches."
)
_AUGMENTATION = (
    "Augmentation: any rotation and flips, scale +-25 %, colour and brightness: with few labels, the more the better."
)
_SIDED = (
    "Augmentation: no flips and little rotation, because '{}' and '{}' differ by their side alone, and a mirrored or turned "
    "picture would contradict its labels; scale +-25 %, colour and brightness."
)


@dataclass(frozen=True)
class Plan:
    """A recipe and why it looks the way it does."""

    recipe: Recipe
    reasons: tuple[str, ...]
    rivals: tuple[Rival, ...] = ()  # to be tried beside it, where the budget allows
    larger: tuple[Larger, ...] = ()  # in its place, where this machine makes enough steps of them in the budget


def plan(seen: Fingerprint, minutes: float, changes: Sequence[str]) -> Plan:
    """The recipe for these pictures and this many minutes of training on an ordinary computer.

    Args:
        changes: "key.key=value", applied last; what they touch is no longer the plan's, and its reason is left out.
    """
    unseen = seen.marked_in_part > 0 and not seen.examined
    values, reasons = (_patches if _needs_full_resolution(seen) and not unseen else _whole)(seen)
    if unseen:
        reasons["view"] = _UNSEEN
    _add(values, reasons, seen, minutes)
    values |= {"name": "auto", "description": "Chosen from the data and the budget."}
    values["fit"] |= {"budget": minutes}
    told = [reason for axis, reason in reasons.items() if not any(touches(change, axis) for change in changes)]
    recipe = checked(change(values, list(changes)))
    rivals = rivals_of(recipe, seen, changes)
    for rival in rivals:
        told.append(f"{_TRIALS} whether {rival.recipe.name} is better: {rival.reason}.")
        if bet := rival.unless_tried:
            told.append(f"Where they cannot be held but it has room, {rival.recipe.name} is taken: {bet}.")
    return Plan(recipe, tuple(told), rivals, larger_ones(recipe, seen, changes))


def _add(values: dict[str, Any], reasons: dict[str, str], seen: Fingerprint, minutes: float) -> None:
    """What does not depend on the view."""
    if seen.marked_in_part:
        values["supervision"] = "scribbles"
        reasons["supervision"] = f"Supervision: scribbles, because {seen.marked_in_part} labels are marked in part."
    if (advice := _advice(seen)) is not None:
        reasons["view.advice"] = advice
    if seen.sides is not None:
        values["fit"] |= {"augmentation": SIDED}
        reasons["fit.augmentation"] = _SIDED.format(*seen.sides)
    if seen.window is not None:
        values["images"] = {"window": list(seen.window)}
        reasons["images.window"] = (
            f"Window: {seen.window[0]} to {seen.window[1]} Hounsfield units, the labelled tissue and as much about it."
        )
    if minutes >= _LONG:
        reasons["finish.ensemble"] = _ENSEMBLE


def with_angles(chosen: Plan, seen: Fingerprint) -> Plan:
    """The plan with the number of angles of a polar view that has only distances yet.

    At the border of a typical object a step along the circle is then as long as one away from the centre.
    """
    view = chosen.recipe.view
    if view["name"] != "polar" or not isinstance(view["size"], int) or not seen.relative_diameter:
        return chosen
    radius = seen.relative_diameter / 2 * _longest(seen)
    reach = _OFF_MIDDLE * math.hypot(seen.median_height, seen.median_width) / 2
    angles = 16 * max(2, round(2 * math.pi * radius / reach * view["size"] / 16))
    recipe = checked(change(chosen.recipe.model_dump(), [f"view.size=[{angles}, {view['size']}]"]))
    told = f"Polar view: {angles} angles for {view['size']} distances: a typical object has a radius of {radius:.0f} pixels."
    return replace(chosen, recipe=recipe, reasons=(*chosen.reasons, told))


def with_spacing(chosen: Plan, seen: Fingerprint) -> Plan:
    """The plan with the distance of pixels at which volumes are shown, where it is left to be chosen.

    That of most, where volumes differ by a tenth and the view does not bring them to one size anyway.
    """
    images, view = chosen.recipe.images, chosen.recipe.view
    if images.spacing != "auto":
        return chosen
    differ = seen.spacing_spread > _SAME_SPACING and view["name"] == "patches"
    spacing = seen.spacing[1:] if seen.spacing is not None and differ else None
    shown = images.model_copy(update={"spacing": spacing})
    recipe = chosen.recipe.model_copy(update={"images": shown})
    if spacing is None:
        return replace(chosen, recipe=recipe)
    told = f"Volumes are shown with {spacing[0]:g} x {spacing[1]:g} mm between pixels: their own differ by up to "
    return replace(chosen, recipe=recipe, reasons=(*chosen.reasons, f"{told}{seen.spacing_spread:.0%}."))


def with_cubes(chosen: Plan, seen: Fingerprint) -> Plan:
    """The plan with the number of sizes at which a network of three dimensions looks slice by slice, where it has none yet.

    Height and width are halved alone until voxels are as near to cubes as they get.
    """
    network = chosen.recipe.network
    if network.get("flat", 0) is not None:
        return chosen
    if seen.spacing is None:
        raise ModicumError(f"the network '{network['name']}' sees volumes, and there are none here.", remedy="Use another one.")
    depth, height, width = seen.spacing
    flat = min(max(0, round(math.log2(depth / math.sqrt(height * width)))), len(network["widths"]) - 1)
    recipe = checked(change(chosen.recipe.model_dump(), [f"network.flat={flat}"]))
    told = (
        f"Network: {flat} of its sizes are looked at slice by slice, because voxels are {depth:g} x {height:g} x {width:g} mm."
    )
    return replace(chosen, recipe=recipe, reasons=(*chosen.reasons, told))


def _advice(seen: Fingerprint) -> str | None:
    """A view about objects that suits these pictures, to be tried beside the recipe, if there is one."""
    compact = seen.solidity >= _SOLID and seen.roundness >= _ROUNDISH
    if compact and seen.single_share >= _NEARLY_ALL and seen.relative_diameter >= _SMALL:
        return (
            f"Recommended for comparison: --recipe small-polar, because {seen.single_share:.0%} of the pictures hold one "
            f"object, compact and roundish (roundness {seen.roundness:.2f}, solidity {seen.solidity:.2f})."
        )
    if compact and (seen.objects_per_picture > _FEW or 0 < seen.relative_diameter < _SMALL):
        return (
            f"Recommended for comparison: --recipe small-crops, because objects are compact and {_many_or_small(seen)}; "
            "it looks at each of them closely."
        )
    return None


def _many_or_small(seen: Fingerprint) -> str:
    if seen.objects_per_picture > _FEW:
        return f"many ({seen.objects_per_picture:g} in a picture)"
    return f"small ({seen.relative_diameter:.1%} of the picture's longer side)"


def _longest(seen: Fingerprint) -> int:
    return max(seen.median_height, seen.median_width)


def _needs_full_resolution(seen: Fingerprint) -> bool:
    """Whether thin structures, or some of many objects, would be lost in the whole picture made small."""
    shown = shown_size(_SHOWN, seen)
    shrink = max(1.0, _longest(seen) / (shown if isinstance(shown, int) else max(shown)))
    return 0 < seen.object_thickness_px / shrink < _THIN or (seen.objects_per_picture > _FEW and shrink > 1.5)


def _patches(seen: Fingerprint) -> tuple[dict[str, Any], dict[str, str]]:
    """Of the usual picture as much as may be: one that is smaller is padded by its view."""
    longest = _shrunk_to(seen)
    shrink = 1.0 if longest is None else longest / _longest(seen)
    size = min(192, _multiple_of_32(int(shrink * min(seen.median_height, seen.median_width))))
    where = "at full resolution" if longest is None else f"of pictures shrunk to {longest}"
    reasons = {
        "view": f"View: patches of {size} pixels {where}, because structures are {seen.object_thickness_px:.1f} "
        f"pixels across{_many(seen)}, and too little of them would be left if the pictures "
        f"({seen.median_width}x{seen.median_height}) were made {'small' if longest is None else 'smaller'}.",
        "fit.augmentation": _AUGMENTATION,
    }
    view = {"name": "patches", "size": size, "longest": longest}
    return {"view": view, "network": {"name": "unet", "encoder": {"widths": [8, 16, 32, 64]}}, "fit": {"rate": 6e-3}}, reasons


def _shrunk_to(seen: Fingerprint) -> int | None:
    """The longer side at which branching structures of pictures are as wide as suffices, where they are clearly wider."""
    if seen.object_thickness_px <= _WIDE or seen.solidity >= _BRANCHING or seen.spacing is not None:
        return None
    longest = _multiple_of_32(round(_longest(seen) * _SUFFICES / seen.object_thickness_px))
    return longest if longest >= _LEAST else None


def _whole(seen: Fingerprint) -> tuple[dict[str, Any], dict[str, str]]:
    large = (
        f"View: the whole picture made small, because the objects are large enough ({seen.object_thickness_px:.0f} "
        f"pixels across in pictures of {seen.median_width}x{seen.median_height}) and their surroundings help to find them."
    )
    size = shown_size(_WHOLE, seen)
    shape = "" if isinstance(size, int) else f" It is made {size[1]}x{size[0]}, because the pictures are that much elongated."
    reasons = {
        "view": (large if seen.object_thickness_px else _NOTHING_SEEN) + shape,
        "fit.augmentation": _AUGMENTATION,
    }
    view, widths = {"name": "whole", "size": size}, [16, 32, 64, 128, 256]
    return {"view": view, "network": {"name": "unet", "encoder": {"widths": widths}}, "fit": {"rate": 4e-3}}, reasons


def _many(seen: Fingerprint) -> str:
    return f", {seen.objects_per_picture:g} in a picture" if seen.objects_per_picture > _FEW else ""


def _multiple_of_32(length: int) -> int:
    return max(32, length // 32 * 32)
