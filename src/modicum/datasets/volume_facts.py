"""What volumes are like, in numbers: sizes, spacing, values, and which windows of values show what in CT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from modicum.datasets.case import Case, Dataset
from modicum.datasets.loading import load_label
from modicum.errors import ModicumError
from modicum.images.volumes import cached_grid, cached_volume

_LOOKED_AT = 12  # volumes whose voxels are read
_VOXELS = 200_000  # of each
_AIR = -900  # Hounsfield units: what has such values is CT
_WIDE = 400  # Hounsfield units that a window for soft tissue spans
WINDOWS = {  # least and greatest Hounsfield units that are told apart; usual in radiology, the last two from document D
    "soft tissue": (-160, 240),
    "lungs": (-1350, 150),
    "bone": (-450, 1050),
    "fat": (-200, -30),
    "vessels with contrast medium": (200, 500),
}

Range = tuple[float, float]


@dataclass(frozen=True)
class VolumeFacts:
    """Of all volumes: number and sizes. Of a few, labelled ones first, spread evenly: spacing and values."""

    volumes: int
    slices: int
    widths: Range  # least and greatest, in voxels
    heights: Range
    depths: Range  # slices of a volume
    looked_at: int  # volumes from which the rest comes
    spacing: tuple[Range, Range, Range]  # mm along width, height and between slices
    values: Range
    percentiles: Range  # .5 and 99.5
    labelled: dict[str, Range]  # of each class the values of its voxels, 5th and 95th percentile
    hounsfield: bool  # values as those of CT

    @property
    def window(self) -> tuple[int, int] | None:
        """Of CT with labels: the Hounsfield units of all classes and half as many on either side, 400 at least; else None."""
        if not (self.hounsfield and self.labelled):
            return None
        low, high = min(low for low, _ in self.labelled.values()), max(high for _, high in self.labelled.values())
        half = max(high - low, _WIDE / 2)
        return round((low + high) / 2 - half), round((low + high) / 2 + half)

    def to_json(self) -> dict[str, Any]:
        """Only what JSON knows."""
        return asdict(self)


def volume_facts(dataset: Dataset) -> VolumeFacts | None:
    """What the volumes of a data set are like; None where it has none that can be read."""
    by_volume: dict[str, list[Case]] = {}
    for case in dataset.cases:
        if case.slice is not None:
            by_volume.setdefault(case.volume, []).append(case)
    if not by_volume:
        return None
    shapes = np.array([cached_grid(cases[0].image).shape for cases in by_volume.values()])
    looked = [_look(cases, dataset) for cases in _some(list(by_volume.values()))]
    seen = [one for one in looked if one is not None]
    if not seen:
        return None
    spacing = np.array([one.spacing for one in seen])
    values = np.concatenate([one.values for one in seen])
    low, high = np.percentile(values, [0.5, 99.5])
    return VolumeFacts(
        volumes=len(by_volume),
        slices=int(shapes[:, 0].sum()),
        widths=_range(shapes[:, 2]),
        heights=_range(shapes[:, 1]),
        depths=_range(shapes[:, 0]),
        looked_at=len(seen),
        spacing=(_range(spacing[:, 2]), _range(spacing[:, 1]), _range(spacing[:, 0])),
        values=_range(values),
        percentiles=(float(low), float(high)),
        labelled=_labelled([one.labelled for one in seen], dataset.classes),
        hounsfield=hounsfield(values),
    )


def hounsfield(values: np.ndarray[Any, Any]) -> bool:
    """Whether values are like those of CT: whole numbers, and some are air's."""
    return bool(values.min() <= _AIR and values.max() < 32768 and (values == np.rint(values)).all())


@dataclass(frozen=True)
class _Seen:
    spacing: tuple[float, float, float]
    values: np.ndarray[Any, Any]
    labelled: dict[int, np.ndarray[Any, Any]]  # values of voxels of each class


def _some(volumes: Sequence[list[Case]]) -> list[list[Case]]:
    """Labelled ones, because they alone tell what values the objects have, and others where there are too few of them."""
    labelled = [cases for cases in volumes if cases[0].labelled]
    chosen = _spread(labelled, _LOOKED_AT)
    return chosen + _spread([cases for cases in volumes if not cases[0].labelled], _LOOKED_AT - len(chosen))


def _spread(volumes: Sequence[list[Case]], most: int) -> list[list[Case]]:
    return [volumes[i] for i in np.linspace(0, len(volumes) - 1, min(most, len(volumes))).round().astype(int)]


def _look(cases: Sequence[Case], dataset: Dataset) -> _Seen | None:
    try:
        volume = cached_volume(cases[0].image)
        own = sorted(cases, key=lambda c: c.slice or 0)
        label = np.stack([load_label(c, dataset.code) for c in own]).ravel() if cases[0].labelled else None
    except ModicumError:
        return None  # `check` reports it
    values = volume.values.ravel().astype(np.float32)
    finite = np.isfinite(values)
    labelled = {} if label is None else {int(k): _thinned(values[(label == k) & finite]) for k in np.unique(label) if k}
    return _Seen(volume.spacing, _thinned(values[finite]), labelled)


def _thinned(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return values[:: max(1, values.size // _VOXELS)]


def _labelled(seen: Sequence[dict[int, np.ndarray[Any, Any]]], classes: Sequence[str]) -> dict[str, Range]:
    found = {}
    for number, name in enumerate(classes, 1):
        if own := [one[number] for one in seen if number in one]:
            low, high = np.percentile(np.concatenate(own), [5, 95])
            found[name] = (float(low), float(high))
    return found


def _range(numbers: np.ndarray[Any, Any]) -> Range:
    return float(numbers.min()), float(numbers.max())
