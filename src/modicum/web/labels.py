"""Labels that are drawn on the page: where they belong, how they are written, and that nobody overwrites another's."""

from __future__ import annotations

import getpass
import json
import math
import threading
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from modicum.datasets import Case, Dataset, LabelCode, load_label, load_marked
from modicum.datasets.label_values import grey, unnamed_values
from modicum.datasets.layouts.found import plain, stem
from modicum.datasets.layouts.generic import PICTURE_FOLDERS
from modicum.errors import ModicumError
from modicum.images import read_mask
from modicum.images.digest import digest
from modicum.images.formats import picture_suffix
from modicum.images.volumes import cached_grid, cached_mask, mask_suffix
from modicum.web.files import write_text

UNMARKED = 255  # in the place of a class number: the label says nothing of this pixel

Origin = Literal["drawn", "corrected", "accepted"]  # by hand; a prediction, changed by hand; a prediction as it was

MOST_PIXELS = 2**28  # of a label that the page can send: one byte each
_writing = threading.Lock()


class Outdated(Exception):
    """The label on disk is not the one that the page began with: somebody else has saved."""


class OtherClasses(Exception):
    """The classes are not those that the page began with: their numbers may mean something else by now."""


def tag(case: Case) -> str:
    """What a label's content is known by; "" without one."""
    return digest(case.labels[0]) if len(case.labels) == 1 else "".join(digest(p) for p in case.labels)[:16]


def why_not_editable(case: Case, dataset: Dataset) -> str:
    """In words why the page cannot write the label of a case; "" where it can."""
    if len(case.labels) > 1:
        return "The label consists of several files, one for each object: the page shows it, and cannot write it."
    if case.labels and (reason := _foreign(case, case.labels[0], dataset)):
        return reason
    if case.slice is not None and math.prod(cached_grid(case.image).shape) > MOST_PIXELS:
        return "The volume has more voxels than a label that is sent at once can have: the page shows it, and cannot write it."
    if dataset.code.kind == "binary" and len(dataset.code.values) > 1:
        return "The labels number their objects, which would be lost: the page shows them, and cannot write them."
    if dataset.code.unmarked is not None and _as_segments(case):
        return "The labels leave pixels unmarked, which DICOM segmentations cannot: the page shows them, and cannot write them."
    return ""


def _as_segments(case: Case) -> bool:
    return case.slice is not None and mask_suffix(case.image) == ".dcm"


def _foreign(case: Case, label: Path, dataset: Dataset) -> str:
    """Why a label file that is there cannot be replaced by one of the page."""
    suffix = picture_suffix(label)
    if case.slice is None:
        return "" if suffix == ".png" else f"The label is a {suffix} file: save it as PNG to change it here."
    wanted = mask_suffix(case.image)
    if suffix not in (wanted, wanted.removesuffix(".gz")):
        return f"The label is a {suffix} file, its volume's own would be {wanted}: save it so to change it here."
    if wanted == ".dcm" and not sidecar(label).exists():
        return "The segmentation was made elsewhere: the page shows it, and would lose what it says of its segments."
    return ""


def place(case: Case, dataset: Dataset, root: Path) -> Path:
    """Where the label of a case is or belongs, in the layout of the data set.

    As the labels of other pictures of the folder lie; else in labels/ beside a folder of pictures, else as NAME_mask.png
    beside the picture. Those of volumes have the suffix that their format has.
    """
    if case.labels:
        return case.labels[0]
    own, suffix = stem(case.image), ".png" if case.slice is None else mask_suffix(case.image)
    for other in dataset.labelled:
        name = other.labels[0].name
        if other.image.parent == case.image.parent and name.startswith(stem(other.image)) and name.lower().endswith(suffix):
            return other.labels[0].with_name(own + name[len(stem(other.image)) :])
    for folder in case.image.parents:
        if folder == root or root not in folder.parents:
            break
        if plain(folder.name) in PICTURE_FOLDERS:
            return folder.parent / "labels" / case.image.parent.relative_to(folder) / f"{own}{suffix}"
    return case.image.with_name(f"{own}_mask{suffix}")


