"""How large a planned recipe is made: as large as this machine can make enough steps of in the budget."""

from __future__ import annotations

import json
from dataclasses import replace

from modicum.recipes import Recipe, change, checked
from modicum.runs.estimate import measured_step
from modicum.runs.folder import RunFolder
from modicum.runs.prepare import Prepared
from modicum.runs.trials import SHARE as TRIALS_SHARE

_LEAST_MINUTES = 1.0  # below, not worth measuring


def grown(prepared: Prepared, folder: RunFolder | None = None) -> Prepared:
    """With the largest version of the planned recipe of which the budget has room for enough steps, measured here.

    What a run has once chosen stands in its folder's `size.json` and stays, however fast the machine is later.
    """
    larger, minutes = prepared.plan.larger, prepared.minutes_each
    if minutes is not None and prepared.rivals:
        minutes *= 1 - TRIALS_SHARE
    if not larger or minutes is None or minutes < _LEAST_MINUTES:
        return prepared
    if folder is None:
        count, reason = _measured(prepared, minutes)
    elif (file := folder.path / "size.json").exists():
        count, reason = json.loads(file.read_text("utf-8"))
    else:
        count, reason = _measured(prepared, minutes)
        folder.write_json(file.name, [count, reason])
    recipe = prepared.plan.recipe if count == 0 else _larger(prepared, count - 1)
    return replace(prepared, plan=replace(prepared.plan, recipe=recipe, reasons=(*prepared.plan.reasons, reason)))


def larger_versions(prepared: Prepared) -> list[Recipe]:
    """All that the planned recipe may grow to."""
    return [_larger(prepared, index) for index in range(len(prepared.plan.larger))]


def _larger(prepared: Prepared, index: int) -> Recipe:
    """With the changes of all versions up to this one."""
    changes = [one for larger in prepared.plan.larger[: index + 1] for one in larger.changes]
    return checked(change(prepared.plan.recipe.model_dump(), changes))


def _measured(prepared: Prepared, minutes: float) -> tuple[int, str]:
    """How many versions up from the planned one, and why; a version that does not fit into the memory is too large."""
    found, compute = "the smallest", None
    for index, larger in enumerate(prepared.plan.larger):
        try:
            step = measured_step(_larger(prepared, index), prepared.dataset, prepared.seen, compute)
        except RuntimeError as error:  # PyTorch's own word for no memory, and for much else
            if "memory" not in str(error):
                raise
            return index, f"Size: {found}; {larger.words} do not fit into this machine's memory."
        compute = step.compute
        room = 60 * minutes / step.seconds
        if room < larger.steps:
            told = f"{larger.words} would be worth {larger.steps:,} steps, and {minutes:g} minutes have room for {room:,.0f}"
            return index, f"Size: {found}; {told} (measured on this machine)."
        found = f"{larger.words}, of which {minutes:g} minutes have room for {room:,.0f} steps"
    return len(prepared.plan.larger), f"Size: {found} (measured on this machine)."
