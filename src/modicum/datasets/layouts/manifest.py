"""A CSV manifest: one row a picture."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

from modicum.datasets.case import Case, Part
from modicum.datasets.layouts.found import PARTS, Found, plain, stem
from modicum.datasets.subgroups import subgroups
from modicum.errors import Finding, ModicumError, Severity

_KNOWN = ("image", "label", "patient", "split", "fov")
_ALSO = {"patient_id": "patient", "patientid": "patient", "subject": "patient", "subject_id": "patient", "mask": "label"}


def read_folder(root: Path) -> Found | None:
    """A folder that holds manifest.csv."""
    path = root / "manifest.csv"
    return read_manifest(path) if path.is_file() else None


def read_manifest(path: Path) -> Found:
    """Columns image, label, patient, split, fov; every other column is an attribute of its case.

    Paths are relative to the manifest. An empty label is an unlabelled picture; several, divided by `;` or in rows of their
    own, are united.

    Raises:
        ModicumError: no text, no `image` column, an unknown split, no row, or rows of one picture that contradict each other.
    """
    rows = _rows(path)
    header = list(rows[0]) if rows else []
    others = [c for c in header if c not in _KNOWN]
    cases, findings = [], []
    for number, row in enumerate(rows, 2):
        if not row["image"]:
            raise ModicumError(f"row {number} has no image.", file=path, remedy="Fill the column, or remove the row.")
        image, *files = (path.parent / p for p in (row["image"], *_several(row.get("label", ""))))
        fov = row.get("fov", "")
        missing = [p for p in (image, *files, *([path.parent / fov] if fov else [])) if not _is_file(p)]
        if missing:
            findings.append(_missing(path, number, missing[0]))
            continue
        cases.append(
            Case(
                stem(image),
                image,
                tuple(files),
                path.parent / fov if fov else None,
                row.get("patient", ""),
                _part(row.get("split", ""), path, number),
                {c: row[c] for c in others if row[c]},
            )
        )
    rows_read, cases = len(cases), _one_of_each(cases, path)
    notes = _told_of_subgroups(cases, others)
    if len(cases) < rows_read:
        notes.append(f"{rows_read} rows name {len(cases)} pictures: labels of one picture are united.")
    if not cases:
        problem = findings[0].message if findings else "it lists no picture."
        raise ModicumError(problem, file=path, remedy="Paths are relative to the manifest's folder.")
    return Found("manifest", cases, notes, findings)


def _one_of_each(cases: Sequence[Case], path: Path) -> list[Case]:
    """A case for each picture, with the labels of all its rows, and the attributes in which they agree.

    Raises:
        ModicumError: rows of one picture name different patients, parts or fields of view.
    """
    found: dict[Path, Case] = {}
    for case in cases:
        own = case.image.resolve()
        known = found.setdefault(own, case)
        if any(getattr(known, what) != getattr(case, what) for what in ("patient", "part", "field_of_view")):
            raise ModicumError(
                f"rows of {case.image.name} differ in patient, split or fov.",
                file=path,
                remedy="Write the same into all of them.",
            )
        agreed = {k: v for k, v in known.attributes.items() if case.attributes.get(k) == v}
        found[own] = replace(known, labels=tuple(dict.fromkeys((*known.labels, *case.labels))), attributes=agreed)
    return list(found.values())


def _told_of_subgroups(cases: Sequence[Case], columns: Sequence[str]) -> list[str]:
    """Which columns divide the pictures, and which do not."""
    told = [c for c in columns if subgroups([case.attributes.get(c, "") for case in cases]) is not None]
    left = [c for c in columns if c not in told]
    notes = [f"Subgroups from the manifest: {', '.join(told)}."] if told else []
    return notes + ([f"No subgroups, because they have one value or very many: {', '.join(left)}."] if left else [])


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that no file can have
        return False


def overlooked(root: Path, severity: Severity) -> list[Finding]:
    """A finding for each table in a folder that is a manifest by its columns, and not by its name."""
    findings = []
    for path in sorted(p for p in root.iterdir() if p.suffix.lower() in (".csv", ".tsv")):
        with suppress(ModicumError):  # it is something else
            if "label" in next(iter(_rows(path)), ()):
                message = f"{path.name} has the columns of a manifest, and is not used."
                remedy = f"Give it instead of the folder: modicum inspect '{path}'."
                findings.append(Finding(severity, "manifest-not-used", message, remedy=remedy))
    return findings


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModicumError(f"cannot be read ({error.strerror}).", file=path) from None
    text = _text(content)
    first = (text.splitlines() or [""])[0]
    delimiter = next((d for d in ("\t", ";") if d in first and "," not in first), ",")
    header, *lines = _parsed(text, delimiter, path) or [[]]
    names = [n.strip().lower() for n in header]
    if "image" not in names:
        raise ModicumError(
            f"the column 'image' is missing; there are: {', '.join(names) or 'none'}.",
            file=path,
            remedy="The first row names the columns: image, label, and if you like patient, split, fov and others.",
        )
    names = [known if (known := _ALSO.get(n, n)) not in names else n for n in names]
    rows = [{n: value.strip() for n, value in zip_longest(names, line[: len(names)], fillvalue="") if n} for line in lines]
    return [row for row in rows if any(row.values())]


def _text(content: bytes) -> str:
    """As spreadsheets write it: UTF-8, UTF-16 with its mark, or Latin-1."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _parsed(text: str, delimiter: str, path: Path) -> list[list[str]]:
    try:
        return [line for line in csv.reader(text.splitlines(), delimiter=delimiter) if line]
    except csv.Error as error:
        raise ModicumError(f"is no valid CSV: {error}.", file=path, remedy="Save it again as a table of text.") from None


def _several(text: str) -> list[str]:
    return [p.strip() for p in text.split(";") if p.strip()]


def _part(text: str, path: Path, number: int) -> Part | None:
    if not text:
        return None
    if (part := PARTS.get(plain(text))) is not None:
        return part
    raise ModicumError(
        f"row {number}: the split '{text}' is unknown.",
        file=path,
        remedy="Write train, val or test, or leave it empty.",
    )


def _missing(path: Path, number: int, missing: Path) -> Finding:
    return Finding(
        "error",
        "file-missing",
        f"row {number} of {path.name} names {missing.name}, which does not exist.",
        file=str(missing),
        remedy="Paths are relative to the manifest's folder; correct the row.",
    )
