"""Cells side by side on the machines of a Ray cluster (extra `modicum[ray]`)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from modicum.errors import ModicumError
from modicum.runs.cells import Cell, Frame, Result, run_cell


def on_cluster(
    planned: Sequence[Cell],
    frame: Frame,
    folder: Path,
    address: str,
    *,
    work: Callable[[Cell, Frame, Path], Result] = run_cell,
) -> Iterator[Result]:
    """Results as they come in; a worker that dies loses its own cell only.

    Args:
        address: "local" for a cluster on this machine, which ends with this call; else that of one that runs.
        work: what is done for a cell.

    Raises:
        ModicumError: Ray is not installed, or the cluster cannot be reached.
    """
    try:
        import ray
    except ImportError:
        raise ModicumError("cells side by side need Ray.", remedy="pip install 'modicum[ray]', or leave out --ray.") from None
    try:
        ray.init(
            address=address,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise ModicumError(f"the Ray cluster '{address}' cannot be reached ({error}).", remedy="Use --ray local") from None
    try:
        remote: Any = ray.remote(num_cpus=1, max_retries=1)(_on_one_core)
        waiting = {remote.remote(work, cell, frame, folder): cell for cell in planned}
        while waiting:
            (ready, *_), _ = ray.wait(list(waiting), num_returns=1)
            cell = waiting.pop(ready)
            try:
                yield ray.get(ready)
            except ray.exceptions.RayError as error:
                lost = "" if isinstance(error, ray.exceptions.RayTaskError) else "its worker was lost: "
                said = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
                yield Result(cell, 0, {}, {}, f"{lost}{said}")
    finally:
        ray.shutdown()


def _on_one_core(work: Callable[[Cell, Frame, Path], Result], cell: Cell, frame: Frame, folder: Path) -> Result:
    import torch

    torch.set_num_threads(1)
    return work(cell, frame, folder)
