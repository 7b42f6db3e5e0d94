"""Slices of ACDC as pictures, so that every peer may learn the left ventricle from them: 5 patients, tested on 10 others."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import nibabel
import numpy as np

VENTRICLE = 3


@dataclass(frozen=True)
class Slice:
    """A slice as a picture and its mask; `whole` is the volume that it belongs to."""

    stem: str
    image: Path
    label: Path
    whole: str
    patient: str
    part: str


def hearts(data: Path, out: Path, labels: int, tested: int) -> Iterator[Slice]:
    """Grey slices of both volumes of each patient, between the .5 and 99.5 percentiles of the volume."""
    volumes = sorted((data / "images").iterdir())
    patients = sorted({path.name.split("_")[0] for path in volumes})
    drawn = random.Random(2026).sample(patients, labels + tested)
    out.mkdir(parents=True, exist_ok=True)
    for path in volumes:
        patient, whole = path.name.split("_")[0], path.name.removesuffix(".nii.gz")
        if patient not in drawn:
            continue
        part = "test" if patient in drawn[:tested] else "train"
        values, label = (np.asarray(nibabel.load(data / kind / path.name).dataobj) for kind in ("images", "labels"))
        low, high = np.percentile(values, (0.5, 99.5))
        grey = np.clip((values - low) / (high - low) * 255, 0, 255).astype(np.uint8)
        for number in range(grey.shape[2]):
            found = Slice(
                f"{whole}-{number:02}",
                out / f"{whole}-{number:02}.png",
                out / f"{whole}-{number:02}-mask.png",
                whole,
                patient,
                part,
            )
            if not found.label.exists():
                cv2.imwrite(str(found.image), grey[:, :, number])
                cv2.imwrite(str(found.label), (label[:, :, number] == VENTRICLE).astype(np.uint8) * 255)
            yield found
