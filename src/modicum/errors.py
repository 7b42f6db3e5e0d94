"""Errors and findings that are meant for the user: which file, what is wrong, what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


class ModicumError(Exception):
    """Bad input, told in the user's words.

    The command line prints it without a traceback; everything else that escapes is a defect of ours.
    """

    def __init__(self, problem: str, *, file: Path | str | None = None, remedy: str | None = None) -> None:
        self.problem = problem
        self.file = None if file is None else Path(file)
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        where = f"{self.file}: " if self.file is not None else ""
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{where}{self.problem}{remedy}"


Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """Something that a person should know about the data or a run, with its evidence.

    `error` stops the work on that file, `warning` may make the result wrong, `note` is for information.
    """

    severity: Severity
    kind: str  # a stable short name, e.g. "size-mismatch"
    message: str
    file: str | None = None
    remedy: str | None = None


def alike(findings: Iterable[Finding], *, in_words: bool = False) -> list[list[Finding]]:
    """Findings of one kind and remedy together, so that 200 bad files do not bury the rest; `in_words`: of one message, too."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for finding in findings:
        key = finding.severity, finding.kind, finding.remedy, finding.message if in_words else ""
        groups.setdefault(key, []).append(finding)
    return list(groups.values())


def and_others(group: list[Finding]) -> str:
    """The files of findings alike in words, but the first: " (and 2 more: b.png, c.png)", at most 20; "" for none."""
    others = [Path(file).name for file in dict.fromkeys(f.file for f in group if f.file)][1:]
    return f" (and {len(others)} more: {', '.join(others[:20])}{', ...' * (len(others) > 20)})" if others else ""
