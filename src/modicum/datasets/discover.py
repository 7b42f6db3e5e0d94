"""From a path to a data set: which layout it is, what is in it, and what had to be guessed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from modicum.datasets.case import Case, Dataset
from modicum.datasets.labels import infer_code
from modicum.datasets.layouts import LAYOUTS, Found
from modicum.datasets.layouts.found import PARTS, subfolders
from modicum.datasets.layouts.generic import labels_alone
from modicum.datasets.layouts.manifest import overlooked, read_manifest
from modicum.datasets.layouts.pairing import without_labels
from modicum.datasets.patients import guess_patients, told_of_volumes
from modicum.datasets.volumes import sliced
from modicum.errors import Finding, ModicumError, Severity
from modicum.images.formats import PICTURE_SUFFIXES, VOLUME_SUFFIXES, is_dicom, is_volume, picture_suffix

_AS_FILES = "Write names as the pictures' files have them, with or without suffix."


def discover(path: Path | str) -> Dataset:
    """The data set in a folder or a CSV manifest.

    Besides its layout, a folder may hold `split.json` ({"train": [stems], "val": [...], "test": [...]}) and
    `classes.json` ({"name": value} or {"name": [r, g, b]}, optionally "background" and "unmarked"), the latter also beside
    the only folder that there is. Only some labels are read.

    Raises:
        ModicumError: nothing is there, or nothing in it is understood; the message lists the layouts that are.
    """
    path = Path(path)
    if not path.exists():
        raise ModicumError("there is no such file or folder.", file=path, remedy="Check the path.")
    if path.is_file():
        if path.suffix.lower() not in (".csv", ".tsv"):
            raise ModicumError("is a file.", file=path, remedy="Give the folder of the data set, or a CSV manifest.")
        root, found = path.parent, read_manifest(path)
    else:
        root, found = _recognise(path)
    notes, findings = list(found.notes), list(found.findings)
    cases = _unique_ids(found.cases if found.layout == "manifest" else without_labels(found.cases, findings))
    if found.layout != "manifest":
        cases = _prescribed(root, cases, notes, findings)
        severity: Severity = "note" if any(c.labelled for c in cases) else "warning"
        findings += [f for place in dict.fromkeys((path, root)) for f in overlooked(place, severity)]
    cases = _with_patients(cases, notes)
    table = found.classes or class_table(root) or class_table(path)  # root may lie within path
    try:
        code, classes, said = infer_code([p for c in cases for p in c.labels], table)
    except ModicumError as error:
        tables = [p / "classes.json" for p in (root, path) if (p / "classes.json").is_file()]
        raise ModicumError(error.problem, file=error.file or (*tables, path)[0], remedy=error.remedy) from None
    cases = sliced(cases, findings, notes)
    if not cases:
        first = findings[0]
        raise ModicumError(first.message, file=first.file, remedy=first.remedy)
    return Dataset(root, found.layout, tuple(cases), classes, code, (*notes, *said), tuple(findings))


def _recognise(path: Path) -> tuple[Path, Found]:
    """The first layout that fits the folder, or the only folder within it (as archives are often unpacked)."""
    for read in LAYOUTS.values():
        found = read(path)
        if found is not None and found.cases:
            return path, found
    inner = list(subfolders(path).values())
    labels = labels_alone(path)
    if len(inner) == 1 and labels is None:
        return _recognise(inner[0])
    understood = "Layouts that are understood: " + "; ".join(LAYOUTS) + "."
    if labels is not None:
        raise ModicumError(f"there are labels in {labels.name}/, but no pictures.", file=path, remedy=understood)
    problem = "no picture was found here." if any(path.iterdir()) else "the folder is empty."
    raise ModicumError(problem, file=path, remedy=understood)


def _unique_ids(cases: Sequence[Case]) -> list[Case]:
    """Ids that name one case each and can name a file: stems, with folders before them where stems repeat."""
    counts = Counter(c.id for c in cases)
    taken: set[str] = set()
    unique = []
    for case in cases:
        name = case.id
        parents = list(case.image.parts[:-1])
        while (counts[name] > 1 or name in taken) and len(parents) > 1:
            name = f"{parents.pop()}_{name}"
        suffix = 2
        while name in taken:
            name, suffix = f"{name}_{suffix}", suffix + 1
        taken.add(name)
        unique.append(replace(case, id=name))
    return unique


def _prescribed(root: Path, cases: list[Case], notes: list[str], findings: list[Finding]) -> list[Case]:
    path = root / "split.json"
    if not path.is_file():
        return cases
    named: dict[str, Any] = {}
    known = {c.id for c in cases}
    for key, names in _json_object(path).items():
        if key.lower() not in PARTS or not isinstance(names, list):
            raise ModicumError(
                f"'{key}' is no part of a split.",
                file=path,
                remedy='Write {"train": [...], "val": [...], "test": [...]}.',
            )
        for given in (_name(s, path) for s in names):
            name = _stem(given, known)
            if name in named and named[name] != PARTS[key.lower()]:
                raise ModicumError(
                    f"'{name}' is in two parts.", file=path, remedy="A picture belongs to one part; remove the other."
                )
            named[name] = PARTS[key.lower()]
    if named and cases and not known & named.keys():
        raise ModicumError(f"none of its names is that of a picture, such as {cases[0].id}.", file=path, remedy=_AS_FILES)
    if unknown := sorted(named.keys() - known):
        names = ", ".join(unknown[:5]) + (" ..." if len(unknown) > 5 else "")
        findings.append(
            Finding(
                "warning",
                "split-unknown-case",
                f"{len(unknown)} names of the split belong to no picture: {names}.",
                file=str(path),
                remedy=_AS_FILES,
            )
        )
    if left := [c.id for c in cases if c.labelled and c.id not in named]:
        notes.append(f"{len(left)} labelled pictures are in no part of split.json (such as {left[0]}).")
    notes.append("The split is prescribed by split.json.")
    return [replace(c, part=named.get(c.id)) for c in cases]


def _stem(given: str, known: Collection[str]) -> str:
    """The name without the suffix of a file, where that is what a picture is called."""
    suffix = picture_suffix(given)
    bare = given[: len(given) - len(suffix)]
    return bare if given not in known and bare in known and suffix in (*PICTURE_SUFFIXES, *VOLUME_SUFFIXES) else given


def _name(given: Any, path: Path) -> str:
    if isinstance(given, str | int) and not isinstance(given, bool):
        return str(given)
    raise ModicumError(f"{given!r:.40} is no name of a picture.", file=path, remedy='Write {"train": ["NAME", ...]}.')


def _with_patients(cases: list[Case], notes: list[str]) -> list[Case]:
    """Patients: the given ones; else guessed from names where they say so; else each picture is its own."""
    unknown = [c.id for c in cases if not c.patient]
    if len(unknown) < len(cases):
        notes.append("Patients are given by the data set.")
        return [replace(c, patient=c.patient or c.id) for c in cases]
    if all(is_volume(c.image) and is_dicom(c.image) for c in cases):
        from modicum.images.volumes.dicom import people_in

        people = people_in([c.image for c in cases])
        if any(people):
            notes.append("Patients are those that the DICOM files tell.")
            return [replace(c, patient=person or c.id) for c, person in zip(cases, people, strict=True)]
    patients, reason = _guessed(cases)
    if all(is_volume(c.image) for c in cases):
        reason = told_of_volumes(reason)
    notes.append(reason)
    return [replace(c, patient=patients[c.id]) for c in cases]


def _guessed(cases: Sequence[Case]) -> tuple[dict[str, str], str]:
    """By the names of all pictures or, where that joins more, by the labelled ones' alone: others may come from anywhere."""
    labelled, others = ([c.id for c in cases if c.labelled is kind] for kind in (True, False))
    every, own = guess_patients([*labelled, *others]), guess_patients(labelled, others)
    return min(every, own, key=lambda guess: len({guess[0][i] for i in labelled}))


def class_table(root: Path) -> Mapping[str, Any] | None:
    """What `classes.json` in a folder says, if there is one."""
    path = root / "classes.json"
    return _json_object(path) if path.is_file() else None


def _json_object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise ModicumError(f"is no valid JSON: {error}.", file=path, remedy="Correct it, or remove it.") from None
    if not isinstance(content, dict):
        raise ModicumError("is not a JSON object.", file=path, remedy='It must look like {"name": ...}.')
    return content
