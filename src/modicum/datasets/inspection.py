"""All that can be said of a data set before anything is trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from modicum.datasets.case import Case, Dataset, Split
from modicum.datasets.checks import check, unusable
from modicum.datasets.discover import discover
from modicum.datasets.fingerprint import Fingerprint, fingerprint
from modicum.datasets.leaks import check_split, join_findings
from modicum.datasets.splits import choose_evaluation
from modicum.datasets.volume_facts import VolumeFacts, volume_facts
from modicum.errors import Finding, ModicumError


@dataclass(frozen=True)
class Inspection:
    """What was found, what it looks like, what is wrong, and how training would divide it."""

    dataset: Dataset
    fingerprint: Fingerprint  # of what can be used
    findings: tuple[Finding, ...]
    splits: tuple[Split, ...]  # empty where the data cannot be divided; a finding says why
    volumes: VolumeFacts | None = None  # where there are some

    def to_json(self) -> dict[str, Any]:
        """Everything, as JSON knows it; paths relative to the data set's root."""
        data = self.dataset
        return {
            "root": str(data.root),
            "layout": data.layout,
            "classes": list(data.classes),
            "label_code": asdict(data.code),
            "notes": list(data.notes),
            "fingerprint": self.fingerprint.to_json(),
            "volumes": None if self.volumes is None else self.volumes.to_json(),
            "attributes": _subgroups(data),
            "splits": [asdict(s) for s in self.splits],
            "findings": [asdict(f) for f in self.findings],
            "cases": [_case(c, data.root) for c in data.cases],
        }


def inspect(data: Path | str | Dataset, progress: Callable[[int, int], None] | None = None, *, seed: int = 0) -> Inspection:
    """Discover (where a path is given), measure and check a data set.

    Raises:
        ModicumError: as `discover`.
    """
    dataset = data if isinstance(data, Dataset) else discover(data)
    findings = [*dataset.findings, *check(dataset, progress=progress)]
    left_out = unusable(dataset, findings)
    splits: tuple[Split, ...] = ()
    try:
        splits = tuple(choose_evaluation(dataset, None, seed=seed, exclude=left_out))
    except ModicumError as error:
        if dataset.labelled:
            findings.append(Finding("warning", "cannot-be-split", error.problem, remedy=error.remedy))
    findings = join_findings(findings, check_split(dataset, *splits))
    usable = replace(dataset, cases=tuple(c for c in dataset.cases if c.id not in left_out))
    return Inspection(dataset, fingerprint(usable), tuple(findings), splits, volume_facts(usable))


def _subgroups(dataset: Dataset) -> dict[str, dict[str, int]]:
    """Cases of each value of each attribute."""
    names = sorted({a for c in dataset.cases for a in c.attributes})
    return {name: dict(Counter(c.attributes[name] for c in dataset.cases if name in c.attributes)) for name in names}


def _case(case: Case, root: Path) -> dict[str, Any]:
    return {
        "id": case.id,
        "image": _relative(case.image, root),
        "labels": [_relative(p, root) for p in case.labels],
        "field_of_view": None if case.field_of_view is None else _relative(case.field_of_view, root),
        "patient": case.patient,
        "part": case.part,
        "attributes": dict(case.attributes),
    }


def _relative(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
