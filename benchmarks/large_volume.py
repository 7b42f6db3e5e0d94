"""Memory and time for volumes of 512x512x600: inspected, trained on and predicted, each in a process of its own.

    python benchmarks/large_volume.py [small-whole ...] [--minutes 1]

Three volumes of noise with a bright ball; what is found does not matter here. Prints a table and writes
benchmarks/out/large_volume.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nibabel
import numpy as np

SHAPE = (512, 512, 600)  # columns, rows, slices
LIMIT_GIB = 8.0
ONCE = ("--set", "finish.flips=false")
RECIPES = ("small-whole", "small-patches", "small-3d")


def make(folder: Path) -> None:
    """Three volumes with labels, 16-bit, uncompressed."""
    for number in range(3):
        rng = np.random.default_rng(number)
        x, y, z = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
        inside = (x - 256) ** 2 + (y - 200 - 30 * number) ** 2 + (z - 300) ** 2 < 120**2
        values = rng.normal(-50, 40, SHAPE).astype(np.int16) + (200 * inside).astype(np.int16)
        for kind, array in (("images", values), ("labels", inside.astype(np.uint8))):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(array, np.diag([-0.8, -0.8, 0.8, 1.0])), folder / kind / f"v{number}.nii")
    rows = [f"images/v{n}.nii,labels/v{n}.nii,p{n},{part}" for n, part in enumerate(("train", "train", "test"))]
    (folder / "manifest.csv").write_text("\n".join(["image,label,patient,split", *rows]) + "\n")


def measured(arguments: list[str]) -> tuple[float, float]:
    """Seconds, and the peak of resident memory in GiB, of a `modicum` command."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "modicum", *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"modicum {' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - start, usage.ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", default=list(RECIPES))
    parser.add_argument("--minutes", type=float, default=1.0)
    options = parser.parse_args()
    minutes = options.minutes
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder / "data")
        data, volume = str(folder / "data"), str(folder / "data" / "images" / "v0.nii")
        commands = [("inspect", ["inspect", data])]
        for recipe in options.recipes:
            run = folder / recipe
            commands += [
                (f"train, {recipe}", ["train", data, "--recipe", recipe, "--budget", f"{minutes}m", "--out", str(run), *ONCE]),
                (
                    f"predict, {recipe}",
                    ["predict", str(run / "model.modicum"), volume, "--out", str(folder / f"{recipe}-masks")],
                ),
            ]
        for what, arguments in commands:
            seconds, peak = measured(arguments)
            rows.append({"what": what, "seconds": round(seconds, 1), "peak_gib": round(peak, 2)})
            print(f"{what:24s} {seconds:7.1f} s {peak:6.2f} GiB {'' if peak <= LIMIT_GIB else 'MORE THAN 8'}", flush=True)
    out = Path(__file__).parent / "out" / "large_volume.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps({"shape": SHAPE, "minutes": minutes, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
