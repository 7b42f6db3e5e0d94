"""The trainings of one split, one after the other: localiser, start, labelled pictures alone, and the network itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from modicum.bundle import Bundle
from modicum.console import say
from modicum.datasets.case import Case
from modicum.errors import Finding
from modicum.runs.fitting import fit_method
from modicum.runs.localising import first_recipe, given_teacher, seen_by
from modicum.runs.material import Material, Training, read_material
from modicum.runs.pretraining import Pretrained, pretrain
from modicum.runs.pseudo import taught_pictures
from modicum.runs.trained import Trained
from modicum.runs.training import train_network
from modicum.runs.unlabelled import unlabelled_cases
from modicum.starts import STARTS
from modicum.supervision import PseudoLabels
from modicum.training.pace import BudgetTooShort

T = TypeVar("T")


def train_once(training: Training) -> Trained:
    """Train, going on from checkpoints where there are some; first what must be trained before."""
    recipe, taught = training.recipe, training.recipe.taught_by
    material = read_material(training)
    if recipe.method is not None:
        return fit_method(training, material)
    if training.minutes is None and recipe.fit.epochs is None:
        training = replace(training, minutes=recipe.fit.budget)
    cases = unlabelled_cases(training.dataset, training.split, taught.folder) if taught.unlabelled else []
    first = _localiser(training, material)
    left = _less(training, first.whole_seconds if first else 0.0)
    start = _start(left, material)
    left = _less(left, start.seconds if start else 0.0)
    train = partial(
        train_network,
        material=material,
        localiser=first.bundle if first else None,
        weights=start.weights if start else None,
        seen=start.seen if start else {},
    )

    def teach(training: Training) -> Trained:
        if taught.unlabelled is None:
            return train(training)
        given = given_teacher(recipe, material.intensity.channels, training.dataset)
        if not cases:
            done = train(replace(training, recipe=recipe.with_labels_alone))
            return replace(done, findings=[_nothing_unlabelled(), *done.findings])
        return _with_unlabelled(training, cases, material, train, given)

    return replace(_within(training, left, teach), first=first, start=start)


def _nothing_unlabelled() -> Finding:
    return Finding(
        "warning",
        "nothing-unlabelled",
        "there are no unlabelled pictures: labelled pictures alone taught.",
        remedy="Put pictures without labels beside the labelled ones, or name their folder: --set supervision.folder=PATH",
    )


def _start(training: Training, material: Material) -> Pretrained | None:
    """What is learned without labels first, in its share of the budget."""
    start = training.recipe.start
    pretext = STARTS.build(start).pretext
    if pretext is None:
        return None
    say(f"The start: {start['name']}, without labels")
    return _within(training, _share(training, pretext.share), lambda own: pretrain(pretext, own, material))


def _localiser(training: Training, material: Material) -> Trained | None:
    """The network that finds the objects, where one must be trained."""
    own = first_recipe(training.recipe, material.train)
    if own is None:
        return None
    say("The localiser")
    share, whole = own.fit.budget, training.recipe.fit.budget
    if training.minutes is not None and share is not None and whole is not None:
        share *= training.minutes / whole  # with folds, everything is shorter
    first = _within(training, replace(training, recipe=own, part=f"{training.part}localiser/", minutes=share), train_once)
    say("The network that sees what it finds")
    return first


def _with_unlabelled(
    training: Training, cases: Sequence[Case], material: Material, train: Callable[..., Trained], given: Bundle | None
) -> Trained:
    """Labelled pictures alone, then, in one round or several, unlabelled ones with them.

    Args:
        given: a teacher that was trained before, in the place of labelled pictures alone.
    """
    recipe, part = training.recipe, training.part
    taught = recipe.taught_by
    rounds, anew = (
        (taught.unlabelled.rounds, taught.unlabelled.anew) if isinstance(taught.unlabelled, PseudoLabels) else (1, False)
    )
    if given is not None:
        teacher, left, trained = given, training, []
    else:
        assert recipe.alone is not None, "unlabelled pictures teach"
        say("Labelled pictures alone")
        own = replace(_share(training, taught.share), recipe=recipe.alone, part=f"{part}alone/")
        trained = [_within(training, own, train)]
        teacher, left = trained[0].bundle, _less(training, trained[0].seconds)
    for number in range(1, rounds + 1):
        say("With unlabelled pictures" + (f", round {number} of {rounds}" if rounds > 1 else ""))
        own = replace(_share(left, 1 / (rounds - number + 1)), part=part if number == rounds else f"{part}round-{number}/")
        beside = taught_pictures(teacher, cases, own, material)
        more = {} if anew or not trained else {"weights": teacher.weights, "again": True}
        latest = _within(left, own, partial(train, beside=beside, **more))
        latest = replace(latest, beside=replace(beside, pictures=()))  # they have taught
        left, teacher = _less(left, latest.seconds), latest.bundle
        trained.append(latest)
    done = replace(trained[-1], before=tuple(trained[:-1]))
    return done if given is None else _taught_by(given, done, training)


def _taught_by(teacher: Bundle, done: Trained, training: Training) -> Trained:
    """What came out, knowing what a teacher that was trained before has seen."""
    seen = {f"teacher: {name}": content for name, content in teacher.provenance.get("seen", {}).items()}
    provenance = {**done.bundle.provenance, "seen": {**seen, **done.bundle.provenance["seen"]}}
    findings = [*seen_by(teacher, "teacher", training.dataset, training.split), *done.findings]
    return replace(done, bundle=replace(done.bundle, provenance=provenance), findings=findings)


def _share(training: Training, share: float) -> Training:
    """The same training in a share of its budget."""
    return replace(training, minutes=None if training.minutes is None else training.minutes * share)


def _less(training: Training, seconds: float) -> Training:
    """The same training in what is left of its budget."""
    return replace(training, minutes=None if training.minutes is None else max(training.minutes - seconds / 60, 1e-3))


def _within(whole: Training, own: Training, train: Callable[[Training], T]) -> T:
    """Train in a share of a budget; where that is too short, what is said of the share is said of the whole."""
    try:
        return train(own)
    except BudgetTooShort as error:
        if whole.minutes is None or own.minutes is None:
            raise
        raise error.scaled(whole.minutes / own.minutes) from None
