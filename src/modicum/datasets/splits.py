"""Which pictures teach and which test: by patient, alike in foreground share, the same for the same seed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from modicum.datasets.case import Case, Dataset, Part, Split, counted
from modicum.datasets.loading import foreground_share
from modicum.errors import ModicumError

_FEW = 25  # below so many training pictures none is set aside for validation
_FEW_WHOLES = 10  # or volumes, whose slices are many and alike, or patients: .15 of fewer is one, which tells nothing
_ENOUGH_PATIENTS = 10  # from so many patients on, one held-out test set is worth more than folds
_DRAWS = 20
_UNSEEN = ("labels-as-pictures", "manifest-not-used")  # findings that tell where labels may be

Group = tuple[Case, ...]


def make_split(
    dataset: Dataset,
    *,
    seed: int,
    test_share: float = 0.2,
    val_share: float | None = None,
    exclude: Collection[str] = (),
) -> Split:
    """Labelled cases for training, validation and test. Parts that the data set prescribes are kept.

    Pictures without a prescribed part go where other pictures of their patient are prescribed to be.

    Args:
        test_share: of the patients, where no test set is prescribed.
        val_share: of the training pictures; None: 0 below 25 of them or 10 patients (`Split.val` is then empty), else
            .15, 4 to 40; of volumes 0 below 10 of them or 10 patients, else .15, 2 to 40; of two patients at least.
        exclude: ids of cases that cannot be used.

    Raises:
        ModicumError: fewer than two labelled pictures or patients, or nothing to train on.
    """
    rest, test, reason = _prescribed(dataset, exclude)
    rng = np.random.default_rng(seed)
    if not test:
        groups, every = _groups(rest, dataset), counted(rest)
        test = _draw(groups, dataset, test_share * len(rest), rng)
        reason = f"{counted(test)} out of {every} for the test, drawn {_how(groups)} (seed {seed})"
    chosen = {c.id for c in test}
    rest = [c for c in rest if c.id not in chosen]
    train, val, said = _validation(rest, dataset, val_share, rng)
    return Split(_ids(train), _ids(val), _ids(test), f"{reason}; {said}.")


def make_folds(
    dataset: Dataset, k: int, *, seed: int, val_share: float | None = None, exclude: Collection[str] = ()
) -> list[Split]:
    """Cross-validation: each labelled picture is tested once, by a model that saw no picture of its patient.

    More folds than patients become leave-one-patient-out. A test set that the data set prescribes is in no fold.

    Args:
        val_share: of each fold's training pictures, as in `make_split`.

    Raises:
        ModicumError: k below 2, or fewer than two labelled pictures or patients.
    """
    if k < 2:
        raise ModicumError(f"{k} fold is no cross-validation.", remedy="Use 2 folds or more.")
    cases, kept, prescribed = _prescribed(dataset, exclude)
    groups = _groups(cases, dataset)
    rng = np.random.default_rng(seed)
    if k >= len(groups):
        folds: list[list[Case]] = [list(g) for g in groups]
        how = f"leave one {'picture' if len(groups) == len(cases) else 'patient'} out, {len(groups)} times"
    else:
        folds = _deal(_by_share(groups, dataset, rng), k, rng)
        how = f"{k} folds, dealt {_how(groups)} (seed {seed})"
    splits = []
    for fold in folds:
        tested = {c.id for c in fold}
        train, val, _ = _validation([c for c in cases if c.id not in tested], dataset, val_share, rng)
        splits.append(Split(_ids(train), _ids(val), _ids(fold), ""))
    reason = f"Cross-validation: {how}; {_span([len(s.train) for s in splits])} to train each time, "
    some = any(s.val for s in splits)
    reason += f"{_span([len(s.val) for s in splits])} to validate." if some else "none set aside for validation."
    reason += f" In no fold: {prescribed}." if kept else ""
    return [replace(s, reason=reason) for s in splits]


def choose_evaluation(
    dataset: Dataset,
    folds: int | None = None,
    seed: int = 0,
    exclude: Collection[str] = (),
    *,
    test_share: float = 0.2,
    val_share: float | None = None,
) -> list[Split]:
    """One held-out test set where one is prescribed or there are at least 10 patients; else folds, at most 5.

    Args:
        test_share: as in `make_split`; folds have no use for it.
        val_share: as in `make_split`.

    Raises:
        ModicumError: as `make_split` and `make_folds`.
    """
    if folds is None:
        cases = _usable(dataset, exclude)
        patients = len({c.patient or c.id for c in cases})
        if any(c.part == "test" for c in cases) or patients >= _ENOUGH_PATIENTS:
            return [make_split(dataset, seed=seed, test_share=test_share, val_share=val_share, exclude=exclude)]
        folds = min(5, patients)
    return make_folds(dataset, folds, seed=seed, val_share=val_share, exclude=exclude)


def _prescribed(dataset: Dataset, exclude: Collection[str]) -> tuple[list[Case], list[Case], str]:
    """Usable cases to be divided, those of the prescribed test set, and in words how many these are.

    Raises:
        ModicumError: fewer than two labelled pictures or patients, or all of them are prescribed for the test.
    """
    given = _usable(dataset, exclude)
    cases = _with_their_patients(given)
    test = [c for c in cases if c.part == "test"]
    rest = [c for c in cases if c.part != "test"]
    if test and not rest:
        raise ModicumError(
            "every labelled picture is in the prescribed test set, or of a patient who is; nothing is left to train on.",
            file=dataset.root,
            remedy="Label some training pictures, or remove the prescribed split.",
        )
    followed = len(test) - sum(c.part == "test" for c in given)
    why = f" ({followed} of them because others of their patient are)" if followed else ""
    return rest, test, f"{counted(test, 'test')} as the data set prescribes{why}"


def _usable(dataset: Dataset, exclude: Collection[str]) -> list[Case]:
    left_out = set(exclude)
    cases = [c for c in dataset.labelled if c.id not in left_out]
    broken = len(dataset.labelled) - len(cases)
    aside = f" ({broken} cannot be used)" if broken else ""
    if not cases:
        said = " ".join(f"{f.message} {f.remedy}" for f in dataset.findings if f.kind in _UNSEEN)
        remedy = said or "Label at least two pictures."
        raise ModicumError(f"no labelled picture was found{aside}.", file=dataset.root, remedy=remedy)
    if len(cases) == 1:
        raise ModicumError(
            f"there is one labelled picture{aside}, and one picture cannot both teach and test.",
            file=dataset.root,
            remedy="Label at least one more.",
        )
    if len({c.patient or c.id for c in cases}) == 1:
        raise ModicumError(
            f"all {len(cases)} labelled pictures belong to one patient ({cases[0].patient}): nothing would show how good "
            "the result is for another.",
            file=dataset.root,
            remedy="Add a second patient, or correct the patients in a manifest.",
        )
    return cases


def _with_their_patients(cases: Sequence[Case]) -> list[Case]:
    """Cases without a part get that of their patient's other pictures: test before val before train."""
    parts: dict[str, Part] = {}
    order: tuple[Part, ...] = ("train", "val", "test")
    for part in order:
        parts |= {c.patient: part for c in cases if c.part == part and c.patient}
    return [c if c.part is not None else replace(c, part=parts.get(c.patient)) for c in cases]


