"""Which values label files hold: what is counted before anyone says what they mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from modicum.datasets.case import LabelCode
from modicum.datasets.remembered import remembered
from modicum.errors import ModicumError
from modicum.images import mask_palette, read_mask
from modicum.images.formats import is_volume

Values = npt.NDArray[Any]
Colour = tuple[int, int, int]

MOST_CLASSES = 32
STRAY = 16  # pixels of another value are no class and no object
_NOISE = 24  # largest difference between the channels of a grey that JPEG has tinted
_FLAT = 5  # pixels; a fringe changes within so many, a class does not
_BITS = 20  # of each channel in a packed colour


@dataclass(frozen=True)
class Look:
    """What one label file holds: pixels of each grey value, or of each colour."""

    path: Path
    greys: dict[int, int]
    colours: dict[Colour, int]  # empty where the file is grey; of a photograph only some
    palette: dict[int, Colour] = field(default_factory=dict)  # where the values are indices, the colours of those it holds

    @property
    def by_colour(self) -> Look:
        """The same with the colours of its palette in place of its indices."""
        counted: Counter[Colour] = Counter()
        for index, colour in self.palette.items():
            counted[colour] += self.greys[index]
        return replace(self, greys={}, colours=dict(counted), palette={}) if self.palette else self

    @property
    def photograph(self) -> bool:
        return len(self.colours) > MOST_CLASSES


def look_at(paths: Iterable[Path], most_pixels: float) -> Iterator[Look]:
    """Count the values of label files, one after the other, until so many pixels have been seen.

    Files that cannot be read are passed over; the checks report them.
    """
    for path in paths:
        try:
            find = partial(_look, path)
            look, pixels = find() if is_volume(path) else remembered("values", [path], find)  # a volume may be several files
        except ModicumError:
            continue
        yield look
        most_pixels -= pixels
        if most_pixels <= 0:
            return


def _look(path: Path) -> tuple[Look, int]:
    """What a label file holds, and of how many pixels."""
    mask = read_mask(path)
    coloured = mask.ndim == 3 and not nearly_grey(mask)
    look = Look(path, {}, _colours_of(mask)) if coloured else Look(path, values_of(grey(mask)), {})
    if (palette := mask_palette(path)) is not None:
        look = replace(look, palette={value: _colour(palette[value]) for value in look.greys if value < len(palette)})
    return look, mask.shape[0] * mask.shape[1]


def _colour(values: Values) -> Colour:
    red, green, blue = map(int, values)
    return red, green, blue


def count(looks: Sequence[Look]) -> Counter[int]:
    """Pixels of each value in all grey files together."""
    counts: Counter[int] = Counter()
    for look in looks:
        counts.update(look.greys)
    return counts


def nearly_grey(mask: Values) -> bool:
    """Whether an RGB mask (H, W, 3) is grey but for the noise of JPEG, which always shows in many colours.

    Few colours are meant as they are, however few pixels have them: all must then be grey, or bright and hardly tinted.
    """
    spread = mask.max(axis=2).astype(np.float64) - mask.min(axis=2)
    if len(np.unique(_packed(mask))) > MOST_CLASSES:
        return float((spread > _NOISE).mean()) < 0.002
    return float(spread.max(initial=0)) <= (_NOISE if mask.max(initial=0) >= 128 else 0)


def grey(mask: Values) -> Values:
    """Mask values (H, W) of a grey or nearly grey mask."""
    return mask if mask.ndim == 2 else np.round(mask.mean(axis=2)).astype(mask.dtype)


def values_of(mask: Values) -> dict[int, int]:
    """Pixels of each value of a mask (H, W); float masks of 0 to 1 count as 0 to 255."""
    if mask.dtype == np.uint8:
        found = np.bincount(mask.ravel(), minlength=256)
        return {int(v): int(found[v]) for v in np.flatnonzero(found)}
    values, found = np.unique(_whole(mask), return_counts=True)
    return {int(v): int(n) for v, n in zip(values, found, strict=True)}


def is_binary(counts: dict[int, int]) -> bool:
    """Two values, or nearly so: noise near both ends, or a thin fringe of greys between them."""
    top = max(counts)
    if sum(v != 0 for v in counts) <= 1:
        return True
    if top <= MOST_CLASSES or top > 255:
        return False
    between = {v: n for v, n in counts.items() if 0.1 * top < v < 0.9 * top}
    fringe, inside = sum(between.values()), sum(n for v, n in counts.items() if v >= 0.9 * top)
    return not between or (_noisy(counts, top) and fringe < inside)


def unnamed_values(mask: Values, code: LabelCode) -> list[int]:
    """Values of a grey mask (H, W) or (D, H, W) of class numbers that are no class: they count as background."""
    return sorted(values_of(mask).keys() - {code.ground, code.unmarked, *code.values}) if code.kind == "index" else []


def strange_values(mask: Values, top: int) -> list[int]:
    """Values of a mask (H, W) that are clearly neither 0 nor the foreground's `top`.

    Where values are noisy (JPEG, smooth borders), only even areas count: a border between two classes is none.
    """
    found = values_of(mask)
    if top <= MOST_CLASSES or top > 255:
        return sorted(v for v in found if v not in (0, top))
    strange = sorted(v for v in found if 0.1 * top < v < 0.9 * top or v > 1.1 * top)
    if not strange or not _noisy(found, top):
        return strange
    values = _whole(mask).astype(np.float32)
    window = np.ones((_FLAT, _FLAT), np.uint8)
    even = cv2.dilate(values, window) - cv2.erode(values, window) <= 0.1 * top
    return sorted(values_of(values[even & np.isin(values, strange)].astype(np.int64)))


def _noisy(counts: dict[int, int], top: int) -> bool:
    """Class numbers do not crowd at both ends of their range."""
    return sum(v <= 0.1 * top or v >= 0.9 * top for v in counts) > 4


def _whole(mask: Values) -> npt.NDArray[np.int64]:
    values = np.nan_to_num(mask)
    if mask.dtype.kind == "f" and mask.size and values.max() <= 1:
        values = values * 255
    return np.round(values).astype(np.int64)


def _packed(mask: Values) -> npt.NDArray[np.int64]:
    """Each colour of a mask (H, W, 3) as one number, (H * W,)."""
    rgb = _whole(mask).reshape(-1, 3)
    return np.asarray((rgb[:, 0] << 2 * _BITS) | (rgb[:, 1] << _BITS) | rgb[:, 2], np.int64)


def _colours_of(mask: Values) -> dict[Colour, int]:
    values, found = np.unique(_packed(mask), return_counts=True)
    most = slice(0, 2 * MOST_CLASSES)
    low = (1 << _BITS) - 1
    pairs = zip(values[most].tolist(), found[most].tolist(), strict=True)
    return {(v >> 2 * _BITS, v >> _BITS & low, v & low): n for v, n in pairs}
