"""How large an object of a volume is, as it was found and as it is: as a whole and slice by slice."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from modicum.evaluation.agreement import Agreement, agreement
from modicum.evaluation.metrics import Mask
from modicum.evaluation.statistics import Floats


@dataclass(frozen=True)
class Sizes:
    """Of one class in one volume."""

    millilitres: tuple[float, float]  # found, true
    areas: Floats  # (n, 2), cm2 found and true in each slice where either is

    @classmethod
    def of(cls, found: Mask, true: Mask, valid: Mask | None, spacing: Sequence[float]) -> Sizes:
        """Of masks (D, H, W) with so many mm between voxels; only valid voxels count."""
        both = np.stack([found, true]) if valid is None else np.stack([found, true]) & valid
        voxels = both.sum(axis=(2, 3)).T.astype(np.float64)
        found_ml, true_ml = (float(v) for v in voxels.sum(axis=0) * math.prod(spacing) / 1000)
        return cls((found_ml, true_ml), voxels[voxels.any(axis=1)] * spacing[1] * spacing[2] / 100)


@dataclass(frozen=True)
class Measured:
    """One quantity by a model and by hand, such as the millilitres of each volume."""

    found: Sequence[float]
    true: Sequence[float]
    patients: Sequence[str]

    @property
    def agreement(self) -> Agreement:
        return agreement(self.found, self.true, self.patients)


def volumes(sizes: Iterable[tuple[Sizes, str]]) -> Measured:
    """Millilitres of volumes, each given with its patient."""
    rows = [(*one.millilitres, patient) for one, patient in sizes]
    return Measured([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows])


def slices(sizes: Iterable[tuple[Sizes, str]]) -> Measured:
    """cm2 of all slices of volumes in which something was found or is."""
    rows = [(*area, patient) for one, patient in sizes for area in one.areas.tolist()]
    return Measured([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows])
