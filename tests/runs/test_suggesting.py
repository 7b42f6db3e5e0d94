"""Suggestions: the unsure and the unlike come first, and what is labelled already is not suggested again."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from discs import write_discs
from modicum.errors import ModicumError
from modicum.runs.suggesting import choose, suggest
from modicum.runs.train import Run


@given(st.integers(1, 30), st.integers(0, 1000))
def test_every_picture_is_chosen_once(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    chosen = choose(rng.uniform(size=20), rng.normal(size=(20, 5)), rng.normal(size=(4, 5)), count)
    assert len(chosen) == len({i for i, _ in chosen}) == min(count, 20)


def test_unsure_and_unlike_come_first() -> None:
    described = np.array([[0.0, 0.0], [0.0, 0.1], [5.0, 5.0], [5.0, 5.1], [-5.0, 5.0]])
    labelled = np.array([[0.0, 0.05]])
    order = [i for i, _ in choose(np.array([0.5, 0.5, 0.9, 0.5, 0.5]), described, labelled, 5)]
    assert order[:2] == [2, 4]  # the unsure one of the far pair, then the other far place, not its twin
    same = choose(np.array([0.1, 0.9, 0.1]), np.zeros((3, 2)), None, 3)
    assert same[0][0] == 1  # where all look alike, the unsure one


def test_a_list_and_a_contact_sheet(finished: Run, discs: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "label"])
        for number in range(14):
            name = f"case_{number:02d}.png"
            writer.writerow([discs / "images" / name, discs / "labels" / name if number < 5 else ""])
    found = suggest(finished.bundle, table, tmp_path / "out", count=6)
    assert len(found) == 6
    assert not {s.case.id for s in found} & {f"case_{n:02d}" for n in range(5)}
    with (tmp_path / "out" / "suggestions.csv").open() as file:
        assert [row["case"] for row in csv.DictReader(file)] == [s.case.id for s in found]
    sheet = cv2.imread(str(tmp_path / "out" / "suggestions.png"))
    assert sheet.shape == (480, 1200, 3)
    with pytest.raises(ModicumError, match="every picture has a label"):
        suggest(finished.bundle, discs, tmp_path / "none")


def test_an_unreadable_picture_is_left_out_and_told(finished: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_discs(tmp_path / "data", 8)
    for number in (4, 5, 6, 7):
        (data / "labels" / f"case_0{number}.png").unlink()
    for name in ("case_01.png", "case_05.png"):  # one with a label, one without
        broken = data / "images" / name
        broken.write_bytes(broken.read_bytes()[:200])
    found = suggest(finished.bundle, data, tmp_path / "out", count=6)
    assert {s.case.id for s in found} == {"case_04", "case_06", "case_07"}
    told = capsys.readouterr().err
    assert [told.count(f"{name}: ") for name in ("case_01.png", "case_05.png")] == [1, 1]
