"""Cases that are left out by name: of a training, and of all cells of a comparison."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from discs import write_discs
from modicum.datasets import discover
from modicum.datasets.case import Dataset
from modicum.errors import ModicumError
from modicum.runs.compare import compare
from modicum.runs.prepare import without


@pytest.fixture
def volumes(discs: Path) -> Dataset:
    """As if the first eight pictures were slices of two volumes."""
    data = discover(discs)
    cases = (
        replace(c, id=f"patient{n // 4}_z{n % 4}", volume=f"patient{n // 4}", slice=n % 4) if n < 8 else c
        for n, c in enumerate(data.cases)
    )
    return replace(data, cases=tuple(cases))


def test_a_volume_is_left_out_by_its_name(volumes: Dataset) -> None:
    left = {c.id for c in volumes.cases} - {c.id for c in without(volumes, ["patient1", "patient0_z2", "case_09"]).cases}
    assert left == {*(f"patient1_z{n}" for n in range(4)), "patient0_z2", "case_09"}
    with pytest.raises(ModicumError, match=r"'patient', which is no case here. Did you mean 'patient\d'"):
        without(volumes, ["patient"])


def test_a_comparison_leaves_out_what_any_recipe_names(tmp_path: Path) -> None:
    data, own = write_discs(tmp_path / "data", 8), tmp_path / "own.yaml"
    own.write_text("method: otsu\ndata: {leave_out: [case_01]}\n")
    out = tmp_path / "out"
    done = compare(data, out, recipes=["otsu", str(own)], seeds=1, changes=["data.test_share=0.3"])
    assert not done.failed
    for cell in ("otsu-all-0", "own-all-0"):
        cases = set(pd.read_csv(out / "cells" / cell / "split.csv")["case"])
        assert "case_01" not in cases
        assert len(cases) == 7
    alone = compare(data, tmp_path / "alone", recipes=["otsu"], seeds=1, changes=["data.leave_out=[case_02, case_03]"])
    assert not alone.failed
    with pytest.raises(ModicumError, match="'case_99', which is no case here"):
        compare(data, tmp_path / "none", recipes=["otsu"], seeds=1, changes=["data.leave_out=[case_99]"])
