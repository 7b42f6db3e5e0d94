"""Tests of the clock on a machine that other tests share: what must hold is tried up to three times."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from pathlib import Path

TIMES = 3


def patiently(test: Callable[[Path], None]) -> Callable[[Path], None]:
    """A test of a folder that passes when it passes once in three times, each in a folder of its own.

    For promises about seconds only: another process that takes the cores for a moment breaks them, a fault in our code always.
    """

    @functools.wraps(test)
    def tried(tmp_path: Path) -> None:
        for attempt in range(1, TIMES):
            (tmp_path / str(attempt)).mkdir()
            with contextlib.suppress(Exception):
                test(tmp_path / str(attempt))
                return
        test(tmp_path)

    return tried
