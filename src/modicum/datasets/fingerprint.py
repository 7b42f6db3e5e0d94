"""What pictures and objects look like, in numbers: from these a recipe is planned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from modicum.datasets.case import Case, Dataset
from modicum.datasets.loading import case_size, foreground_share, load_field_of_view, load_label, load_marked, load_picture
from modicum.datasets.sides import sides
from modicum.datasets.volume_facts import volume_facts
from modicum.errors import ModicumError
from modicum.images.volumes import cached_grid

Progress = Callable[[int, int], None]
_SAMPLE = 60
_SMALLEST = 16  # pixels; the shape of smaller objects says nothing
_MOST_OBJECTS = 60  # in one picture, the largest, whose shape is measured


@dataclass(frozen=True)
class Fingerprint:
    """Of all pictures: their number and size (the median is that of labelled ones). Of labelled ones (at most 60, drawn by
    seed among those with an object): what the objects are like; those that are marked in part do not tell.

    Lengths are in pixels of the original pictures; shares and relative lengths 0 to 1; 0 where nothing is labelled.
    """

    pictures: int = 0
    labelled: int = 0
    unlabelled: int = 0
    patients: int = 0
    min_height: int = 0
    median_height: int = 0
    max_height: int = 0
    min_width: int = 0
    median_width: int = 0
    max_width: int = 0
    spacing: tuple[float, float, float] | None = None  # of volumes: median mm between voxels along depth, height, width
    spacing_spread: float = 0.0  # how far a volume's in height or width lies from that, at most; .1 is a tenth
    window: tuple[int, int] | None = None  # of CT: Hounsfield units among which the objects and what borders on them lie
    sides: tuple[str, str] | None = None  # two classes that differ by left and right alone
    channels: tuple[int, ...] = ()  # all that occur
    in_colour: bool = False  # most of the pictures looked at are: their channels differ
    dtypes: tuple[str, ...] = ()
    marked_in_part: int = 0  # labelled pictures, among those looked at, whose labels say nothing of some pixels
    examined: int = 0  # labelled pictures that the figures below come from
    foreground_share: dict[str, dict[str, float]] = field(default_factory=dict)  # class -> mean, min, max
    objects_per_picture: float = 0.0  # median
    single_share: float = 0.0  # of labelled pictures that hold exactly one object
    object_diameter_px: float = 0.0  # median, of a disc of the same area
    relative_diameter: float = 0.0  # of the picture's longer side
    object_thickness_px: float = 0.0  # of the thinnest class; a strip counts its width, a disc 2/3 of its diameter
    roundness: float = 0.0  # median of 4 pi area / perimeter^2
    solidity: float = 0.0  # median of area / area of the convex hull
    contrast: float = 0.0  # median of |mean inside - mean outside| / standard deviation

    def to_json(self) -> dict[str, Any]:
        """Only what JSON knows."""
        return asdict(self) | {"channels": list(self.channels), "dtypes": list(self.dtypes)}


def fingerprint(dataset: Dataset, progress: Progress | None = None, *, seed: int = 0) -> Fingerprint:
    """Measure a data set. Files that cannot be read are passed over; `check` reports them."""
    sizes = {c.id: s for c in dataset.cases if (s := _size(c)) is not None} or {"": (0, 0)}
    heights, widths = np.array(list(sizes.values())).T
    usual = np.median([sizes[c.id] for c in dataset.labelled if c.id in sizes] or list(sizes.values()), axis=0)
    looked_at, filled = _drawn(dataset, seed)
    seen = []
    for done, case in enumerate(looked_at, 1):
        if (one := _examine(case, dataset)) is not None:
            seen.append(one)
        if progress is not None:
            progress(done, len(looked_at))
    labelled = [s for s in seen if s.shares]
    spacing, spread = _spacing(dataset)
    volumes = volume_facts(dataset)
    return Fingerprint(
        pictures=len(dataset.cases),
        labelled=len(dataset.labelled),
        unlabelled=len(dataset.unlabelled),
        patients=len({c.patient or c.id for c in dataset.cases}),
        min_height=int(heights.min()),
        median_height=int(usual[0]),
        max_height=int(heights.max()),
        min_width=int(widths.min()),
        median_width=int(usual[1]),
        max_width=int(widths.max()),
        spacing=spacing,
        spacing_spread=spread,
        window=volumes.window if volumes is not None else None,
        sides=sides(dataset.classes),
        channels=tuple(sorted({s.channels for s in seen})),
        in_colour=bool(seen) and bool(np.median([s.coloured for s in seen]) > 0.5),
        dtypes=tuple(sorted({s.dtype for s in seen})),
        marked_in_part=sum(s.in_part for s in seen),
        examined=len(labelled),
        foreground_share=_shares(dataset.classes, labelled, filled),
        objects_per_picture=_median([s.objects for s in labelled]),
        single_share=round(filled * float(np.mean([s.objects == 1 for s in labelled])), 3) if labelled else 0.0,
        object_diameter_px=_median([d for s in labelled for d in s.diameters]),
        relative_diameter=_median([d / s.longest for s in labelled for d in s.diameters], 4),
        object_thickness_px=_thinnest(labelled),
        roundness=_median([r for s in labelled for r in s.roundness], 3),
        solidity=_median([r for s in labelled for r in s.solidity], 3),
        contrast=_median([s.contrast for s in labelled if s.contrast is not None], 3),
    )


@dataclass
class _Seen:
    channels: int
    dtype: str
    longest: int
    shares: list[float]
    thickness: dict[int, float]
    coloured: bool = False
    in_part: bool = False
    objects: int = 0
    diameters: list[float] = field(default_factory=list)
    roundness: list[float] = field(default_factory=list)
    solidity: list[float] = field(default_factory=list)
    contrast: float | None = None


def _drawn(dataset: Dataset, seed: int) -> tuple[Sequence[Case], float]:
    """Cases to look at, and the share of those that they stand for among the labelled ones.

    Of many those with an object, where there are any: of a rare one, most others would show nothing.
    """
    cases, filled = dataset.labelled or dataset.cases, 1.0
    if len(cases) > _SAMPLE and (shown := [c for c in dataset.labelled if foreground_share(c, dataset.code)]):
        cases, filled = tuple(shown), len(shown) / len(cases)
    if len(cases) > _SAMPLE:
        chosen = np.random.default_rng(seed).choice(len(cases), _SAMPLE, replace=False)
        cases = tuple(cases[i] for i in sorted(chosen))
    return cases, filled


def _size(case: Case) -> tuple[int, int] | None:
    try:
        return case_size(case)
    except ModicumError:
        return None


def _spacing(dataset: Dataset) -> tuple[tuple[float, float, float] | None, float]:
    """Median over the volumes, and how far one lies from it in its plane; None where there is none."""
    found = []
    for path in {c.image for c in dataset.cases if c.slice is not None}:
        with suppress(ModicumError):
            found.append(cached_grid(path).spacing)
    if not found:
        return None, 0.0
    middle = np.median(found, axis=0)
    depth, height, width = middle.round(4).tolist()
    return (depth, height, width), round(float(np.abs(np.array(found) / middle - 1)[:, 1:].max()), 3)


def _examine(case: Case, dataset: Dataset) -> _Seen | None:
    try:
        picture = load_picture(case)
        seen = _Seen(picture.shape[2], picture.dtype.name, max(picture.shape[:2]), [], {}, _coloured(picture))
        if not case.labelled:
            return seen
        label = load_label(case, dataset.code)
        valid, told = load_field_of_view(case), load_marked(case, dataset.code)
    except ModicumError:
        return None
    if told is not None and not (told.all() if valid is None else told[valid].all()):
        seen.in_part = True
        return seen
    inside = label.size if valid is None else max(int(valid.sum()), 1)
    if valid is not None:
        label = np.where(valid, label, np.uint8(0))
    for number in range(1, len(dataset.classes) + 1):
        mask = (label == number).astype(np.uint8)
        seen.shares.append(int(mask.sum()) / inside)
        if seen.shares[-1]:
            _objects(mask, seen)
            seen.thickness[number] = _thickness(mask)
    if len(case.labels) > 1:
        seen.objects = len(case.labels)
    seen.contrast = _contrast(picture, label > 0, valid)
    return seen


def _coloured(picture: npt.NDArray[Any]) -> bool:
    """Whether channels differ by a tenth of the greatest value in more than a hundredth of the pixels: a mark in colour, or
    what JPEG makes of grey, is less."""
    spread = picture.max(axis=2).astype(np.float32) - picture.min(axis=2)
    return bool((spread > picture.max() / 10).mean() > 0.01)


def _objects(mask: npt.NDArray[np.uint8], seen: _Seen) -> None:
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    worth = areas[areas >= min(_SMALLEST, int(areas.max()))]  # specks are noise beside objects
    seen.objects += len(worth)
    seen.diameters += np.sqrt(4 * worth / np.pi).tolist()
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for contour in sorted(contours, key=len, reverse=True)[:_MOST_OBJECTS]:
        area, perimeter = cv2.contourArea(contour), cv2.arcLength(contour, True)
        if area >= _SMALLEST:
            seen.roundness.append(min(1.0, 4 * np.pi * area / perimeter**2))
            seen.solidity.append(area / max(cv2.contourArea(cv2.convexHull(contour)), area))


def _thickness(mask: npt.NDArray[np.uint8]) -> float:
    """Width of the strip whose pixels lie as far from its border, on average, as those of this mask."""
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    if not (padded == 0).any():
        return float(min(mask.shape))
    return 4 * (float(distance[mask > 0].mean()) - 0.5)


def _contrast(picture: npt.NDArray[Any], label: npt.NDArray[np.bool_], valid: npt.NDArray[np.bool_] | None) -> float | None:
    """Of the channel that shows the objects best."""
    outside = ~label if valid is None else valid & ~label
    if not label.any() or not outside.any():
        return None
    best = 0.0
    for channel in np.moveaxis(picture, 2, 0):
        a, b = channel[label].astype(np.float32), channel[outside].astype(np.float32)
        spread = float(np.sqrt((a.var() + b.var()) / 2))
        best = max(best, abs(float(a.mean() - b.mean())) / max(spread, 1e-6))
    return best


def _shares(classes: Sequence[str], seen: Sequence[_Seen], filled: float) -> dict[str, dict[str, float]]:
    """Of all labelled pictures, of which those that were seen stand for the share `filled`, and the others show nothing."""
    if not seen:
        return {}
    table = np.array([s.shares for s in seen])
    ends = ((filled * float(c.mean()), float(c.min()) if filled == 1 else 0.0, float(c.max())) for c in table.T)
    return {
        name: {"mean": round(mean, 5), "min": round(least, 5), "max": round(most, 5)}
        for name, (mean, least, most) in zip(classes, ends, strict=True)
    }


def _thinnest(seen: Sequence[_Seen]) -> float:
    by_class: Counter[int] = Counter(n for s in seen for n in s.thickness)
    return min((_median([s.thickness[n] for s in seen if n in s.thickness]) for n in by_class), default=0.0)


def _median(values: Sequence[float], digits: int = 2) -> float:
    return round(float(np.median(values)), digits) if values else 0.0
