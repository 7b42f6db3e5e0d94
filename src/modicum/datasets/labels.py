"""What the values in label files mean: binary, class numbers or colours; found by looking at the files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from modicum.datasets.case import LabelCode
from modicum.datasets.label_values import MOST_CLASSES, STRAY, Colour, Look, count, is_binary, look_at
from modicum.errors import ModicumError

_SAMPLE = 24  # label files looked at first; often they tell enough
_MOST_FILES = 3000  # label files looked at when classes may hide in any of them,
_MOST_PIXELS = 3e8  # but no more of them than hold so many pixels: about two seconds
_FEW_VALUES = 4  # in one file; what noise makes of one value is more
_UNMARKED = ("unmarked", "ignore")  # the latter as nnU-Net calls it
_VOID = 255  # the value that unmarked pixels have by convention; it may mean foreground as well
UNNAMED = "foreground"  # a class that nobody has named
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

Inferred = tuple[LabelCode, tuple[str, ...], tuple[str, ...]]


def infer_code(paths: Sequence[Path], table: Mapping[str, Any] | None = None, *, seed: int = 0) -> Inferred:
    """How the label files are to be read, the names of the classes, and in words what was guessed.

    A few files, drawn by seed, are looked at first. Unless they or the table tell all there is to know, every file is,
    up to 3000 files or 300 million pixels: a rare class may be in any of them.

    Args:
        paths: label files; unreadable ones are passed over.
        table: class name -> value or [r, g, b]; its "background" (or value 0) is no class, and pixels that are "unmarked"
            (or "ignore") say nothing.

    Raises:
        ModicumError: colour labels with too many colours and no class table, a class table that makes no sense, or labels
            that may have unmarked pixels, which nobody declared.
    """
    given, ground = _checked(table), _ground(table)
    if any(name.lower() in _UNMARKED for name in table or {}):
        return _partly_marked(given, table or {})
    if given and isinstance(next(iter(given.values())), tuple):
        return _given_colours(given, table or {})
    order = [paths[i] for i in np.random.default_rng(seed).permutation(len(paths))]
    looks = list(look_at(order[:_SAMPLE], _MOST_PIXELS))
    if not looks:
        names = tuple(given) or (UNNAMED,)
        numbered = len(given) > 1 or (given and ground is not None)
        code = LabelCode("index", tuple(given.values()), ground=ground or 0) if numbered else LabelCode("binary")
        return code, names, ()
    if not _table_decides(looks, given) and not _is_instances(looks):
        looks += look_at(order[_SAMPLE:_MOST_FILES], _MOST_PIXELS)
    looks = _without_stray_photographs(looks)
    if (other := _other_palette(looks)) is not None:
        if given:
            raise _other_order(looks[0], other)
        looks = [look.by_colour for look in looks]
    if any(look.colours for look in looks):
        return _colours(looks)
    if _compressed(looks):
        return _nearest_values(given, ground or 0, looks)
    counts = count(looks)
    if ground is not None and given:
        said = f"Class names come from the class table; {ground} is background."
        return LabelCode("index", tuple(given.values()), ground=ground), tuple(given), (said,)
    if _VOID not in given.values() and _may_be_unmarked(looks):
        raise _undeclared(counts)
    if _table_decides(looks, given):
        return LabelCode("index", tuple(given.values())), tuple(given), ("Class names come from the class table.",)
    if is_binary(counts) and not any(map(_holds_classes, looks)):
        return _binary(counts, tuple(given) or (UNNAMED,))
    if _is_instances(looks):
        said = "Labels number the objects (instances); here they are all one class, foreground."
        return LabelCode("binary", (1, max(counts))), (UNNAMED,), (said,)
    return _index(counts)


def _holds_classes(look: Look) -> bool:
    """Whether two values in one file have many pixels each, and there are too few for the noise of one value."""
    values = sorted((n for value, n in look.greys.items() if value), reverse=True)
    return 2 <= len(values) <= _FEW_VALUES and values[1] > max(0.05 * sum(values), STRAY)


def _table_decides(looks: Sequence[Look], given: Mapping[str, Any]) -> bool:
    """Whether grey values are classes of the table; one class alone may have any value in binary labels."""
    if not given or any(look.colours for look in looks):
        return False
    return len(given) > 1 or not is_binary(count(looks))


def _without_stray_photographs(looks: list[Look]) -> list[Look]:
    """All looks but a few photographs among grey labels, which the checks report."""
    strays = [look for look in looks if look.photograph]
    if len(strays) > 0.1 * len(looks) or len(strays) < sum(bool(look.colours) for look in looks):
        return looks
    return [look for look in looks if not look.photograph]


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
    ground = _ground(table)
    given = {n: v for n, v in found.items() if n.lower() not in ("background", *_UNMARKED) and (v != 0 or ground is not None)}
    if len({*given.values(), ground}) < 1 + len(given):
        raise ModicumError("two classes of the class table have the same value.", remedy="Give each its own.")
    return given if any(isinstance(v, tuple) for v in given.values()) else dict(sorted(given.items(), key=lambda i: i[1]))


def _ground(table: Mapping[str, Any] | None) -> int | None:
    """The value of the background, where a table says that it is another than 0."""
    told = {name.lower(): value for name, value in (table or {}).items()}
    ground = told.get("background")
    return ground if isinstance(ground, int) and ground and not {*told}.intersection(_UNMARKED) else None


def _partly_marked(given: dict[str, Any], table: Mapping[str, Any]) -> Inferred:
    """Labels as a table describes them that names the value or colour of unmarked pixels."""
    names = {name.lower(): tuple(v) if isinstance(v, list) else v for name, v in table.items()}
    values = [names[name] for name in _UNMARKED if name in names]
    unmarked = values[0]
    ground = names.get("background", (0, 0, 0) if isinstance(unmarked, tuple) else 0)
    if not given or len(values) > 1 or len({unmarked, ground, *given.values()}) < 2 + len(given):
        raise ModicumError(
            "the class table names unmarked pixels, and they cannot be told from the others.",
            remedy='Give every class and the unmarked pixels a value of their own: {"lesion": 1, "unmarked": 255}; where 0 is '
            'unmarked, the background too: {"unmarked": 0, "background": 1, "lesion": 2}.',
        )
    if isinstance(unmarked, tuple):
        code, classes, notes = _given_colours(given, {n: v for n, v in table.items() if n.lower() not in _UNMARKED})
        return replace(code, unmarked=unmarked), classes, (*notes, _said_of(unmarked))
    assert isinstance(ground, int), "the table has values throughout"
    code = LabelCode("index", tuple(given.values()), ground=ground, unmarked=unmarked)
    return code, tuple(given), ("Class names come from the class table.", _said_of(unmarked))


def _said_of(unmarked: object) -> str:
    return f"Pixels of {unmarked} are unmarked: they count neither in training nor in any figure."


def _may_be_unmarked(looks: Sequence[Look]) -> bool:
    """Whether labels hold 0, 1 ... and 255 alone, most files some of both: few classes and unmarked pixels, or stray values."""
    values = {v for v in count(looks) if v} - {_VOID}
    both = sum(_VOID in look.greys and any(v in look.greys for v in values) for look in looks)
    return bool(values) and values == set(range(1, len(values) + 1)) and len(values) < MOST_CLASSES and 2 * both > len(looks)


def _undeclared(counts: Counter[int]) -> ModicumError:
    held = ", ".join(str(v) for v in sorted(counts))
    return ModicumError(
        f"the labels hold {held}: whether 255 is foreground, or pixels that nobody has marked, is not known.",
        remedy='Say it in classes.json beside the pictures: {"lesion": 1, "unmarked": 255}, or {"lesion": 255}.',
    )


def _given_colours(given: dict[str, Any], table: Mapping[str, Any]) -> Inferred:
    background = next((tuple(v) for n, v in table.items() if n.lower() == "background"), (0, 0, 0))
    given = {n: c for n, c in given.items() if c != background}
    code = LabelCode("colour", colours=tuple(given.values()), background=background)
    return code, tuple(given), ("Classes and their colours come from the class table.",)


def _binary(counts: Counter[int], names: tuple[str, ...]) -> Inferred:
    values = sorted(counts)
    top = values[-1]
    if len(values) <= 2:
        said = f"Labels are binary: {' and '.join(str(v) for v in values)}."
    else:
        said = f"Labels are nearly binary ({len(values)} values up to {top}): above the middle is foreground."
    return LabelCode("binary", (top,) if top else ()), names, (said,)


def _is_instances(looks: Sequence[Look]) -> bool:
    """Whether values number objects: very many of them, or each file counts 1, 2, 3 ... to another end."""
    counts = count(looks)
    if any(look.colours for look in looks) or is_binary(counts):
        return False
    if len(counts) > MOST_CLASSES + 1:
        return True
    ends = []
    for look in looks:
        values = [v for v in sorted(look.greys) if v]
        if values != list(range(1, len(values) + 1)):
            return False
        ends.append(len(values))
    return max(ends) >= 6 and len(set(ends)) > 2


def _index(counts: Counter[int]) -> Inferred:
    values = tuple(v for v in sorted(counts) if v != 0)
    said = f"Labels are class numbers: {', '.join(str(v) for v in values)}; 0 is background."
    hint = "Names can be given in classes.json."
    return LabelCode("index", values), tuple(f"class {v}" for v in values), (said, hint)


def _other_palette(looks: Sequence[Look]) -> Look | None:
    """The first file whose palette has another colour for an index than those before it."""
    known: dict[int, Colour] = {}
    for look in looks:
        if any(known.setdefault(index, colour) != colour for index, colour in look.palette.items()):
            return look
    return None


def _other_order(one: Look, other: Look) -> ModicumError:
    return ModicumError(
        f"the palettes of {one.path.name} and of this file have other colours for the same values: values tell no class.",
        file=other.path,
        remedy='Name the colours of the classes in classes.json, such as {"cup": [255, 0, 0]}.',
    )


def _compressed(looks: Sequence[Look]) -> bool:
    """Whether JPEG has changed the values of classes in some file."""
    lossy = [look for look in looks if look.path.suffix.lower() in (".jpg", ".jpeg") and len(look.greys) > 2 * _FEW_VALUES]
    return bool(lossy) and not is_binary(count(looks))


def _nearest_values(given: Mapping[str, int], ground: int, looks: Sequence[Look]) -> Inferred:
    """Greys as JPEG has left them: each belongs to the class whose value is the nearest."""
    if len(given) < 2:
        lossy = max(looks, key=lambda look: len(look.greys))
        raise ModicumError(
            f"holds {len(lossy.greys)} values: JPEG has changed those of the classes.",
            file=lossy.path,
            remedy='Name their values in classes.json, such as {"disc": 128, "cup": 255}; the nearest wins.',
        )
    code = LabelCode("colour", colours=tuple((v, v, v) for v in given.values()), background=(ground, ground, ground))
    return code, tuple(given), ("Class names come from the class table; JPEG has changed the values: the nearest class wins.",)


def _colours(looks: Sequence[Look]) -> Inferred:
    counts: Counter[Colour] = Counter()
    for look in looks:
        counts.update(look.colours or {(v, v, v): n for v, n in look.greys.items()})
    if len(counts) > MOST_CLASSES:
        raise ModicumError(
            f"the labels are coloured, with {len(counts)} colours or more: that is a photograph, or a compressed file.",
            file=max(looks, key=lambda look: len(look.colours)).path,
            remedy='Name the colours of the classes in classes.json, such as {"cup": [255, 0, 0]}; the nearest wins.',
        )
    background = (0, 0, 0) if (0, 0, 0) in counts else counts.most_common(1)[0][0]
    colours = tuple(sorted(c for c in counts if c != background))
    names = tuple(_NAMES.get(c, "#{:02x}{:02x}{:02x}".format(*c)) for c in colours)
    if len(set(names)) < len(names):
        names = tuple("#{:02x}{:02x}{:02x}".format(*c) for c in colours)
    said = f"Labels are colours: {', '.join(names)}; {_NAMES.get(background, background)} is background."
    code = LabelCode("colour", colours=colours, background=background)
    return code, names if len(names) > 1 else (UNNAMED,), (said, "Classes can be named in classes.json.")
