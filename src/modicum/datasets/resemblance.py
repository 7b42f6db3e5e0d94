"""Pictures that are the same, or nearly: copies, other encodings, neighbouring frames."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from modicum.datasets.case import Dataset
from modicum.datasets.examination import Examined, examine_picture

_ALIKE = 0.95  # least correlation of what distinguishes two thumbnails from the average picture
_BITS = 0.2  # most different bits between their difference hashes, as a share
_BLOCK = 512
_MOST_REMEMBERED = 4  # data sets

Key = tuple[tuple[str, Path, tuple[int, int]], ...]
_remembered: dict[Key, Resemblance] = {}


@dataclass(frozen=True)
class Resemblance:
    """Ids of the cases whose pictures are the same, and pairs of ids whose pictures nearly are, in the data set's order."""

    same: tuple[tuple[str, ...], ...]
    alike: tuple[tuple[str, str], ...]


def resemblance(dataset: Dataset, seen: Sequence[Examined] | None = None) -> Resemblance:
    """Which pictures resemble each other. Remembered, so that asking again of the same files costs nothing.

    Args:
        seen: the pictures of all cases, where they have been read already; else they are read, if nothing is remembered.
    """
    key = _key(dataset)
    if key not in _remembered:
        found = [examine_picture(c) for c in dataset.cases] if seen is None else seen
        while len(_remembered) >= _MOST_REMEMBERED:
            del _remembered[next(iter(_remembered))]
        _remembered[key] = _compare([s for s in found if s.size is not None])
    return _remembered[key]


def _key(dataset: Dataset) -> Key:
    return tuple((c.id, c.image, _stamp(c.image)) for c in dataset.cases)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _compare(seen: Sequence[Examined]) -> Resemblance:
    same: dict[str, list[str]] = defaultdict(list)
    for one in seen:
        if one.digest:
            same[one.digest].append(one.case.id)
    digests = {s.case.id: s.digest for s in seen}
    alike = ((first.case.id, second.case.id) for first, second in near_duplicates(seen))
    return Resemblance(
        tuple(tuple(ids) for ids in same.values() if len(ids) > 1),
        tuple((a, b) for a, b in alike if digests[a] != digests[b]),
    )


def near_duplicates(seen: Sequence[Examined]) -> list[tuple[Examined, Examined]]:
    """Pairs that look nearly the same; identical ones are among them.

    Pictures of one kind resemble each other (every fundus is a disc on black), so the average picture is taken away
    first; what remains must correlate, and its steps from pixel to pixel must go the same way.
    """
    usable = [s for s in seen if s.thumb is not None and s.thumb.any()]
    if len(usable) < 2:
        return []
    thumbs = np.stack([s.thumb for s in usable if s.thumb is not None])  # (N, 32, 32)
    if len(usable) >= 6:
        thumbs = thumbs - thumbs.mean(axis=0)
    flat = thumbs.reshape(len(usable), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    flat = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    small = thumbs.reshape(len(usable), 16, 2, 16, 2).mean(axis=(2, 4))  # (N, 16, 16)
    steps = [np.diff(small, axis=axis).reshape(len(usable), -1) for axis in (1, 2)]
    signs = np.sign(np.concatenate(steps, axis=1))
    pairs = []
    for start in range(0, len(usable), _BLOCK):
        alike = flat[start : start + _BLOCK] @ flat.T
        for row, column in np.argwhere(alike >= _ALIKE):
            i = start + int(row)
            j = int(column)
            if i < j and float((signs[i] != signs[j]).mean()) <= _BITS:
                pairs.append((usable[i], usable[j]))
    return pairs
