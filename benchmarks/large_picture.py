"""Seconds and peak memory for one picture at several sizes: `python benchmarks/large_picture.py model.modicum picture.jpg`.

Each size runs in its own process; the peak is the resident memory of that process. Beyond what the picture and its result
themselves take, it should not grow with the picture.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

ONE = """
import json, resource, sys, time
import cv2
from modicum.bundle import Bundle
from modicum.images import read_picture
picture = read_picture(sys.argv[2])
width = int(sys.argv[3])
if width < picture.shape[1]:
    picture = cv2.resize(picture, (width, round(picture.shape[0] * width / picture.shape[1])), interpolation=cv2.INTER_AREA)
segmenter = Bundle.load(__import__("pathlib").Path(sys.argv[1])).segmenter(flips=False)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
probability = segmenter.probabilities(picture)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"size": picture.shape[:2], "seconds": seconds, "peak_mb": peak / 1024, "picture_mb": picture.nbytes / 2**20,
                  "result_mb": probability.nbytes / 2**20}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--widths", type=int, nargs="+", default=[1024, 2048, 3504])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/large_picture.json"))
    options = parser.parse_args()
    results = []
    for width in options.widths:
        command = [sys.executable, "-c", ONE, str(options.bundle), str(options.picture), str(width)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        results.append(json.loads(done.stdout.splitlines()[-1]))
        row = results[-1]
        print(
            f"{row['size'][1]}x{row['size'][0]}: {row['seconds']:.2f} s, peak {row['peak_mb']:.0f} MiB "
            f"(picture {row['picture_mb']:.0f}, result {row['result_mb']:.0f})",
            flush=True,
        )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
