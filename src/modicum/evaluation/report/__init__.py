"""The report of a run: one HTML file that needs nothing else."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from modicum.errors import ModicumError
from modicum.evaluation.report.data import (
    ComparisonData,
    Curve,
    Example,
    Point,
    PseudoLabelled,
    ReportData,
    SecondLook,
    StepFigures,
)

__all__ = [
    "ComparisonData",
    "Curve",
    "Example",
    "Point",
    "PseudoLabelled",
    "ReportData",
    "SecondLook",
    "StepFigures",
    "write_comparison",
    "write_report",
]


def write_report(path: Path | str, data: ReportData) -> None:
    """Write the report as one self-contained HTML file; an older one is replaced at once or not at all.

    Raises:
        ModicumError: the file cannot be written.
    """
    from modicum.evaluation.report.page import render  # brings matplotlib and Jinja2

    _write(Path(path), render(data))


def write_comparison(path: Path | str, data: ComparisonData) -> None:
    """Likewise the page of a comparison.

    Raises:
        ModicumError: the file cannot be written.
    """
    from modicum.evaluation.report.page import render_comparison

    _write(Path(path), render_comparison(data))


def _write(path: Path, page: str) -> None:
    draft = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(page, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise ModicumError(
            f"the report cannot be written ({error.strerror}).", file=path, remedy="Choose another folder with --out."
        ) from None
