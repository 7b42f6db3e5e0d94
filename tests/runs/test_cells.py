"""Cells of a comparison: what is read of a finished one."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from discs import write_discs
from modicum.runs import reporting
from modicum.runs.cells import Cell, Frame, run_cell


def test_a_test_picture_of_which_nothing_counts_loses_no_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[set[str]] = []
    monkeypatch.setattr(reporting, "examples", lambda dice, *_: shown.append({*dice}) or [])
    data = write_discs(tmp_path, 8)
    (data / "classes.json").write_text('{"disc": 255, "unmarked": 128}')
    rows = [f"images/case_0{n}.png,labels/case_0{n}.png,{'test' if n > 5 else ''}" for n in range(8)]
    (data / "table.csv").write_text("\n".join(["image,label,split", *rows]))
    frame = Frame(data / "table.csv", None, ("method.samples=200", "method.trees=5"))
    unmarked = np.full((48, 48), 128, np.uint8)
    cv2.imwrite(str(data / "labels" / "case_06.png"), unmarked)
    done = run_cell(Cell("pixel-forest", "all", 0), frame, tmp_path / "cells")
    assert not done.error
    assert list(done.dice) == ["case_07"]
    assert done.dice["case_07"] > 0.5
    assert shown == [{"case_07"}]  # nor is it the worst example
    cv2.imwrite(str(data / "labels" / "case_07.png"), unmarked)
    assert "no pixel of any test picture counts" in run_cell(Cell("pixel-forest", "all", 1), frame, tmp_path / "cells").error
