"""What a peer is told of a task, and what it must do: learn for so many seconds, then segment; the same for all of them."""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

now = time.process_time if os.environ.get("BUDGETS") == "processor" else time.monotonic
Segment = Callable[[np.ndarray], np.ndarray]  # (H, W, 3) uint8 -> (H, W) bool


@dataclass(frozen=True)
class Task:
    """Pictures (H, W, 3) with masks (H, W) to learn from, and pictures to segment."""

    images: list[np.ndarray]
    masks: list[np.ndarray]
    test: dict[str, Path]
    seconds: float
    fine: bool  # thin or small structures: crops at full resolution, else the whole picture made small
    out: Path

    @classmethod
    def read(cls, file: Path) -> Task:
        """From the JSON that `versus.py` writes."""
        about = json.loads(file.read_text())
        images = [read(Path(row["image"])) for row in about["train"]]
        masks = [cv2.imread(row["label"], cv2.IMREAD_GRAYSCALE) > 127 for row in about["train"]]
        test = {stem: Path(path) for stem, path in about["test"].items()}
        return cls(images, masks, test, about["seconds"], about["fine"], Path(about["out"]))


class Clock:
    """Counts the training only."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.steps, self.since = seconds, 0, now()

    @property
    def progress(self) -> float:
        """0 to 1 of the budget."""
        return min(1.0, (now() - self.since) / self.seconds)

    def step(self) -> bool:
        """One step was made; whether there is time for another."""
        self.steps += 1
        return self.progress < 1


def read(path: Path) -> np.ndarray:
    """RGB."""
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def small(image: np.ndarray, side: int, mode: int = cv2.INTER_AREA) -> np.ndarray:
    """The whole picture, or mask, made square."""
    return cv2.resize(image, (side, side), interpolation=mode)


def small_mask(mask: np.ndarray, side: int) -> np.ndarray:
    return small(mask.astype(np.uint8), side, cv2.INTER_NEAREST)


def peak_gib() -> float:
    """The most memory that this process has held, or one of those that it has started and that have ended."""
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 2**20


def finish(task: Task, segment: Segment, clock: Clock) -> None:
    """Segment the test pictures, write masks and what it cost."""
    trained = now() - clock.since
    (task.out / "masks").mkdir(parents=True, exist_ok=True)
    began = now()
    for stem, path in task.test.items():
        cv2.imwrite(str(task.out / "masks" / f"{stem}.png"), segment(read(path)).astype(np.uint8) * 255)
    cost = {
        "steps": clock.steps,
        "training_seconds": trained,
        "inference_seconds": (now() - began) / len(task.test),
        "peak_gib": peak_gib(),
    }
    (task.out / "cost.json").write_text(json.dumps(cost))
