"""Tiny data sets for end-to-end tests, and a recipe that trains on it in seconds."""

from __future__ import annotations

from pathlib import Path

import cv2
import nibabel
import numpy as np

TINY = [
    "network.encoder.widths=[4,8]",
    "view=whole",
    "view.size=32",
    "fit.epochs=6",
    "fit.batch_size=4",
    "fit.precision=32-true",
]


def write_discs(folder: Path, count: int, *, size: int = 48, seed: int = 0) -> Path:
    """Pictures of one bright disc on a dark ground, label 0/255."""
    rng = np.random.default_rng(seed)
    for sub in ("images", "labels"):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    y, x = np.indices((size, size))
    for number in range(count):
        cy, cx = rng.uniform(14, size - 14, 2)
        disc = (y - cy) ** 2 + (x - cx) ** 2 < rng.uniform(6, 12) ** 2
        image = np.where(disc[..., None], 180, 60) + rng.normal(0, 12, (size, size, 3))
        cv2.imwrite(str(folder / "images" / f"case_{number:02d}.png"), np.clip(image, 0, 255).astype(np.uint8))
        cv2.imwrite(str(folder / "labels" / f"case_{number:02d}.png"), disc.astype(np.uint8) * 255)
    return folder


def write_boxes(folder: Path, count: int, *, name: str = "v{}") -> Path:
    """Volumes of three slices with one bright box on a dark ground, label 0/1."""
    rng = np.random.default_rng(0)
    for sub in ("images", "labels"):
        (folder / sub).mkdir(parents=True)
    for number in range(count):
        label = np.zeros((24, 24, 3), np.uint8)
        label[5 + number : 15, 6:14] = 1
        values = np.where(label, 60, -90) + rng.normal(0, 9, label.shape)
        for sub, array in (("images", values.astype(np.int16)), ("labels", label)):
            nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), folder / sub / f"{name.format(number)}.nii.gz")
    return folder
