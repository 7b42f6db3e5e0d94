"""What the terminal shows of data."""

from __future__ import annotations

from pathlib import Path

import pytest

from discs import write_discs
from modicum.cli.show import show_findings, show_inspection
from modicum.datasets import inspect
from modicum.errors import Finding
from modicum.runs.prepare import tell

Captured = pytest.CaptureFixture[str]


def test_findings_that_are_alike_are_one_line_with_every_file(capsys: Captured) -> None:
    empty = [Finding("warning", "empty-mask", "the mask is empty.", f"d/{i}.png", "Label it.") for i in range(7)]
    sizes = [Finding("error", "size-mismatch", f"is {i}x9 pixels.", f"d/s{i}.png") for i in (4, 5)]
    show_findings([*empty, *sizes])
    tell([*empty, *sizes])
    shown, told = (out.splitlines() for out in capsys.readouterr())
    assert shown[:2] == ["error d/s4.png: is 4x9 pixels.", "error d/s5.png: is 5x9 pixels."]  # each says something else
    others = "(and 6 more: 1.png, 2.png, 3.png, 4.png, 5.png, 6.png)"
    assert shown[2:] == [f"warning d/0.png: the mask is empty. {others} Label it."]
    assert told[0] == f"warning: d/0.png: the mask is empty. {others} Label it."
    assert len(told) == 3


def test_an_inspection_shows_what_is_known_in_words(tmp_path: Path, capsys: Captured) -> None:
    show_inspection(inspect(write_discs(tmp_path / "discs", 4)))
    rows = {line[:35].strip() for line in capsys.readouterr().out.splitlines() if line.startswith(" ")}
    assert {"Labelled", "Pixel type"} <= {row.split("  ")[0] for row in rows}
    assert not any(word in row for row in rows for word in ("None", "Dtypes", "px", "Spacing"))
