"""Checkpoints on a disk that fills up: what was safe stays safe."""

from __future__ import annotations

from pathlib import Path

import pytest

from modicum.errors import ModicumError
from modicum.training.checkpoint import Checkpoints


@pytest.mark.parametrize("fails", [1, 2])
def test_a_disk_that_fills_up_between_two_writes_does_not_lose_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: int
) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save({"epoch": 1}, 1, best=True)
    writes = 0

    def full(_: int) -> None:
        nonlocal writes
        writes += 1
        if writes == fails:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("modicum.training.checkpoint.os.fsync", full)
    with pytest.raises(ModicumError, match="No space left"):
        checkpoints.save({"epoch": 2}, 2, best=True)
    newest, best = checkpoints.latest(), checkpoints.best()
    assert newest is not None
    assert best is not None
    assert newest["epoch"] == 1  # epoch 2 is made again and, if its best was not written, that as well
    assert best["epoch"] >= newest["epoch"]
    assert not list(tmp_path.glob("*.unfinished"))


def test_an_interruption_inside_a_write_is_no_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        try:
            raise KeyboardInterrupt
        finally:
            raise RuntimeError("unexpected pos 114496 vs 114384")  # as `torch.save` does when it closes its file

    checkpoints = Checkpoints(tmp_path)
    monkeypatch.setattr("modicum.training.checkpoint.torch.save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save({"epoch": 1}, 1, best=False)
    assert not list(tmp_path.iterdir())
