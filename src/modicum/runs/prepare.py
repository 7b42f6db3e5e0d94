"""Before a training: what the data are, how they are divided, and the recipe; what `plan` shows and `train` does."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from modicum.console import bar, say
from modicum.datasets import (
    Dataset,
    check,
    check_split,
    choose_evaluation,
    fingerprint,
    join_findings,
    unusable,
)
from modicum.datasets.case import Case, Split, counted
from modicum.datasets.fingerprint import Fingerprint
from modicum.errors import Finding, ModicumError, alike, and_others
from modicum.planning import Plan, Rival, plan, with_angles, with_cubes, with_spacing
from modicum.recipes import WITHOUT_WHOLE_MASKS, Recipe, load, unchecked
from modicum.recipes.axes import Data
from modicum.supervision import PseudoLabels
from modicum.tables import nearest

DEFAULT_MINUTES = 10.0


@dataclass(frozen=True)
class Prepared:
    """Everything that is decided before the first step."""

    dataset: Dataset
    findings: tuple[Finding, ...]
    splits: tuple[Split, ...]  # one, or the folds
    seen: Fingerprint  # of all usable ones but the test pictures; of all in them where there are folds
    plan: Plan

    @property
    def rivals(self) -> tuple[Rival, ...]:
        """What is tried beside the plan; nothing where folds share the budget, because each would have to choose for itself."""
        return self.plan.rivals if len(self.splits) == 1 else ()

    @property
    def minutes_each(self) -> float | None:
        """Of each training: of the only one, or of the folds' and, without an ensemble, one more on all labelled pictures."""
        recipe, several = self.plan.recipe, len(self.splits) > 1
        return (
            None
            if recipe.fit.budget is None
            else recipe.fit.budget / (len(self.splits) + (several and not recipe.finish.ensemble))
        )


def prepare(
    dataset: Dataset, recipe: str, minutes: float | None, folds: int | None, changes: Sequence[str], seed: int | None
) -> Prepared:
    """Check, divide, look at what is not set aside for testing, and choose the recipe.

    Raises:
        ModicumError: the data cannot serve, or the recipe is wrong.
    """
    early = [c for c in changes if recipe != "auto" or not c.startswith("view.")]  # a plan of no pictures has another view
    blind = choose_recipe(Fingerprint(), recipe, minutes, early, seed).recipe  # its way of dividing needs no picture
    dataset = without(dataset, blind.data.leave_out)
    dataset = replace(dataset, cases=tuple(replace(c, tissue=blind.data.tissue) for c in dataset.cases))
    findings, left_out = examine(dataset)
    data = blind.data
    try:
        splits = choose_evaluation(dataset, folds, blind.seed, left_out, test_share=data.test_share, val_share=data.val_share)
    except ModicumError:
        tell(findings)  # why nothing is left to divide
        raise
    first, several = splits[0], len(splits) > 1
    hidden = frozenset(c.id for c in dataset.labelled).difference(first.train, first.val, first.test if several else ())
    findings = join_findings(findings, check_split(dataset, *splits))
    if several:
        findings += _not_used_by_folds([c for c in dataset.labelled if c.id in hidden - left_out], data)
    tell(findings)
    seen = fingerprint(replace(dataset, cases=tuple(c for c in dataset.cases if c.id not in hidden)))
    chosen = choose_recipe(seen, recipe, minutes, changes, seed)
    if chosen.recipe.finish.ensemble and len(splits) == 1:
        raise ModicumError(
            "an ensemble is made of the networks of folds, and there are none.", remedy="Ask for some: --folds 5"
        )
    if chosen.recipe.finds_centres:
        raise ModicumError(
            "a heatmap of centres is no segmentation.",
            remedy="Use it to find the objects: --recipe small-polar --set localiser=heatmap",
        )
    _refuse_what_cannot_apply(dataset, chosen.recipe)
    weak = _of_weak_labels(dataset, chosen.recipe)
    tell(weak)
    findings += weak
    if chosen.recipe.finish.ensemble and chosen.recipe.start["name"] == "model":
        raise ModicumError("the networks of folds begin anew, not with a model.", remedy="Leave out start, or finish.ensemble.")
    for fitted in (with_angles, with_cubes, with_spacing):
        chosen = fitted(chosen, seen)
    return Prepared(dataset, tuple(findings), tuple(splits), seen, chosen)


def choose_recipe(seen: Fingerprint, recipe: str, minutes: float | None, changes: Sequence[str], seed: int | None) -> Plan:
    """The planned or the named recipe, with the command line's changes and a length.

    Args:
        minutes: of training; None: the recipe's own, 10 where it has none.
        seed: None: the recipe's own.
    """
    by_epochs = any(c.startswith("fit.epochs=") for c in changes)
    if by_epochs and minutes is not None:
        raise ModicumError("a budget and fit.epochs exclude each other.", remedy="Give one of them.")
    own = [] if seed is None else [f"seed={seed}"]
    set_by_you = [f"Set by you: {', '.join(changes)}."] if changes else []
    if recipe == "auto":
        length = ["fit.budget=null"] if by_epochs else []
        chosen = plan(seen, minutes or DEFAULT_MINUTES, [*own, *length, *changes])
        return replace(chosen, reasons=(*chosen.reasons, *set_by_you))
    classical = unchecked(recipe, changes).get("method") is not None  # takes the time that it takes
    if minutes is not None and not classical:
        own += [f"fit.budget={minutes}", "fit.epochs=null"]
    elif by_epochs and not classical:
        own += ["fit.budget=null"]
    loaded = load(recipe, [*own, *changes])
    if loaded.fit.epochs is None and loaded.fit.budget is None and not classical:
        loaded = load(recipe, [*own, *changes, f"fit.budget={DEFAULT_MINUTES}"])
    return Plan(loaded, (f"Recipe {loaded.name}: {loaded.description}", *set_by_you))


