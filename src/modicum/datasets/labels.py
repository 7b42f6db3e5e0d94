"""What the values in label files mean: binary, class numbers or colours; found by looking at the files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from modicum.datasets.case import LabelCode
from modicum.errors import ModicumError
from modicum.images import read_mask

Values = npt.NDArray[Any]
_SAMPLE = 24  # label files looked at first
_MOST_FILES = 300  # label files looked at when classes may hide in any of them
_MOST_CLASSES = 32
_NAMES = {
    (255, 0, 0): "red",
    (0, 255, 0): "green",
    (0, 128, 0): "green",
    (0, 0, 255): "blue",
    (255, 255, 0): "yellow",
    (255, 0, 255): "magenta",
    (0, 255, 255): "cyan",
    (255, 255, 255): "white",
    (0, 0, 0): "black",
    (128, 128, 128): "grey",
}


def infer_code(
    paths: Sequence[Path], table: Mapping[str, Any] | None = None, *, seed: int = 0
) -> tuple[LabelCode, tuple[str, ...], tuple[str, ...]]:
    """How the label files are to be read, the names of the classes, and in words what was guessed.

    Args:
        paths: label files; unreadable ones are passed over.
        table: class name -> value or [r, g, b]; its "background" (or value 0) is no class.

    Raises:
        ModicumError: colour labels with too many colours and no class table, or a class table that makes no sense.
    """
    given = _checked(table)
    sample = _sample(paths, _SAMPLE, seed)
    masks = _read(sample)
    if given and isinstance(next(iter(given.values())), tuple):
        return _given_colours(given, table or {})
    if not masks:
        names = tuple(given) or ("foreground",)
        code = LabelCode("index", tuple(given.values())) if len(given) > 1 else LabelCode("binary")
        return code, names, ()
    coloured = [m for m in masks if m.ndim == 3 and not nearly_grey(m)]
    if coloured:
        return _colours(masks, paths)
    greys = [grey(m) for m in masks]
    counts = _count(greys)
    if given and not (len(given) == 1 and _is_binary(counts)):
        return LabelCode("index", tuple(given.values())), tuple(given), ("Class names come from the class table.",)
    if _is_binary(counts):
        return _binary(counts, tuple(given) or ("foreground",))
    if _is_instances(greys, counts):
        said = "Labels number the objects (instances); here they are all one class, foreground."
        return LabelCode("binary", (1,)), ("foreground",), (said,)
    return _index(paths, counts)


def nearly_grey(mask: Values) -> bool:
    """Whether an RGB mask (H, W, 3) is grey but for the noise of JPEG."""
    spread = mask.max(axis=2).astype(np.int32) - mask.min(axis=2)
    return float((spread > 24).mean()) < 0.002


def grey(mask: Values) -> Values:
    """Mask values (H, W) of a grey or nearly grey mask."""
    return mask if mask.ndim == 2 else np.round(mask.mean(axis=2)).astype(mask.dtype)


def _checked(table: Mapping[str, Any] | None) -> dict[str, Any]:
    """Foreground classes of a table, in order of value: name -> int or (r, g, b)."""
    found: dict[str, Any] = {}
    for name, value in (table or {}).items():
        if isinstance(value, list) and len(value) == 3 and all(isinstance(v, int) for v in value):
            found[name] = tuple(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            found[name] = value
        else:
            remedy = 'Write {"name": 1} or {"name": [255, 0, 0]}.'
            raise ModicumError(f"the class '{name}' of the class table has the value {value!r}.", remedy=remedy)
    if len({type(v) for v in found.values()}) > 1:
        raise ModicumError("the class table mixes values and colours.", remedy="Use one of them for all classes.")
    given = {n: v for n, v in found.items() if n.lower() != "background" and v != 0}
    if len(set(given.values())) < len(given):
        raise ModicumError("two classes of the class table have the same value.", remedy="Give each its own.")
    return given if any(isinstance(v, tuple) for v in given.values()) else dict(sorted(given.items(), key=lambda i: i[1]))


def _given_colours(given: dict[str, Any], table: Mapping[str, Any]) -> tuple[LabelCode, tuple[str, ...], tuple[str, ...]]:
    background = next((tuple(v) for n, v in table.items() if n.lower() == "background"), (0, 0, 0))
    given = {n: c for n, c in given.items() if c != background}
    code = LabelCode("colour", colours=tuple(given.values()), background=background)
    return code, tuple(given), ("Classes and their colours come from the class table.",)


def _sample(paths: Sequence[Path], count: int, seed: int) -> list[Path]:
    if len(paths) <= count:
        return list(paths)
    chosen = np.random.default_rng(seed).choice(len(paths), count, replace=False)
    return [paths[i] for i in sorted(chosen)]


def _read(paths: Sequence[Path]) -> list[Values]:
    masks = []
    for path in paths:
        try:
            masks.append(read_mask(path))
        except ModicumError:
            continue  # reported by the checks
    return masks


def _count(masks: Sequence[Values]) -> Counter[int]:
    """Pixels of each value; float masks of 0 to 1 count as 0 to 255."""
    counts: Counter[int] = Counter()
    for mask in masks:
        counts.update(values_of(mask))
    return counts


def values_of(mask: Values) -> dict[int, int]:
    """Pixels of each value of a mask (H, W)."""
    if mask.dtype == np.uint8:
        found = np.bincount(mask.ravel(), minlength=256)
        return {int(v): int(found[v]) for v in np.flatnonzero(found)}
    if mask.dtype.kind == "f" and mask.size and mask.max() <= 1:
        mask = mask * 255
    values, found = np.unique(np.round(np.nan_to_num(mask)).astype(np.int64), return_counts=True)
    return {int(v): int(n) for v, n in zip(values, found, strict=True)}


def _is_binary(counts: Counter[int]) -> bool:
    """Two values, or nearly so: noise near both ends, or a thin fringe of greys between them."""
    top = max(counts)
    if sum(v != 0 for v in counts) <= 1:
        return True
    if top <= _MOST_CLASSES or top > 255:
        return False
    between = {v: n for v, n in counts.items() if 0.1 * top < v < 0.9 * top}
    fringe, inside = sum(between.values()), sum(n for v, n in counts.items() if v >= 0.9 * top)
    noisy = len(counts) - len(between) > 4  # class numbers do not crowd at both ends of their range
    return not between or (noisy and fringe < inside)


def _binary(counts: Counter[int], names: tuple[str, ...]) -> tuple[LabelCode, tuple[str, ...], tuple[str, ...]]:
    values = sorted(counts)
    top = values[-1]
    if len(values) <= 2:
        said = f"Labels are binary: {' and '.join(str(v) for v in values)}."
    else:
        said = f"Labels are nearly binary ({len(values)} values up to {top}): above the middle is foreground."
    return LabelCode("binary", (top,) if top else ()), names, (said,)


def _is_instances(masks: Sequence[Values], counts: Counter[int]) -> bool:
    """Whether values number objects: very many of them, or each file counts 1, 2, 3 ... to another end."""
    if len(counts) > _MOST_CLASSES + 1:
        return True
    ends = []
    for mask in masks:
        values = [v for v in values_of(mask) if v]
        if values != list(range(1, len(values) + 1)):
            return False
        ends.append(len(values))
    return max(ends) >= 6 and len(set(ends)) > 2


def _index(paths: Sequence[Path], counts: Counter[int]) -> tuple[LabelCode, tuple[str, ...], tuple[str, ...]]:
    looked = _sample(paths, _MOST_FILES, 0)
    for path in looked:  # one by one: a rare class may be in any of them
        for mask in _read([path]):
            counts.update(values_of(grey(mask)))
    values = tuple(v for v in sorted(counts) if v != 0)
    said = f"Labels are class numbers: {', '.join(str(v) for v in values)}; 0 is background."
    hint = "Names can be given in classes.json."
    return LabelCode("index", values), tuple(f"class {v}" for v in values), (said, hint)


def _colours(masks: Sequence[Values], paths: Sequence[Path]) -> tuple[LabelCode, tuple[str, ...], tuple[str, ...]]:
    counts: Counter[tuple[int, int, int]] = Counter()
    for mask in [*masks, *(m for p in _sample(paths, _MOST_FILES, 0) for m in _read([p]))]:
        rgb = mask if mask.ndim == 3 else np.repeat(mask[..., None], 3, axis=2)
        packed = rgb.reshape(-1, 3).astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
        values, found = np.unique(packed, return_counts=True)
        for value, n in zip(values.tolist(), found.tolist(), strict=True):
            counts[(value >> 16, value >> 8 & 255, value & 255)] += n
        if len(counts) > 5000:
            break
    if len(counts) > _MOST_CLASSES:
        raise ModicumError(
            f"the labels are coloured, with {len(counts)} colours or more: that is a photograph, or a compressed file.",
            file=paths[0],
            remedy='Name the colours of the classes in classes.json, such as {"cup": [255, 0, 0]}; the nearest wins.',
        )
    background = (0, 0, 0) if (0, 0, 0) in counts else counts.most_common(1)[0][0]
    colours = tuple(sorted(c for c in counts if c != background))
    names = tuple(_NAMES.get(c, "#{:02x}{:02x}{:02x}".format(*c)) for c in colours)
    if len(set(names)) < len(names):
        names = tuple("#{:02x}{:02x}{:02x}".format(*c) for c in colours)
    said = f"Labels are colours: {', '.join(names)}; {_NAMES.get(background, background)} is background."
    code = LabelCode("colour", colours=colours, background=background)
    return code, names if len(names) > 1 else ("foreground",), (said, "Classes can be named in classes.json.")
