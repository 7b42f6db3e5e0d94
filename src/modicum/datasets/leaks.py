"""What a split divides that belongs together: patients, copies of one picture, and pictures that are nearly the same."""

from __future__ import annotations

from collections.abc import Sequence

from modicum.datasets.case import Case, Dataset, Split
from modicum.datasets.resemblance import Resemblance, resemblance
from modicum.errors import Finding

_SHOWN = 10  # near-duplicates named one by one
_PARTS = ("train", "val", "test")

Sides = Sequence[dict[str, str]]  # for each split: part of each case id


def check_split(dataset: Dataset, *splits: Split) -> list[Finding]:
    """Patients and resembling pictures on both sides of a split as it is used; of several splits (folds), of any.

    The findings are equal to those of `check` for the same split. What has been read for `check` is not read again.
    """
    sides = [sides_of(dataset, s) for s in splits]
    return [*patients_apart(dataset, sides), *copies(dataset, sides, resemblance(dataset), only_across=True)]


def join_findings(before: Sequence[Finding], of_splits: Sequence[Finding]) -> list[Finding]:
    """Findings of `check` and of `check_split` in one list; what a split says of a file replaces what was said before."""
    said = {(f.kind, f.file) for f in of_splits}
    return [*(f for f in before if (f.kind, f.file) not in said), *of_splits]


def sides_of(dataset: Dataset, split: Split | None) -> dict[str, str]:
    """Part of each case: by the split, else as prescribed."""
    if split is not None:
        return {i: part for part in _PARTS for i in getattr(split, part)}
    return {c.id: c.part for c in dataset.cases if c.part is not None}


def patients_apart(dataset: Dataset, sides: Sides) -> list[Finding]:
    """Patients with pictures in two parts."""
    findings = []
    for parts in sides:
        of_patient: dict[str, dict[str, Case]] = {}
        for case in dataset.cases:
            if case.id in parts:
                of_patient.setdefault(case.patient or case.id, {}).setdefault(parts[case.id], case)
        for patient, found in of_patient.items():
            if len(found) > 1:
                findings.append(_patient_apart(patient, {part: found[part] for part in _PARTS if part in found}))
    return list(dict.fromkeys(findings))


def _patient_apart(patient: str, found: dict[str, Case]) -> Finding:
    return Finding(
        "warning",
        "patient-on-both-sides",
        f"the pictures of patient '{patient}' are in {' and '.join(found)} ({', '.join(c.id for c in found.values())}): "
        "figures on them are too good.",
        file=str(next(iter(found.values())).image),
        remedy="Put all pictures of a patient into one part.",
    )


def copies(dataset: Dataset, sides: Sides, resembling: Resemblance, *, only_across: bool = False) -> list[Finding]:
    """The same picture twice, and nearly the same picture on both sides; without any side, wherever it is."""
    cases = {c.id: c for c in dataset.cases}
    findings = []
    for ids in resembling.same:
        for position, i in enumerate(ids[1:], 1):
            first = next((j for j in ids[:position] if _across(j, i, sides)), ids[0])
            where = _across(first, i, sides)
            if where or not only_across:
                findings.append(_copy(cases[first], cases[i], where))
    pairs = []
    for first, second in resembling.alike:
        where = _across(first, second, sides)
        apart = (cases[first].patient or first) != (cases[second].patient or second)
        if where or (apart and not any(sides) and not only_across):
            pairs.append((cases[first], cases[second], where))
    findings += [_near_copy(*pair) for pair in pairs[:_SHOWN]]
    if len(pairs) > _SHOWN:
        message = f"{len(pairs) - _SHOWN} more pairs of pictures look nearly the same."
        remedy = "Frames of one video or cuts of one slide? Give them one patient in a manifest."
        findings.append(Finding("warning", "near-duplicate", message, remedy=remedy))
    return findings


def _copy(first: Case, second: Case, where: str) -> Finding:
    message = f"is the same picture as {first.image.name}{f', {where}' if where else ''}."
    remedy = "Remove one, or give both the same patient."
    return Finding("warning", "duplicate-picture", message, str(second.image), remedy)


def _near_copy(first: Case, second: Case, where: str) -> Finding:
    message = f"looks nearly the same as {first.image.name}"
    message += f", {where}: figures on it are too good." if where else "; they should stay on one side of a split."
    remedy = "Give both the same patient in a manifest, or remove one."
    return Finding("warning", "near-duplicate", message, str(second.image), remedy)


def _across(first: str, second: str, sides: Sides) -> str:
    """Where two cases are, if a split divides them."""
    for parts in sides:
        one, other = parts.get(first), parts.get(second)
        if one and other and one != other:
            return f"which is in {one}, this in {other}"
    return ""
