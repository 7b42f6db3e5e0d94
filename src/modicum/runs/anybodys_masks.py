"""Masks that anybody made, of pictures or of volumes, beside the true ones."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

from modicum.datasets import load_label, load_valid
from modicum.datasets.case import Case, LabelCode
from modicum.datasets.label_values import MOST_CLASSES, count, grey, look_at
from modicum.datasets.layouts.found import pictures_in, stem
from modicum.datasets.layouts.pairing import bare_names
from modicum.datasets.loading import decode, marked, read_colours
from modicum.errors import ModicumError
from modicum.images import read_mask
from modicum.images.volumes import Volume, is_volume, read_volume
from modicum.images.volumes.dicom_seg import segmentations_in
from modicum.images.volumes.reading import mask_values

_SOFT, _BORDERS = 0.02, 0.5  # of a picture, and of what is marked in it: more than soft borders are

Numbers = npt.NDArray[np.uint8]
Used = Callable[[], frozenset[int]]


class Pair(TypedDict):
    """What `Evaluator.add` is told of a pair, (H, W) or (D, H, W)."""

    truth: Numbers
    prediction: Numbers
    valid: npt.NDArray[np.bool_] | None
    spacing: tuple[float, float, float] | None


def masks_in(folder: Path) -> dict[str, Path]:
    """Mask files by stem.

    Raises:
        ModicumError: there is no such folder, nothing in it, or two files of one stem.
    """
    if not folder.is_dir():
        raise ModicumError("there is no such folder.", file=folder)
    masks: dict[str, Path] = {}
    for path in (*pictures_in(folder), *segmentations_in(folder)):
        name = stem(path)
        if name in masks:
            raise ModicumError(f"{masks[name].name} has the same name.", file=path, remedy="Leave one of them.")
        masks[name] = path
    if not masks:
        raise ModicumError("no mask was found here.", file=folder)
    return masks


def partners(true: Mapping[str, Path], others: Mapping[str, Path]) -> dict[str, Path]:
    """The file of each true mask: that of its stem, else the only one of its stem but for usual endings (`x_mask`)."""
    loose: dict[str, list[str]] = defaultdict(list)
    for name in others:
        for bare in (name, *bare_names(name)):
            loose[bare].append(name)
    found = {name: name for name in true if name in others}
    free = others.keys() - found.keys()
    for name in true.keys() - found.keys():
        fitting = {other for bare in (name, *bare_names(name)) for other in loose[bare] if other in free}
        if len(fitting) == 1:
            found[name] = fitting.pop()
    twice = {other for other, count in Counter(found.values()).items() if count > 1}
    return {name: others[other] for name, other in found.items() if other not in twice}


def values_in(masks: Iterable[Path]) -> frozenset[int]:
    """All values that mask files hold."""
    return frozenset(count([*look_at(masks, np.inf)]))


def picture_pair(found: Path, true: Path, fov: Path | None, code: LabelCode, used: Used) -> Pair:
    """Class numbers of a picture's masks.

    Args:
        used: tells the values of all true masks; asked where a prediction holds what is no class.

    Raises:
        ModicumError: one cannot be read, is no mask, or holds what no true mask does.
    """
    case = Case("", true, (true,), fov)
    if is_volume(found):
        raise ModicumError(f"is a volume, its true mask {true.name} a picture.", file=found)
    values = read_colours(found) if code.kind == "colour" else read_mask(found)
    prediction = decode(values, _their_code(values, code, found, used))
    return Pair(truth=load_label(case, code), prediction=prediction, valid=load_valid(case, code), spacing=None)


def volume_pair(found: Path, true: Path, fov: Path | None, code: LabelCode, used: Used) -> Pair:
    """Class numbers of a volume's masks, whichever formats they have; `used` as above.

    Raises:
        ModicumError: one cannot be read, is no mask, holds what no true mask does, or lies elsewhere than the true one.
    """
    truth = read_volume(true)
    values, theirs = mask_values(truth, true), mask_values(_beside(found, truth, true), found)
    valid = None if code.unmarked is None else np.stack([marked(one, code) for one in values])
    if fov is not None:
        inside = mask_values(_beside(fov, truth, true), fov) > 0
        valid = inside if valid is None else valid & inside
    return Pair(
        truth=_slices(values, code),
        prediction=_slices(theirs, _their_code(np.concatenate(theirs), code, found, used)),
        valid=valid,
        spacing=truth.spacing,
    )


def _beside(path: Path, truth: Volume, true: Path) -> Volume:
    """A volume that lies where the true mask does."""
    if not is_volume(path):
        raise ModicumError(f"is a picture, its true mask {true.name} a volume.", file=path)
    volume = read_volume(path)
    if volume.shape != truth.shape:
        sizes = ("x".join(str(n) for n in reversed(v.shape)) for v in (volume, truth))
        raise ModicumError("has {} voxels, its true mask {}.".format(*sizes), file=path, remedy=f"Resample it to {true}.")
    if not volume.lies_as(truth):
        raise ModicumError(
            f"its voxels lie elsewhere than those of its true mask: {_place(volume)}, not {_place(truth)}.",
            file=path,
            remedy=f"Save it with the geometry (affine) of {true}, or resample it to that.",
        )
    return volume


def _place(volume: Volume) -> str:
    spacing = " x ".join(f"{s:.4g}" for s in reversed(volume.spacing))
    return f"{spacing} mm from ({', '.join(f'{v:.1f}' for v in volume.affine[:3, 3])})"


def _few(values: npt.NDArray[Any]) -> list[Any]:
    """The values of a mask; none where they are so many that it is a probability map."""
    found = np.unique(values).tolist()
    return found if len(found) <= MOST_CLASSES + 1 else []


def _their_code(values: npt.NDArray[Any], code: LabelCode, path: Path, used: Used) -> LabelCode:
    """How a prediction is read, from the values of the picture, or of a volume's slices one below the other.

    Raises:
        ModicumError: it is a probability map or numbers its objects, where a mask of two values is expected; or its classes
            have other values than those of the true masks.
    """
    if code.kind != "binary" and (len(code.values) != 1 or code.values[0] in _few(values)):
        if code.kind == "index":
            _refuse_other_values(values, code, path, used)
        return code
    if _is_no_mask(values):
        raise ModicumError(
            "this is no mask of two values (a probability map, or numbered objects?).",
            file=path,
            remedy="Threshold it first, and write 0 and 255.",
        )
    return LabelCode("binary")


def _is_no_mask(values: npt.NDArray[Any]) -> bool:
    """Whether values are neither two nor two with soft borders between them."""
    top = float(values.max(initial=0))
    numbered = 1 < top <= MOST_CLASSES and len({*_few(grey(values))} - {0}) > 1
    marked = values > 0.1 * top
    between = marked & (values < 0.9 * top)
    return top > 1 and (numbered or bool(between.mean() > _SOFT or between.sum() > _BORDERS * marked.sum()))


def _refuse_other_values(values: npt.NDArray[Any], code: LabelCode, path: Path, used: Used) -> None:
    """An error where a prediction holds what is neither a class nor in any true mask; else it would count as background."""
    numbers = grey(values)
    strange = {*np.unique(numbers[~np.isin(numbers, [0, code.ground, *code.values])]).tolist()} - {code.unmarked}
    if strange and (strange := strange - used()):
        held = ", ".join(f"{value:g}" for value in sorted(strange)[:5]) + ", ..." * (len(strange) > 5)
        raise ModicumError(
            f"holds {held}, which no true mask does: there the classes are {', '.join(map(str, code.values))}.",
            file=path,
            remedy="Write every class with the value that it has in the true masks.",
        )


def _slices(values: npt.NDArray[Any], code: LabelCode) -> Numbers:
    """Class numbers of the raw values (D, H, W) of a volume."""
    return np.stack([decode(one, code) for one in values])