def examine(dataset: Dataset) -> tuple[list[Finding], frozenset[str]]:
    """Problems of the data, and the ids of the cases that cannot be used."""
    with bar("Checking the data") as progress:
        findings = [*dataset.findings, *check(dataset, progress=lambda done, total: progress.update(done, total))]
    whole = [f for f in findings if f.severity == "error" and not f.file]
    if whole:
        raise ModicumError(whole[0].message, file=dataset.root, remedy=whole[0].remedy)
    return findings, unusable(dataset, findings)


def _refuse_what_cannot_apply(dataset: Dataset, recipe: Recipe) -> None:
    """An error for keys that these data would leave without effect.

    .5 is no threshold of one's own: recipes of one class may be used for several.
    """
    images, finish = recipe.images, recipe.finish
    shown = [key for key, own in (("window", images.window), ("spacing", images.spacing)) if own not in (None, "auto")]
    if shown and all(c.slice is None for c in dataset.cases):
        keys = " and ".join(f"images.{key}" for key in shown)
        raise ModicumError(f"{keys} say how volumes are shown, and these are pictures.", remedy="Leave these keys out.")
    if len(dataset.classes) > 1 and (finish.low is not None or finish.threshold not in ("auto", 0.5)):
        raise ModicumError(
            f"the labels have {len(dataset.classes)} classes, of which the most probable wins: there is no threshold to set.",
            remedy="Use --set finish.threshold=auto --set finish.low=null",
        )


def _of_weak_labels(dataset: Dataset, recipe: Recipe) -> list[Finding]:
    """A warning where scribbles will be made of full labels.

    Raises:
        ModicumError: the recipe needs whole objects, and labels are marked in part.
    """
    in_part = dataset.code.unmarked is not None
    if in_part and (why := recipe.needs_whole_masks):
        raise ModicumError(f"{why}, which labels with unmarked pixels do not show.", remedy=WITHOUT_WHOLE_MASKS)
    pseudo = recipe.taught_by.unlabelled
    if in_part and isinstance(pseudo, PseudoLabels) and pseudo.share_range is None:
        raise ModicumError(
            "labels with unmarked pixels do not tell how large objects are, which decides what pseudo-labels are believed.",
            remedy="Say it: --set 'supervision.share_range=[0.01,0.5]'",
        )
    if in_part or recipe.labels != "scribbles":
        return []
    message = "the labels have no unmarked pixels: scribbles are drawn into them, as if no more were known."
    remedy = 'If they are scribbles, give the value of unmarked pixels in classes.json: {"lesion": 1, "unmarked": 255}.'
    return [Finding("warning", "scribbles-simulated", message, remedy=remedy)]


def without(dataset: Dataset, left_out: Collection[str]) -> Dataset:
    """The data set without some of its cases; the name of a volume stands for all its slices.

    Raises:
        ModicumError: a name that neither case nor volume has.
    """
    known, gone = {name for c in dataset.cases for name in (c.id, c.volume) if name}, {*left_out}
    for name in sorted(gone - known):
        remedy = nearest(name, {c.volume or c.id for c in dataset.cases})
        raise ModicumError(f"data.leave_out names '{name}', which is no case here.", remedy=remedy)
    return replace(dataset, cases=tuple(c for c in dataset.cases if not {c.id, c.volume} & gone))


def tell(findings: Iterable[Finding]) -> None:
    """Warnings and errors, a line for those that are alike."""
    for group in alike((f for f in findings if f.severity != "note"), in_words=True):
        first = group[0]
        remedy = f" {first.remedy}" if first.remedy else ""
        say(f"{first.severity}: {first.file + ': ' if first.file else ''}{first.message}{and_others(group)}{remedy}")


def _not_used_by_folds(prescribed: Sequence[Case], data: Data) -> list[Finding]:
    """A warning where a test set is prescribed, and a note where a share of the patients is asked for."""
    findings = []
    if prescribed:
        message = f"{counted(prescribed, 'test')} as the data set prescribes, in no fold: the figures are of the others."
        remedy = "Leave out --folds, or test the finished model on them: modicum evaluate RUN/model.modicum DATA"
        findings.append(Finding("warning", "test-set-in-no-fold", message, remedy=remedy))
    if data.test_share != Data().test_share:
        message = f"data.test_share={data.test_share:g} is not used: folds test every picture."
        findings.append(Finding("note", "test-share-not-used", message))
    return findings