def encoded(numbers: npt.NDArray[np.uint8], code: LabelCode) -> npt.NDArray[Any]:
    """Class numbers (H, W), and UNMARKED, as the values or colours that the data set's labels have; the inverse of `load`."""
    values: list[Any] = [code.background, *code.colours] if code.kind == "colour" else [code.ground, *(code.values or (1,))]
    if code.unmarked is not None:
        numbers = np.where(numbers == UNMARKED, np.uint8(len(values)), numbers)
        values.append(code.unmarked)
    return np.array(values, np.uint8 if np.max(values) < 256 else np.uint16)[numbers]


def with_unnamed(values: npt.NDArray[Any], case: Case, code: LabelCode) -> npt.NDArray[Any]:
    """Values to be written, and where they say background what the label on disk holds there that is no class."""
    if not case.labels or code.kind != "index":
        return values
    before = grey(read_mask(case.labels[0])) if case.slice is None else cached_mask(case.labels[0], case.image)
    kept = np.isin(before, unnamed_values(before, code)) & (values == code.ground)
    return np.where(kept, before, values.astype(np.result_type(values, before))) if kept.any() else values


def load(case: Case, code: LabelCode) -> npt.NDArray[np.uint8]:
    """Class numbers (H, W) of a label, UNMARKED where it says nothing.

    Raises:
        ModicumError: as `load_label`.
    """
    numbers, told = load_label(case, code), load_marked(case, code)
    return numbers if told is None else np.where(told, numbers, np.uint8(UNMARKED))


def class_table(names: list[str], dataset: Dataset, partly: bool) -> dict[str, object]:
    """What classes.json is to say: classes that are there keep their values, whatever their names; more get free ones.

    Args:
        partly: whether labels leave pixels unmarked (scribbles); as it is, or anew where there is no label yet.

    Raises:
        ModicumError: names that repeat or are empty, classes that would vanish, or labels that leave no room for this.
    """
    code, known = dataset.code, dataset.classes
    reserved = {"background", "unmarked", "ignore"} & set(map(str.lower, names))
    if reserved or len(set(names)) < len(names) or not all(n.strip() for n in names):
        raise ModicumError("each class needs a name of its own, which is not 'background', 'unmarked' or 'ignore'.")
    if len(names) < len(known):
        raise ModicumError("classes can be added and renamed here, not removed.")
    if partly != (code.unmarked is not None) and code.kind != "colour":
        if dataset.labelled or any(map(_as_segments, dataset.cases)):
            raise ModicumError("labels in part are begun with the first label, and not for DICOM volumes.")
        code = LabelCode("index", tuple(range(1, len(known) + 1)), unmarked=UNMARKED if partly else None)
    values = list(code.values) or [1]
    free = (v for v in range(max(values) + 1, 256) if v not in (code.ground, code.unmarked))
    more = list(islice(free, len(names) - len(known)))
    if code.kind == "colour" or len(values) != len(known) or len(known) + len(more) < len(names):
        raise ModicumError("the labels of this data set have no free class number.", remedy="Edit its classes.json.")
    table = dict(zip(names, values + more, strict=True))
    return {**table} if code.unmarked is None else {"background": code.ground, **table, "unmarked": code.unmarked}


def save(path: Path, write: Callable[[Path], None], expected: str, origin: Origin, author: str) -> str:
    """Write a label, whole or not at all, and beside it who drew it, when, and how; its new tag.

    Args:
        path: where it belongs; folders are made.
        write: the pixels, to that path.
        expected: the tag of the label that the page began with; "" for none.
        author: "": whoever is logged in on this computer, if that is known.

    Raises:
        Outdated: the label on disk is another one.
        ModicumError: it cannot be written.
    """
    with _writing:
        if digest(path) != expected:
            raise Outdated
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ModicumError(f"the folder cannot be made ({error.strerror}).", file=path.parent) from None
        told = {"author": author or _user(), "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "origin": origin}
        write(path)
        write_text(sidecar(path), json.dumps(told, ensure_ascii=False) + "\n")
        return digest(path)


def _user() -> str:
    """Whoever is logged in; "" where the computer knows no name, as in many containers."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def sidecar(label: Path) -> Path:
    """The file beside a label that says who drew it, when and how."""
    return label.with_suffix(".label.json")


def told_of(case: Case) -> dict[str, str]:
    """Author, time and origin of a label that was saved from the page; {} for any other."""
    if len(case.labels) != 1:
        return {}
    try:
        told = json.loads(sidecar(case.labels[0]).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {key: str(told[key]) for key in ("author", "time", "origin") if key in told} if isinstance(told, dict) else {}
