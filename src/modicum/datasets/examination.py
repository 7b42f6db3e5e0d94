"""One case looked at once: what its files hold, what is wrong with them, and how the picture looks in small."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from modicum.datasets.case import Case, LabelCode
from modicum.datasets.label_values import STRAY, grey, nearly_grey, strange_values, unnamed_values, values_of
from modicum.datasets.loading import decode, load_mask, load_picture, marked
from modicum.datasets.remembered import remembered
from modicum.errors import Finding, ModicumError
from modicum.images.volumes import cached_volume

THUMB = 32
_LOOK = "Look at it in a viewer, and export it again if something is missing."


@dataclass
class Examined:
    """What is known of a case after its files were read. `size` is None where the picture is unreadable."""

    case: Case
    findings: list[Finding] = field(default_factory=list)
    size: tuple[int, int] | None = None
    channels: int = 0
    dtype: str = ""
    digest: str = ""  # of the pixels
    thumb: npt.NDArray[np.float32] | None = None  # (32, 32), grey, mean 0, standard deviation 1
    share: float | None = None  # of foreground; None: no usable label
    border: float = 0.0  # share of the picture's border that is foreground
    marked: float = 1.0  # share of pixels of which the label says anything
    ground: bool = True  # whether any of them is background
    numbers: frozenset[int] = frozenset()  # of the classes that the label holds


def examine(case: Case, code: LabelCode) -> Examined:
    """Look at the files of a case, or remember what they hold; whatever is wrong becomes a finding."""
    if case.slice is not None:
        return _examined(case, code)
    paths = [p for p in (case.image, *case.labels, case.field_of_view) if p is not None]
    question = ("examined", astuple(code), len(case.labels), case.field_of_view is not None)
    nobody = replace(case, id="", patient="", attributes={}, volume="")  # nothing but paths is kept of whose picture it is
    one = remembered(question, paths, lambda: _examined(nobody, code), keep=_was_read)
    return replace(one, case=case)


def _was_read(one: Examined) -> bool:
    """What cannot be read today may be tomorrow, though it does not change: a library was missing, or a disk."""
    return all(f.kind != "unreadable-file" for f in one.findings)


def _examined(case: Case, code: LabelCode) -> Examined:
    one = Examined(case)
    _picture(one)
    label, told = _label(one, code)
    if label is not None:
        one.share = float((label > 0).mean())
        one.numbers = frozenset(np.flatnonzero(np.bincount(label.ravel())).tolist()) - {0}
        edge = np.concatenate([label[0], label[-1], label[:, 0], label[:, -1]])
        one.border = float((edge > 0).mean())
    if label is not None and told is not None:
        one.marked, one.ground = float(told.mean()), bool((told & (label == 0)).any())
    if case.field_of_view is not None:
        valid = _read(one, case.field_of_view, lambda path: load_mask(path, case))
        if valid is not None:
            _compare(one, case.field_of_view, (valid.shape[0], valid.shape[1]))
            if not valid.any():
                message = "the field of view is empty: no pixel of the picture counts."
                one.findings.append(Finding("error", "empty-field-of-view", message, str(case.field_of_view)))
    if any(f.severity == "error" for f in one.findings):
        one.share = None
    return one


def examine_picture(case: Case) -> Examined:
    """As `examine`, but only of the picture."""
    one = Examined(case)
    _picture(one)
    return one


def _picture(one: Examined) -> None:
    picture = _read(one, one.case.image, lambda path: load_picture(one.case))
    if picture is None:
        return
    one.size, one.channels, one.dtype = (picture.shape[0], picture.shape[1]), picture.shape[2], picture.dtype.name
    if one.case.slice is not None:
        volume = cached_volume(one.case.image)
        if one.case.slice != len(volume.values) // 2:
            return  # slices of a volume are alike by nature: the one in its middle stands for it
        one.findings += [Finding("warning", "volume-remark", said, str(one.case.image), _LOOK) for said in volume.remarks]
    one.digest = hashlib.sha1(repr(picture.shape).encode() + picture.tobytes(), usedforsecurity=False).hexdigest()
    if one.case.slice is None:
        one.thumb = _thumb(picture)


def _label(one: Examined, code: LabelCode) -> tuple[npt.NDArray[np.uint8] | None, npt.NDArray[np.bool_] | None]:
    """Class numbers (H, W), and of which pixels a label says anything; None: of all, or there is no usable label."""
    united: npt.NDArray[np.uint8] | None = None
    told: npt.NDArray[np.bool_] | None = None
    for path in one.case.labels:
        values = _read(one, path, lambda p: load_mask(p, one.case, code))
        if values is None:
            continue
        _compare(one, path, (values.shape[0], values.shape[1]))
        _unknown_values(one, path, values, code)
        numbers = decode(values, code)
        if united is None or united.shape == numbers.shape:
            united = numbers if united is None else np.where(numbers > 0, numbers, united)
            if code.unmarked is not None:
                told = marked(values, code) if told is None else told | marked(values, code)
    return united, told


def _read(one: Examined, path: Path, reader: Any) -> npt.NDArray[Any] | None:
    try:
        values: npt.NDArray[Any] = reader(path)
    except ModicumError as error:
        one.findings.append(Finding("error", "unreadable-file", error.problem, str(path), error.remedy))
        return None
    if values.dtype.kind == "f" and not np.isfinite(values).any():
        message = "none of its values is a number: all are NaN or infinite."
        one.findings.append(Finding("error", "not-finite", message, str(path), "Export it again, or remove it."))
    elif values.dtype.kind == "f" and not np.isfinite(values).all():
        share = float((~np.isfinite(values)).mean())
        message = f"{share:.1%} of its values are not numbers (NaN or infinite)."
        one.findings.append(Finding("warning", "not-finite", message, str(path), "Export it again."))
    return values


def _compare(one: Examined, path: Path, size: tuple[int, int]) -> None:
    if one.size is None or size == one.size:
        return
    turned = " One of them is turned by 90 degrees." if size == one.size[::-1] else ""
    message = f"is {size[1]}x{size[0]} pixels, its picture {one.case.image.name} {one.size[1]}x{one.size[0]}.{turned}"
    remedy = "Make both the same size, or remove the label."
    one.findings.append(Finding("error", "size-mismatch", message, str(path), remedy))


def _unknown_values(one: Examined, path: Path, values: npt.NDArray[Any], code: LabelCode) -> None:
    if code.kind == "colour":
        return
    if values.ndim == 3 and not nearly_grey(values):
        message = "is coloured, where the other labels are grey: what its colours mean is not known."
        remedy = "Export it as the others, or name the colours of all classes in classes.json."
        one.findings.append(Finding("error", "unknown-label-value", message, str(path), remedy))
        return
    if unknown := unnamed_values(grey(values), code):
        message = f"holds values that are no class and count as background: {_listed(unknown)}."
        one.findings.append(Finding("warning", "unknown-label-value", message, str(path), "Add them to classes.json."))
    if code.kind == "binary" and len(code.values) == 1:
        _not_binary(one, path, grey(values), code.values[0])


def _not_binary(one: Examined, path: Path, values: npt.NDArray[Any], top: int) -> None:
    """Values other than 0 and `top` in a label that should hold these only."""
    held = sorted(values_of(values).keys() - {0})
    if top > 1 and held == [1]:
        message = f"holds 0 and 1 where the other labels hold 0 and {top}: 1 is taken as foreground."
        one.findings.append(Finding("note", "foreground-is-1", message, str(path)))
    elif len(held) == 1 and held[0] < 0.1 * top and (values != 0).sum() > STRAY:
        message = f"holds 0 and {held[0]} where the other labels hold 0 and {top}: all of it counts as background."
        remedy = f"Export it again with {top} for the foreground, or name all classes in classes.json."
        one.findings.append(Finding("warning", "unknown-label-value", message, str(path), remedy))
    elif unknown := strange_values(values, top):
        message = f"holds {_listed(unknown)} where the other labels hold 0 and {top}: above the middle counts as foreground."
        remedy = "If these are classes of their own, name all classes in classes.json."
        one.findings.append(Finding("warning", "unknown-label-value", message, str(path), remedy))


def _listed(values: list[int]) -> str:
    return ", ".join(str(v) for v in values[:8]) + (" ..." if len(values) > 8 else "")


def _thumb(picture: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    grey_picture = picture[..., 1 % picture.shape[2]]  # green, where there are colours
    small = cv2.resize(grey_picture, (THUMB, THUMB), interpolation=cv2.INTER_AREA).astype(np.float32)
    small = np.nan_to_num(small) - float(np.nan_to_num(small).mean())
    return np.asarray(small / max(float(small.std()), 1e-6), np.float32)
