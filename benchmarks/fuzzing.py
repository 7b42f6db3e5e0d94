"""The fuzzer: damaged files into the readers, one after the other, in a process of its own that is watched."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import modicum as md
from fuzz_seeds import Kind, Seed
from modicum.datasets import inspect
from modicum.errors import ModicumError
from modicum.images import picture_size, read_mask, read_picture
from modicum.images.volumes import read_volume, read_volume_mask, volume_grid, write_volume_mask
from modicum.images.volumes.slicing import Slicing
from modicum.recipes import load
from modicum.runs.predicting import predict
from mutations import damaged

HANG, MEMORY = 10.0, 4 * 2**30  # seconds of the processor for one file (or six times as many of the clock), bytes


@dataclass(frozen=True)
class Finding:
    """A damaged file to which the answer was neither success nor a ModicumError."""

    number: int  # of the file: it and the fuzzer's seed make it again
    seed: str
    kind: str  # exception, hang, memory or crash
    place: str  # exception and the innermost line of ours, for telling findings apart
    told: str


def _picture(path: Path) -> Iterator[Callable[[], object]]:
    yield lambda: picture_size(path)
    yield lambda: read_picture(path)
    yield lambda: read_mask(path)


def _volume(path: Path) -> Iterator[Callable[[], object]]:
    yield lambda: volume_grid(path)
    yield lambda: read_volume_mask(path)
    yield lambda: _volume_and_back(path)


def _volume_and_back(path: Path) -> None:
    volume = read_volume(path)
    Slicing().picture(volume, 0)
    if volume.values.size < 10**6:
        write_volume_mask(volume, np.ones(volume.shape, np.uint8), path.parent, "mask", ("one",))


def _bundle(path: Path) -> Iterator[Callable[[], object]]:
    yield lambda: predict(md.Bundle.load(path), [str(path.with_name("picture.png"))], path.parent / "out")


READERS: dict[Kind, Callable[[Path], Iterator[Callable[[], object]]]] = {
    "picture": _picture,
    "volume": _volume,
    "data": lambda path: iter([lambda: inspect(path if path.suffix == ".csv" else path.parent)]),
    "recipe": lambda path: iter([lambda: load(str(path))]),
    "bundle": _bundle,
}


def fuzz(found: Sequence[Seed], out: Path, minutes: float, seed: int) -> dict[str, Any]:
    """Damaged files for so long; a summary, also in `out/fuzz.json`. Files that showed something new are in `out/found`."""
    (out / "found").mkdir(parents=True, exist_ok=True)
    shared = multiprocessing.get_context("fork")
    began, at = time.monotonic(), shared.Array("d", 2)  # number of the file, and the processor's time when it began
    counts, told = shared.Array("q", len(found)), out / "found" / "exceptions.jsonl"
    told.unlink(missing_ok=True)
    shutil.rmtree(out / "now", ignore_errors=True)
    others: list[Finding] = []
    number = 0
    while (left := began + 60 * minutes - time.monotonic()) > 0:
        worker = shared.Process(target=_work, args=(found, out, seed, number, at, counts, time.monotonic() + left))
        worker.start()
        what = _watch(worker, at)
        number = int(at[0]) + 1
        if what is not None:
            one = found[_chosen(found, seed, number - 1)]
            others.append(Finding(number - 1, one.name, what, what, what))
            _keep(found, seed, number - 1, out)
    exceptions = [Finding(**json.loads(line)) for line in told.read_text().splitlines()] if told.exists() else []
    summary = {
        "files": sum(counts),
        "minutes": (time.monotonic() - began) / 60,
        "by_seed": {s.name: n for s, n in zip(found, counts, strict=True)},
        "findings": [asdict(f) for f in [*exceptions, *others]],
    }
    (out / "fuzz.json").write_text(json.dumps(summary, indent=1))
    return summary


def _watch(worker: Any, at: Any) -> str | None:
    """Wait for the end of a worker; what was wrong with it."""
    number, since = -1.0, time.monotonic()
    while worker.is_alive():
        worker.join(0.05)
        if at[0] != number:
            number, since = at[0], time.monotonic()
        spent, resident = _usage(worker.pid)
        hangs = spent - at[1] > HANG or time.monotonic() - since > 6 * HANG
        if (hangs or resident > MEMORY) and at[0] == number:
            worker.kill()
            worker.join()
            return "memory" if resident > MEMORY else "hang"
    return None if worker.exitcode == 0 else f"crash ({worker.exitcode})"


def _usage(pid: int) -> tuple[float, int]:
    """Seconds of the processor and bytes of memory of a process; none of both when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0, 0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(fields[21]) * os.sysconf("SC_PAGE_SIZE")


def _chosen(found: Sequence[Seed], seed: int, number: int) -> int:
    return int(np.random.default_rng((seed, number)).integers(len(found)))


def made(found: Sequence[Seed], seed: int, number: int, folder: Path) -> Path:
    """File `number` of the fuzzer, with what belongs beside it, in a new folder."""
    rng = np.random.default_rng((seed, number))
    one = found[int(rng.integers(len(found)))]
    shutil.copytree(one.folder, folder)
    path = folder / one.file
    path.write_bytes(damaged(one, found, rng))
    return path


def _work(found: Sequence[Seed], out: Path, seed: int, number: int, at: Any, counts: Any, until: float) -> None:
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    seen: set[str] = set()
    while time.monotonic() < until:
        at[0], at[1] = number, time.process_time()
        folder = out / "now" / str(number)
        which = _chosen(found, seed, number)
        for read in READERS[found[which].kind](made(found, seed, number, folder)):
            try:
                read()
            except ModicumError:
                pass
            except Exception as error:
                one = Finding(number, found[which].name, "exception", _place(error), f"{type(error).__name__}: {error}"[:200])
                with (out / "found" / "exceptions.jsonl").open("a") as file:
                    file.write(json.dumps(asdict(one)) + "\n")
                if one.place not in seen:
                    _keep(found, seed, number, out)
                seen.add(one.place)
        shutil.rmtree(folder, ignore_errors=True)
        counts[which] += 1
        number += 1


def _keep(found: Sequence[Seed], seed: int, number: int, out: Path) -> None:
    shutil.rmtree(out / "found" / str(number), ignore_errors=True)
    made(found, seed, number, out / "found" / str(number))


def _place(error: Exception) -> str:
    lines = [f for f in traceback.extract_tb(error.__traceback__) if "/modicum/" in f.filename]
    where = f"{Path(lines[-1].filename).name}:{lines[-1].lineno}" if lines else "?"
    return f"{type(error).__name__} {where}"
