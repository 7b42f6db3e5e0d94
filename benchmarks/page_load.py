"""Twenty people at one page at once: `python benchmarks/page_load.py`.

Each opens the list, looks at a row of thumbnails, opens a picture of their own, saves a label for it, and begins again, with a
pause of some seconds after each click (`--pause 0`: as fast as the page answers). Prints how long each kind of answer took
(median, 95th percentile, longest, in ms) and writes `OUT/page_load.json`. The pictures are 105 of ISIC 2018. The people need
as much of the processor as the page: give them another core than the server has, or read the figures as an upper bound.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from itertools import chain
from pathlib import Path

import httpx
import numpy as np

from page_show import folder

Times = dict[str, list[float]]
ROW = 12  # thumbnails that are seen at once


async def person(number: int, people: int, pause: float, address: str, until: float, times: Times) -> None:
    """One of them, until the clock says so; those of the others' pictures that come by are looked at, not labelled."""
    rng = np.random.default_rng(number)
    limits = httpx.Limits(max_connections=6, keepalive_expiry=1)  # six as a browser has; the server closes idle ones after 5 s
    async with httpx.AsyncClient(base_url=address, timeout=120, limits=limits) as client:

        async def ask(kind: str, method: str, path: str, **more: object) -> httpx.Response:
            begun = time.monotonic()
            answer = await client.request(method, path, **more)  # type: ignore[arg-type]
            answer.raise_for_status()
            times[kind].append(1000 * (time.monotonic() - begun))
            return answer

        async def think() -> None:
            await asyncio.sleep(pause * rng.uniform(0.5, 1.5))

        while time.monotonic() < until:
            await think()
            pictures = (await ask("list", "GET", "/api/data")).json()["pictures"]
            first = int(rng.integers(len(pictures) - ROW))
            row = pictures[first : first + ROW]
            await asyncio.gather(*(ask("thumbnail", "GET", f"/api/pictures/{p['id']}/thumbnail") for p in row))
            await think()
            own = pictures[number::people]
            picture = own[int(rng.integers(len(own)))]
            at = f"/api/pictures/{picture['id']}"
            await ask("picture", "GET", f"{at}/image")
            tag = (await ask("label", "GET", f"{at}/label")).headers["ETag"]
            await think()
            drawn = (rng.random() < np.linspace(0, 1, picture["height"] * picture["width"])).astype(np.uint8).tobytes()
            await ask("save", "PUT", f"{at}/label", content=drawn, headers={"If-Match": tag})


async def crowd(people: int, pause: float, seconds: float, address: str) -> Times:
    """How long each kind of answer took, in ms."""
    times: Times = defaultdict(list)
    until = time.monotonic() + seconds
    await asyncio.gather(*(person(number, people, pause, address, until, times) for number in range(people)))
    return times


def main() -> None:
    """Serve, crowd, count."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--people", type=int, default=20)
    given.add_argument("--pause", type=float, default=2, help="seconds, on average")
    given.add_argument("--seconds", type=float, default=30)
    given.add_argument("--out", type=Path, default=Path(__file__).parent / "out")
    asked = given.parse_args()
    with tempfile.TemporaryDirectory() as own:
        folder(Path(own) / "lesions", 0)
        command = [sys.executable, "-m", "modicum", "serve", f"{own}/lesions", "--port", "0", "--no-browser"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
            assert server.stderr is not None
            found = re.search(r"http://\S+", server.stderr.readline())
            assert found is not None
            try:
                times = asyncio.run(crowd(asked.people, asked.pause, asked.seconds, found[0].rstrip("/")))
            finally:
                server.terminate()
    said: dict[str, object] = {"people": asked.people, "pause": asked.pause, "seconds": asked.seconds, "load": os.getloadavg()}
    for kind, ms in {**times, "all": [*chain(*times.values())]}.items():
        median, late, longest = (float(v) for v in np.percentile(ms, (50, 95, 100)))
        said[kind] = {"count": len(ms), "median": median, "p95": late, "longest": longest}
        print(f"{kind:10} {len(ms):6} answers, median {median:6.0f} ms, 95 % {late:6.0f} ms, longest {longest:6.0f} ms")
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "page_load.json").write_text(json.dumps(said, indent=1) + "\n")


if __name__ == "__main__":
    main()
