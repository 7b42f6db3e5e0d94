"""From 100 to 10,000 cases: `python benchmarks/scaling.py [100 1000 10000]`.

Synthetic pictures of 256x256 with masks; 50 validate and 50 test, whatever their number. Each command in a process of its own:
a training of 20 processor seconds (`small-whole`, or `--recipe`); another one, for which it is known what the files hold;
inspect; a prediction of all. Prints seconds of processor, milliseconds a case beyond those of the next smaller set, and the
greatest memory that no file is behind (RssAnon; what is mapped from files the system takes back when it needs room). Writes
`OUT/scaling.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

SIDE, HELD_OUT = 256, 50
PROGRAM = "import cells, sys; from modicum.cli.main import main; sys.exit(main())"
ENVIRONMENT = {
    **os.environ,
    "BUDGETS": "processor",
    "PYTHONPATH": f"{Path(__file__).parent}:{os.environ.get('PYTHONPATH', '')}",
}


def make(folder: Path, count: int) -> None:
    """A bright disc on a noisy ground; the manifest says what is learned from."""
    rows = ["image,label,split"]
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    y, x = np.ogrid[:SIDE, :SIDE]
    for number in range(count):
        rng = np.random.default_rng(number)
        row, column, radius = rng.integers(64, 192), rng.integers(64, 192), rng.integers(16, 48)
        inside = (y - row) ** 2 + (x - column) ** 2 < radius**2
        picture = rng.integers(0, 64, (SIDE, SIDE, 3), np.uint8) + (80 + 60 * inside[..., None]).astype(np.uint8)
        cv2.imwrite(str(folder / f"images/{number:05}.png"), picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        cv2.imwrite(str(folder / f"labels/{number:05}.png"), inside.astype(np.uint8) * 255)
        part = "test" if number < HELD_OUT else "val" if number < 2 * HELD_OUT else "train"
        rows.append(f"images/{number:05}.png,labels/{number:05}.png,{part}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")


def measured(arguments: list[str]) -> tuple[float, float]:
    """Seconds of processor, and the greatest RssAnon in GiB, of a `modicum` command."""
    began, most = resource.getrusage(resource.RUSAGE_CHILDREN), 0
    with subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments], env=ENVIRONMENT, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
            except OSError:
                break
            most = max([most, *(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon"))])
            time.sleep(0.1)
    if process.returncode:
        raise SystemExit(f"modicum {' '.join(arguments)} ended with {process.returncode}")
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime - began.ru_utime - began.ru_stime, most / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", nargs="*", type=int, default=[100, 1000, 10000])
    parser.add_argument("--recipe", default="small-whole")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        ENVIRONMENT["MODICUM_CACHE"] = f"{name}/cache"
        last: dict[str, tuple[int, float]] = {}
        for count in sorted(options.counts):
            folder = Path(name) / str(count)
            make(folder / "data", max(count, 2 * HELD_OUT + 1))
            data = str(folder / "data")
            train = ["train", data, "--recipe", options.recipe, "--budget", "20s", "--out"]
            model = str(folder / "first" / "model.modicum")
            commands = {
                "train": [*train, str(folder / "first")],
                "train again": [*train, str(folder / "second")],
                "inspect": ["inspect", data],
                "predict": ["predict", model, f"{data}/images", "--out", str(folder / "masks")],
            }
            for what, arguments in commands.items():
                seconds, anonymous = measured(arguments)
                fewer, base = last.get(what, (count, seconds))
                last[what] = count, seconds
                each = 1000 * (seconds - base) / (count - fewer) if count > fewer else float("nan")
                rows.append({"cases": count, "command": what, "seconds": seconds, "ms_a_case": each, "gib": anonymous})
                print(f"{count:6} {what:12} {seconds:7.1f} s {each:7.2f} ms a case {anonymous:6.2f} GiB", flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "scaling.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