def _groups(cases: Sequence[Case], dataset: Dataset) -> list[Group]:
    found: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        found[case.patient or case.id].append(case)
    if len(found) < 2:
        raise ModicumError(
            "the pictures that are left to divide belong to one patient.",
            file=dataset.root,
            remedy="Add a second patient, or prescribe a test set.",
        )
    return [tuple(g) for _, g in sorted(found.items())]


def _by_share(groups: Sequence[Group], dataset: Dataset, rng: np.random.Generator) -> list[Group]:
    """Groups in order of their foreground share; equals in random order."""
    shares = np.array([np.mean([foreground_share(c, dataset.code) for c in g]) for g in groups])
    order = np.lexsort((rng.random(len(groups)), shares))
    return [groups[i] for i in order]


def _draw(groups: Sequence[Group], dataset: Dataset, wanted: float, rng: np.random.Generator, least: int = 1) -> list[Case]:
    """About `wanted` cases in `least` groups or more, one from each stretch of similar foreground share; one group stays."""
    ordered = _by_share(groups, dataset, rng)
    total = sum(len(g) for g in ordered)
    count = int(np.clip(round(wanted / total * len(ordered)), least, len(ordered) - 1))
    stretches = np.array_split(np.arange(len(ordered)), count)
    draws = [[int(rng.choice(s)) for s in stretches] for _ in range(_DRAWS)]
    best = min(draws, key=lambda d: abs(sum(len(ordered[i]) for i in d) - wanted))
    return [c for i in best for c in ordered[i]]


def _deal(ordered: Sequence[Group], k: int, rng: np.random.Generator) -> list[list[Case]]:
    """Groups dealt to k folds, k neighbours in foreground share to k different folds, the largest to the emptiest."""
    folds: list[list[Case]] = [[] for _ in range(k)]
    for start in range(0, len(ordered), k):
        hand = sorted(ordered[start : start + k], key=len, reverse=True)
        emptiest = sorted(range(k), key=lambda i: (len(folds[i]), rng.random()))
        for group, fold in zip(hand, emptiest, strict=False):
            folds[fold] += group
    return folds


def _validation(
    cases: list[Case], dataset: Dataset, share: float | None, rng: np.random.Generator
) -> tuple[list[Case], list[Case], str]:
    """Training and validation cases, and in words why."""
    val = [c for c in cases if c.part == "val"]
    train = [c for c in cases if c.part != "val"]
    if val and train:
        return train, val, f"{len(train)} to train, {len(val)} to validate as the data set prescribes"
    wholes = len({c.volume or c.id for c in cases})
    patients = len({c.patient or c.id for c in cases})
    few, least, what = (_FEW, 4, "") if wholes == len(cases) else (_FEW_WHOLES, 2, " volumes")
    why = f" (fewer than {few}{what})" if wholes < few else ""
    why = why or (f" (fewer than {_FEW_WHOLES} patients)" if patients < _FEW_WHOLES else "")
    if share is None:
        wanted = 0.0 if why else float(np.clip(round(0.15 * wholes), least, 40)) * len(cases) / wholes
    else:
        wanted = share * len(cases)
    if wanted <= 0 or patients < 2:
        return cases, [], f"all other {len(cases)} to train, none set aside for validation{why}"
    val = _draw(_groups(cases, dataset), dataset, wanted, rng, least=2 if share is None else 1)
    chosen = {c.id for c in val}
    train = [c for c in cases if c.id not in chosen]
    return train, val, f"{len(train)} to train, {len(val)} to validate"


def _span(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


def _how(groups: Sequence[Group]) -> str:
    whole = "" if all(len(g) == 1 for g in groups) else "by whole patients and "
    return f"{whole}with all foreground shares in each part"


def _ids(cases: Sequence[Case]) -> tuple[str, ...]:
    return tuple(sorted(c.id for c in cases))
