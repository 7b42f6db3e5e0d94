"""Small data sets, written on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

Write = Callable[..., Path]


def blob(seed: int, radius: int = 8, size: tuple[int, int] = (40, 48)) -> npt.NDArray[np.uint8]:
    """A disc, 255 on 0, somewhere in (H, W)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]]
    centre = rng.integers(12, min(size) - 12, 2)
    return np.where((y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2, 255, 0).astype(np.uint8)


def _save(path: Path, values: npt.NDArray[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
    return path


@pytest.fixture
def picture() -> Write:
    """picture(path, seed): a noisy RGB picture of (40, 48) with a bright disc where `mask(path, seed)` has it."""

    def write(path: Path, seed: int = 0, size: tuple[int, int] = (40, 48)) -> Path:
        noise = np.random.default_rng(1000 + seed).integers(0, 120, (*size, 3))
        return _save(path, np.clip(noise + blob(seed, size=size)[..., None] // 2, 0, 255).astype(np.uint8))

    return write


@pytest.fixture
def mask() -> Write:
    """mask(path, seed, values=...): the label of `picture(path, seed)`, or the values that are given."""

    def write(path: Path, seed: int = 0, values: npt.NDArray[Any] | None = None, radius: int = 8) -> Path:
        return _save(path, blob(seed, radius) if values is None else values)

    return write


@pytest.fixture
def pairs(tmp_path: Path, picture: Write, mask: Write) -> Callable[..., Path]:
    """pairs(n): folder with images/ and labels/ of n pictures named case00 ..., or the names that are given."""

    def write(count: int = 6, names: list[str] | None = None, root: Path = tmp_path / "set") -> Path:
        for seed, name in enumerate(names or [f"case{i:02d}" for i in range(count)]):
            picture(root / "images" / f"{name}.png", seed)
            mask(root / "labels" / f"{name}.png", seed, radius=5 + seed % 5)
        return root

    return write
