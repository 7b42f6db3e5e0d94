"""The pixels of a case: picture, label as class numbers, which of them count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from modicum.datasets.case import Case, LabelCode
from modicum.datasets.label_values import grey
from modicum.errors import ModicumError
from modicum.images import mask_palette, picture_size, read_mask, read_picture
from modicum.images.volumes import cached_grid, cached_mask, cached_volume


def load_picture(case: Case) -> npt.NDArray[Any]:
    """The picture (H, W, C), C = 1 or 3, uint8, uint16, int16 or float32; of a volume the slice.

    Raises:
        ModicumError: it cannot be read.
    """
    if case.slice is None:
        return read_picture(case.image)
    return np.asarray(cached_volume(case.image).values[case.slice][..., None])


def load_mask(path: Path, case: Case, code: LabelCode | None = None) -> npt.NDArray[Any]:
    """Raw values (H, W) or (H, W, 3) of a label file of a case; of a volume's, those of its slice.

    Args:
        code: where its classes are colours, a palette's colours are given instead of its indices.

    Raises:
        ModicumError: it cannot be read, or has fewer slices.
    """
    if case.slice is None:
        return read_colours(path) if code is not None and code.kind == "colour" else read_mask(path)
    values = cached_mask(path, case.image)
    if case.slice >= len(values):
        raise ModicumError(f"has {len(values)} slices, its volume {case.image.name} more.", file=path)
    return np.asarray(values[case.slice])


def read_colours(path: Path) -> npt.NDArray[Any]:
    """As `read_mask`, but of a palette its colours (H, W, 3).

    Raises:
        ModicumError: it cannot be read.
    """
    values, palette = read_mask(path), mask_palette(path)
    return values if palette is None else palette[values]


def case_size(case: Case) -> tuple[int, int]:
    """(height, width) from the header alone.

    Raises:
        ModicumError: it cannot be read.
    """
    if case.slice is None:
        return picture_size(case.image)
    return cached_grid(case.image).shape[1:]


def load_label(case: Case, code: LabelCode) -> npt.NDArray[np.uint8]:
    """Class numbers (H, W), 0 is background or unmarked; several files are united; of a case with `tissue` that alone.

    Raises:
        ModicumError: there is no label, it cannot be read, or its size differs from the picture's.
    """
    if not case.labels:
        raise ModicumError("has no label.", file=case.image)
    expected = case_size(case)
    numbers = np.zeros(expected, np.uint8)
    for path in case.labels:
        one = decode(load_mask(path, case, code), code)
        _same_size(path, (one.shape[0], one.shape[1]), case.image, expected)
        numbers = np.where(one > 0, one, numbers)
    if case.tissue is None:
        return numbers
    values, (least, greatest) = load_picture(case).mean(axis=2), case.tissue
    return np.where((values >= least) & (values <= greatest), numbers, np.uint8(0))


def load_field_of_view(case: Case) -> npt.NDArray[np.bool_] | None:
    """Pixels that count (H, W), or None where all do.

    Raises:
        ModicumError: it cannot be read, or its size differs from the picture's.
    """
    if case.field_of_view is None:
        return None
    valid = decode(load_mask(case.field_of_view, case), LabelCode("binary")).astype(np.bool_)
    _same_size(case.field_of_view, (valid.shape[0], valid.shape[1]), case.image, case_size(case))
    return valid


def load_marked(case: Case, code: LabelCode) -> npt.NDArray[np.bool_] | None:
    """Pixels (H, W) of which the label says anything, or None where it does of all; of several files any.

    Raises:
        ModicumError: it cannot be read.
    """
    if code.unmarked is None:
        return None
    return np.asarray(np.any([marked(load_mask(path, case, code), code) for path in case.labels], axis=0))


def load_valid(case: Case, code: LabelCode) -> npt.NDArray[np.bool_] | None:
    """Pixels (H, W) that count, marked and inside the field of view, or None where all do.

    Raises:
        ModicumError: as `load_field_of_view` and `load_marked`.
    """
    inside, told = load_field_of_view(case), load_marked(case, code)
    return told if inside is None else inside if told is None else inside & told


def marked(mask: npt.NDArray[Any], code: LabelCode) -> npt.NDArray[np.bool_]:
    """Pixels (H, W) of raw mask values (H, W) or (H, W, 3) that are not unmarked."""
    if code.kind == "colour":
        return _nearest_colour(mask, code) <= len(code.colours)
    return np.asarray(grey(mask) != code.unmarked)


def decode(mask: npt.NDArray[Any], code: LabelCode) -> npt.NDArray[np.uint8]:
    """Class numbers (H, W) uint8 of raw mask values (H, W) or (H, W, 3)."""
    if code.kind == "colour":
        nearest = _nearest_colour(mask, code)
        return np.where(nearest > len(code.colours), np.uint8(0), nearest)
    values = grey(mask)
    if code.kind == "binary":
        return (values > _middle(values, code)).astype(np.uint8)
    numbers = np.zeros(values.shape, np.uint8)
    for number, value in enumerate(code.values, 1):
        numbers[values == value] = number
    return numbers


def foreground_share(case: Case, code: LabelCode) -> float:
    """Share of the label's pixels that are foreground, 0 to 1; 0 where it cannot be read. Remembered."""
    try:
        stamps = tuple((p, p.stat().st_mtime_ns) for p in case.labels)
    except OSError:
        return 0.0
    key = (stamps, case.slice, code)
    if key not in _shares:
        _shares[key] = _share(case, code)
    return _shares[key]


_shares: dict[tuple[tuple[tuple[Path, int], ...], int | None, LabelCode], float] = {}


def _share(case: Case, code: LabelCode) -> float:
    try:
        shares = [float((decode(load_mask(p, case, code), code) > 0).mean()) for p in case.labels]
    except ModicumError:
        return 0.0
    return min(sum(shares), 1.0)


def _middle(values: npt.NDArray[Any], code: LabelCode) -> float:
    top = float(values.max(initial=0))
    if values.dtype.kind == "f" and top <= 1:
        return 0.5
    if code.values and top > 1:
        return code.values[0] / 2
    return 0.5 if top <= 1 else 127.5 if values.dtype == np.uint8 and top >= 128 else top / 2


def _nearest_colour(mask: npt.NDArray[Any], code: LabelCode) -> npt.NDArray[np.uint8]:
    """Class numbers (H, W) by the nearest colour; one more than there are classes is unmarked."""
    rgb = mask if mask.ndim == 3 else np.repeat(mask[..., None], 3, axis=2)
    nearest = np.full(rgb.shape[:2], np.inf, np.float32)
    numbers = np.zeros(rgb.shape[:2], np.uint8)
    unmarked = () if code.unmarked is None else (code.unmarked,)
    for number, colour in enumerate((code.background, *code.colours, *unmarked)):
        distance = ((rgb.astype(np.float32) - np.array(colour, np.float32)) ** 2).sum(axis=2)
        closer = distance < nearest
        numbers[closer] = number
        nearest = np.minimum(nearest, distance)
    return numbers


def _same_size(path: Path, found: tuple[int, int], image: Path, expected: tuple[int, int]) -> None:
    if found == expected:
        return
    turned = " One of them is turned by 90 degrees." if found == expected[::-1] else ""
    raise ModicumError(
        f"is {found[1]}x{found[0]} pixels, its picture {image.name} {expected[1]}x{expected[0]}.{turned}",
        file=path,
        remedy=f"Make both the same size ({image}).",
    )
