"""A real browser before the page of a folder: what tests of the page have in common."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from modicum.datasets.phantoms import write_fundus_dataset
from modicum.web.studio import Studio
from predicted import predict, trained

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
HERE = "http://127.0.0.1:"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NEEDS_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed: apt-get install chromium")


@contextmanager
def served(data: Path) -> Iterator[str]:
    """The address of the page of a folder."""
    command = [sys.executable, "-m", "modicum", "serve", str(data), "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        found = re.search(r"http://\S+", server.stderr.readline())
        assert found is not None
        try:
            yield found[0]
        finally:
            server.terminate()


@contextmanager
def opened_page() -> Iterator[playwright.Page]:
    """A page whose errors, refused requests and requests to elsewhere fail the test."""
    wrong: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda r: wrong.append(r.url) if not r.url.startswith((HERE, "blob:", "data:")) else None)
        page.on("response", lambda r: wrong.append(f"{r.status} {r.url}") if r.status not in (200, 304, 409, 412) else None)
        yield page
        browser.close()
    assert not wrong, wrong


def draw(page: playwright.Page, *points: tuple[float, float]) -> None:
    """A stroke through points of the canvas, 0..1 of its picture."""
    for i, (x, y) in enumerate(on_screen(page, *points)):
        page.mouse.move(x, y, steps=4)
        if i == 0:
            page.mouse.down()
    page.mouse.up()


def on_screen(page: playwright.Page, *points: tuple[float, float]) -> list[tuple[float, float]]:
    """Where points of the canvas are, 0..1 of its picture as it is shown at first."""
    box = page.locator(".stage canvas").bounding_box()
    edge = min(box["width"], box["height"]) - 40
    left, top = box["x"] + (box["width"] - edge) / 2, box["y"] + (box["height"] - edge) / 2
    return [(left + x * edge, top + y * edge) for x, y in points]


def read(path: Path) -> np.ndarray:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED))


def with_predictions(folder: Path, count: int) -> Path:
    """Pictures, and what a model, which is none, has predicted: a square in each."""
    write_fundus_dataset(folder, count=count, size=64)
    for part in ("labels", "fov"):
        shutil.rmtree(folder / part)
    square = np.zeros((64, 64), np.uint8)
    square[20:40, 20:40] = 1
    predict(Studio(folder), trained(folder), {f"phantom_{i:03d}": square for i in range(count)})
    return folder


def somebody_saves(address: str, name: str, numbers: np.ndarray) -> None:
    """Another label in the place of the one that is there."""
    label = f"{address.rstrip('/')}/api/pictures/{name}/label"
    with urllib.request.urlopen(label) as answer:
        tag = answer.headers["ETag"]
    urllib.request.urlopen(urllib.request.Request(label, numbers.tobytes(), {"If-Match": tag}, method="PUT")).close()
