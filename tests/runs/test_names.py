"""Files whose names mean something to a shell."""

from __future__ import annotations

from pathlib import Path

import modicum as md
from discs import write_boxes


def test_brackets_in_a_volumes_name_cost_no_report(tmp_path: Path) -> None:
    data = write_boxes(tmp_path / "data [a-b]", 4, name="scan [{}]")
    run = md.train(data, tmp_path / "run [1]", recipe="otsu", changes=["data.test_share=0.5"])
    assert (run.folder / "report.html").exists()
    written = {path.name for path in (run.folder / "predictions").iterdir()}
    assert len(written) == run.summary["test"]["dice"]["n"]
    assert all(name.startswith("scan [") for name in written)
