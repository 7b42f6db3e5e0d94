"""The whole way on the page, by a browser that nobody holds: `python benchmarks/page_show.py`.

A fresh folder of 105 pictures of ISIC 2018 without labels. Five are labelled on the canvas after their true masks: three by the
brush (outline, then filled), two by a box about the object and nothing else. Train two minutes; correct the three
predictions that the page itself calls most doubtful, by the brush; train two minutes again. Prints the Dice on the 100 pictures
that had no label in the first round, after each round (in the second also on the 97 that still have none), and how good the
drawn labels are. Writes `OUT/page_show.json`.

--control  trains a third time on the same labels, beginning otherwise: with the model of the first round where the second
           round began anew, or anew.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from playwright.sync_api import Page, sync_playwright

from cells import DATA
from modicum.evaluation.metrics import binary_metrics

Mask = npt.NDArray[np.bool_]
PICTURES, LABELS, WORST, BY_BRUSH = 105, 5, 3, 3
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Canvas:
    """The canvas of the editor, by the pixels of its picture."""

    def __init__(self, page: Page, shape: tuple[int, ...]) -> None:
        page.locator(".stage canvas").wait_for()
        page.wait_for_timeout(400)
        box = page.locator(".stage canvas").bounding_box()
        assert box is not None
        self.page, self.scale = page, min((box["width"] - 40) / shape[1], (box["height"] - 40) / shape[0])
        self.left = box["x"] + (box["width"] - shape[1] * self.scale) / 2
        self.top = box["y"] + (box["height"] - shape[0] * self.scale) / 2

    def stroke(self, points: npt.NDArray[np.float64], button: str = "left") -> None:
        """The mouse held from point (x, y) to point; a click where there is one."""
        for number, (x, y) in enumerate(points):
            self.page.mouse.move(self.left + x * self.scale, self.top + y * self.scale)
            if number == 0:
                self.page.mouse.down(button=button)  # type: ignore[arg-type]
        self.page.mouse.up(button=button)  # type: ignore[arg-type]

    def outline_and_fill(self, truth: Mask) -> None:
        """Each object: its outline with a thin brush, then a click inside."""
        self.page.keyboard.press("b")
        for _ in range(5):
            self.page.keyboard.press("[")
        width = max(2, round(max(truth.shape) / 60)) / 1.25**5
        inner = cv2.distanceTransform(truth.astype(np.uint8), cv2.DIST_L2, 5) > width  # so that the brush's edge is the border
        contours, _ = cv2.findContours(inner.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        contours = [c for c in contours if len(c) > 20]
        for contour in contours:
            self.stroke(np.concatenate([contour[::4, 0], contour[:1, 0]]) + 0.5)
        self.page.keyboard.press("f")
        for contour in contours:
            filled = np.asarray(cv2.drawContours(np.zeros(truth.shape, np.uint8), [contour], -1, 1, -1))
            self.stroke(middle(filled))

    def empty(self, mask: npt.NDArray[np.uint8]) -> None:
        """Empty every object of a mask that is drawn."""
        self.page.keyboard.press("f")
        count, pieces = cv2.connectedComponents(mask)
        for number in range(1, count):
            self.stroke(middle((pieces == number).astype(np.uint8)), "right")

    def box(self, truth: Mask) -> None:
        """A box about everything; the page finds the object."""
        self.page.keyboard.press("o")
        ys, xs = np.nonzero(truth)
        with self.page.expect_response(lambda r: "/refine" in r.url):
            self.stroke(np.array([[xs.min() - 4, ys.min() - 4], [xs.max() + 5, ys.max() + 5]]))
        self.page.wait_for_timeout(300)


def middle(mask: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """The point (x, y) that lies deepest in a mask, (1, 2)."""
    deepest = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 5)[1:-1, 1:-1].argmax()
    y, x = np.unravel_index(deepest, mask.shape)
    return np.array([[x + 0.5, y + 0.5]])


class Show:
    """One folder, its page, and the true masks, which only the pen and the measurement see."""

    def __init__(self, page: Page, address: str, data: Path, truth: dict[str, Mask]) -> None:
        self.page, self.address, self.data, self.truth = page, address, data, truth

    def label(self, name: str, by: str) -> float:
        """Draw a label or correct a prediction; its Dice with the truth."""
        page, truth = self.page, self.truth[name]
        page.goto(f"{self.address}#/picture/{name}")
        page.get_by_text(name, exact=True).wait_for()
        canvas = Canvas(page, truth.shape)
        if by == "correction":
            found = self.prediction(name)
            page.get_by_role("button", name="Correct").click()
            page.wait_for_timeout(300)
            canvas.empty(found)
        canvas.box(truth) if by == "box" else canvas.outline_and_fill(truth)
        page.keyboard.press("s")
        page.locator(".headline .state", has_text="labelled").wait_for()
        drawn = cv2.imread(str(self.data / "labels" / f"{name}.png"), cv2.IMREAD_GRAYSCALE)
        return dice(drawn > 0, truth)

    def train(self, number: int, minutes: str, *, onward: bool) -> None:
        """Ask for a training on its page and wait for the end."""
        page = self.page
        page.goto(f"{self.address}#/train")
        page.reload()
        page.get_by_role("combobox", name="Time").select_option(minutes)
        if number > 1:
            page.get_by_role("combobox", name="Begin").select_option("onward" if onward else "")
        page.get_by_role("button", name="Train", exact=True).click()
        page.get_by_text(f"Training {number} is finished").wait_for(timeout=1_800_000)

    def measure(self, names: list[str]) -> dict[str, float]:
        """Dice of what the newest model says, asked for as the page does."""
        return {name: dice(self.prediction(name) > 0, self.truth[name]) for name in names}

    def prediction(self, name: str) -> npt.NDArray[np.uint8]:
        """Class numbers (H, W) as the newest model sees them."""
        answer = self.page.request.get(f"{self.address}api/pictures/{name}/prediction", timeout=600_000)
        if not answer.ok:
            raise SystemExit(f"{name}: {answer.text()}")
        return np.frombuffer(answer.body(), np.uint8).reshape(self.truth[name].shape)

    def most_doubtful(self) -> list[str]:
        """The predictions that the page calls worst."""
        told = self.page.request.get(f"{self.address}api/data").json()["pictures"]
        return [p["id"] for p in sorted(told, key=lambda p: p.get("quality", 2)) if p["state"] == "predicted"][:WORST]


def dice(found: Mask, truth: Mask) -> float:
    return float(binary_metrics(found, truth)["dice"])


def folder(place: Path, seed: int) -> dict[str, Mask]:
    """Pictures drawn by seed, without labels; the true masks in memory, in the order in which they were drawn."""
    (place / "images").mkdir(parents=True)
    pictures = sorted((DATA / "isic2018/images").iterdir())
    chosen = [pictures[i] for i in np.random.default_rng(seed).permutation(len(pictures))[:PICTURES]]
    for path in chosen:
        shutil.copyfile(path, place / "images" / path.name)
    masks = {p.stem: cv2.imread(str(DATA / "isic2018/labels" / f"{p.stem}.png"), cv2.IMREAD_GRAYSCALE) > 0 for p in chosen}
    return {name: np.asarray(mask, np.bool_) for name, mask in masks.items()}


def main() -> None:
    """The show."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--minutes", default="2 minutes", help="of each training, as the page offers them")
    given.add_argument("--onward", action="store_true", help="the second round begins with the model of the first")
    given.add_argument("--control", action="store_true")
    given.add_argument("--seed", type=int, default=0)
    given.add_argument("--out", type=Path, default=Path(__file__).parent / "out")
    asked = given.parse_args()
    with tempfile.TemporaryDirectory() as own, sync_playwright() as driver:
        data = Path(own) / "lesions"
        truth = folder(data, asked.seed)
        command = [sys.executable, "-m", "modicum", "serve", str(data), "--port", "0", "--no-browser"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
            assert server.stderr is not None
            found = re.search(r"http://\S+", server.stderr.readline())
            assert found is not None
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.set_default_timeout(120_000)
            page.goto(found[0])
            page.locator(".tile").first.wait_for()
            try:
                said = shown(Show(page, found[0], data, truth), asked)
            finally:
                browser.close()
                server.terminate()
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "page_show.json").write_text(json.dumps(said, indent=1) + "\n")


