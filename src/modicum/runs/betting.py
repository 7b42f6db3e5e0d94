"""Where folds share the budget no trial is held: a rival of the planned recipe that is the better bet is taken untried."""

from __future__ import annotations

import json
from dataclasses import replace

from modicum.planning import Rival
from modicum.planning.rivals import better_bet
from modicum.runs.estimate import measured_step
from modicum.runs.folder import RunFolder
from modicum.runs.prepare import Prepared
from modicum.runs.trials import LEAST_SECONDS, LEAST_STEPS


def bet_of_folds(prepared: Prepared) -> Rival | None:
    """What folds would take instead of the planned recipe, where the time is enough."""
    if len(prepared.splits) == 1 or prepared.minutes_each is None or 60 * prepared.minutes_each < LEAST_SECONDS:
        return None
    return better_bet(prepared.plan.rivals)


def betted(prepared: Prepared, folder: RunFolder | None = None) -> Prepared:
    """With the better bet, if each training has room for enough of its steps, measured here.

    What a run has once chosen stands in its folder's `bet.json` and stays, however fast the machine is later.
    """
    bet, minutes = bet_of_folds(prepared), prepared.minutes_each
    if bet is None or minutes is None:
        return prepared
    file = None if folder is None else folder.path / "bet.json"
    if file is not None and file.exists():
        steps = json.loads(file.read_text("utf-8"))
    else:
        steps = int(60 * minutes / measured_step(bet.recipe, prepared.dataset, prepared.seen).seconds)
        if folder is not None:
            folder.write_json("bet.json", steps)
    if steps < LEAST_STEPS:
        return prepared
    told = f"Recipe {bet.recipe.name}, untried because folds share the budget: {bet.unless_tried}. {bet.recipe.description}"
    reasons = (told, *prepared.plan.reasons)
    return replace(prepared, plan=replace(prepared.plan, recipe=bet.recipe, reasons=reasons, rivals=(), larger=()))
