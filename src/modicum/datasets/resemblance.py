"""Pictures that are the same, or nearly: copies, other encodings, neighbouring frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from modicum.datasets.examination import Examined

_ALIKE = 0.95  # least correlation of what distinguishes two thumbnails from the average picture
_BITS = 0.2  # most different bits between their difference hashes, as a share
_BLOCK = 512


def duplicates(seen: Sequence[Examined]) -> Iterator[tuple[Examined, Examined]]:
    """Each picture whose pixels are those of an earlier one, with that one."""
    first: dict[str, Examined] = {}
    for one in seen:
        if one.digest in first:
            yield first[one.digest], one
        elif one.digest:
            first[one.digest] = one


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