def shown(show: Show, asked: argparse.Namespace) -> dict[str, Any]:
    """All rounds; what was measured."""
    begun, names = time.monotonic(), list(show.truth)
    said: dict[str, Any] = {"seed": asked.seed, "minutes": asked.minutes, "load": [os.getloadavg()]}

    def note(key: str, values: dict[str, float]) -> None:
        figures = np.array(list(values.values()))
        said[key] = {"mean": float(figures.mean()), "sd": float(figures.std(ddof=1)), "median": float(np.median(figures)),
                     "count": len(figures), "after_minutes": (time.monotonic() - begun) / 60}  # fmt: skip
        said["load"].append(os.getloadavg())
        print(f"{key}: {figures.mean():.3f} +- {figures.std(ddof=1):.3f}, median {np.median(figures):.3f}, n {len(figures)}, "
              f"after {said[key]['after_minutes']:.1f} min, load {os.getloadavg()[0]:.1f}", flush=True)  # fmt: skip

    note("labels", {n: show.label(n, "brush" if i < BY_BRUSH else "box") for i, n in enumerate(names[:LABELS])})
    others = names[LABELS:]
    show.train(1, asked.minutes, onward=False)
    note("round 1", show.measure(others))
    worst = show.most_doubtful()
    note("corrections", {n: show.label(n, "correction") for n in worst})
    show.train(2, asked.minutes, onward=asked.onward)
    second = show.measure(others)
    note("round 2", second)
    note("round 2, never labelled", {n: second[n] for n in others if n not in worst})
    said["wall_minutes"] = (time.monotonic() - begun) / 60
    print(f"the whole: {said['wall_minutes']:.1f} minutes", flush=True)
    if asked.control:
        show.train(3, asked.minutes, onward=not asked.onward)
        note("control, never labelled", show.measure([n for n in others if n not in worst]))
    return said


if __name__ == "__main__":
    main()
