"""One case looked at once: what its files hold, what is wrong with them, and how the picture looks in small."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from modicum.datasets.case import Case, LabelCode
from modicum.datasets.labels import grey, nearly_grey, values_of
from modicum.datasets.loading import decode
from modicum.errors import Finding, ModicumError
from modicum.images import read_mask, read_picture

THUMB = 32


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


def examine(case: Case, code: LabelCode) -> Examined:
    """Read the files of a case; whatever is wrong becomes a finding."""
    one = Examined(case)
    picture = _read(one, case.image, read_picture)
    if picture is not None:
        one.size, one.channels, one.dtype = (picture.shape[0], picture.shape[1]), picture.shape[2], picture.dtype.name
        one.digest = hashlib.sha1(repr(picture.shape).encode() + picture.tobytes(), usedforsecurity=False).hexdigest()
        one.thumb = _thumb(picture)
    label = _label(one, code)
    if label is not None:
        one.share = float((label > 0).mean())
        edge = np.concatenate([label[0], label[-1], label[:, 0], label[:, -1]])
        one.border = float((edge > 0).mean())
    if case.field_of_view is not None:
        valid = _read(one, case.field_of_view, read_mask)
        if valid is not None:
            _compare(one, case.field_of_view, (valid.shape[0], valid.shape[1]))
            if not valid.any():
                message = "the field of view is empty: no pixel of the picture counts."
                one.findings.append(Finding("error", "empty-field-of-view", message, str(case.field_of_view)))
    if any(f.severity == "error" for f in one.findings):
        one.share = None
    return one


def _label(one: Examined, code: LabelCode) -> npt.NDArray[np.uint8] | None:
    united: npt.NDArray[np.uint8] | None = None
    for path in one.case.labels:
        values = _read(one, path, read_mask)
        if values is None:
            continue
        _compare(one, path, (values.shape[0], values.shape[1]))
        _unknown_values(one, path, values, code)
        numbers = decode(values, code)
        if united is None or united.shape == numbers.shape:
            united = numbers if united is None else np.where(numbers > 0, numbers, united)
    return united


def _read(one: Examined, path: Path, reader: Any) -> npt.NDArray[Any] | None:
    try:
        values: npt.NDArray[Any] = reader(path)
    except ModicumError as error:
        one.findings.append(Finding("error", "unreadable-file", error.problem, str(path), error.remedy))
        return None
    if values.dtype.kind == "f" and not np.isfinite(values).all():
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
    if code.kind == "colour" or (values.ndim == 3 and not nearly_grey(values)):
        return
    found = values_of(grey(values))
    if code.kind == "index" and (unknown := sorted(found.keys() - {0, *code.values})):
        listed = ", ".join(str(v) for v in unknown[:8])
        message = f"holds values that are no class and count as background: {listed}."
        one.findings.append(Finding("warning", "unknown-label-value", message, str(path), "Add them to classes.json."))
    if code.kind == "binary" and code.values and code.values[0] > 1 and max(found) == 1:
        message = f"holds 0 and 1 where the other labels hold 0 and {code.values[0]}: it counts as empty."
        remedy = f"Write {code.values[0]} for foreground in all labels."
        one.findings.append(Finding("error", "unknown-label-value", message, str(path), remedy))


def _thumb(picture: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    grey_picture = picture[..., 1 % picture.shape[2]]  # green, where there are colours
    small = cv2.resize(grey_picture, (THUMB, THUMB), interpolation=cv2.INTER_AREA).astype(np.float32)
    small = np.nan_to_num(small) - float(np.nan_to_num(small).mean())
    return np.asarray(small / max(float(small.std()), 1e-6), np.float32)
