"""Errors and findings that are meant for the user: which file, what is wrong, what to do."""

from __future__ import annotations

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
