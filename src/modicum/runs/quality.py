"""Which predictions to look at first: a table and a contact sheet, the worst first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from modicum.bundle import Bundle
from modicum.images import write_picture
from modicum.images.intensity import working_pixels
from modicum.inference.trust import Signs, mean_expected_dice
from modicum.runs.contact_sheet import contact_sheet, thumbnail
from modicum.runs.trusting import Judge

_SHOWN = 40  # worst ones on the sheet


@dataclass(frozen=True)
class Judged:
    """One prediction."""

    name: str
    file: Path
    quality: float  # predicted Dice
    signs: Signs
    reasons: str
    empty: bool  # nothing was found

    def row(self) -> dict[str, Any]:
        """Of quality.csv; empty where something is not known."""
        known = {
            "expected_dice": self.signs.expected_dice,
            "mirrored_dice": self.signs.mirrored_dice,
            "distance": self.signs.distance,
            **{k: self.signs.shape.get(k, float("nan")) for k in ("foreground", "pieces", "raggedness")},
        }
        figures = {k: "" if np.isnan(v) else round(v, 4) for k, v in known.items()}
        return {"name": self.name, "quality": round(self.quality, 4), "reasons": self.reasons, **figures, "file": self.file}


class Quality:
    """Judges predictions one by one and keeps the worst to be shown."""

    def __init__(self, bundle: Bundle, scale: float = 1.0) -> None:
        self.judge = Judge(bundle, scale=scale)
        self.judged: list[Judged] = []
        self._shown: list[tuple[float, npt.NDArray[np.uint8]]] = []

    def add(
        self,
        name: str,
        file: Path,
        image: npt.NDArray[Any],
        probability: npt.NDArray[np.float16],
        numbers: npt.NDArray[np.uint8],
    ) -> None:
        """A picture (H, W, C) with its probability maps (K, H, W) and class numbers (H, W), or a volume without the C.

        A volume (D, H, W) is judged by its own probabilities only, and shown by its fullest slice.
        """
        if numbers.ndim == 2:
            self._keep(name, file, self.judge.signs(image, probability, numbers), image, numbers)
            return
        fullest = int((numbers > 0).sum(axis=(1, 2)).argmax())
        self._keep(name, file, Signs(mean_expected_dice(probability, numbers)), image[fullest][..., None], numbers[fullest])

    def write(self, sheet: Path) -> list[dict[str, Any]]:
        """Write the contact sheet; the rows of the table."""
        qualities, thumbs = zip(*self._shown, strict=True)
        write_picture(sheet, contact_sheet(thumbs, [f"{quality:.2f}" for quality in qualities]))
        return [one.row() for one in sorted(self.judged, key=lambda one: one.quality)]

    def _keep(self, name: str, file: Path, signs: Signs, picture: npt.NDArray[Any], numbers: npt.NDArray[np.uint8]) -> None:
        quality, reasons = self.judge.verdict(signs, numbers)
        self.judged.append(Judged(name, file, quality, signs, reasons, not numbers.any()))
        self._shown.append((quality, thumbnail(working_pixels(picture, 3), numbers)))
        self._shown = sorted(self._shown, key=lambda one: one[0])[:_SHOWN]
