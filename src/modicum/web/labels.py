"""Labels that are drawn on the page: where they belong, how they are written, and that nobody overwrites another's."""

from __future__ import annotations

import getpass
import json
import math
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from modicum.datasets import Case, Dataset, LabelCode
from modicum.datasets.layouts.found import plain, stem
from modicum.datasets.layouts.generic import PICTURE_FOLDERS
from modicum.errors import ModicumError
from modicum.images.digest import digest
from modicum.images.formats import picture_suffix
from modicum.images.volumes import cached_grid, mask_suffix

Origin = Literal["drawn", "corrected", "accepted"]  # by hand; a prediction, changed by hand; a prediction as it was

MOST_PIXELS = 2**28  # of a label that the page can send: one byte each
_writing = threading.Lock()


class Outdated(Exception):
    """The label on disk is not the one that the page began with: somebody else has saved."""


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
    if dataset.code.unmarked is not None:
        return "The labels leave pixels unmarked: the page shows them, and would call all of these background."
    return ""


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
    """Class numbers (H, W) as the values or colours that the data set's labels have; the inverse of `decode`."""
    if code.kind == "colour":
        return np.array([code.background, *code.colours], np.uint8)[numbers]
    values = [0, *(code.values or (1,))]
    return np.array(values, np.uint8 if max(values) < 256 else np.uint16)[numbers]


def save(path: Path, write: Callable[[Path], None], expected: str, origin: Origin, author: str) -> str:
    """Write a label, whole or not at all, and beside it who drew it, when, and how; its new tag.

    Args:
        path: where it belongs; folders are made.
        write: the pixels, to that path.
        expected: the tag of the label that the page began with; "" for none.
        author: "": whoever is logged in on this computer.

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
        write(path)
        told = {"author": author or getpass.getuser(), "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "origin": origin}
        write_text(sidecar(path), json.dumps(told, ensure_ascii=False) + "\n")
        return digest(path)


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


def write_text(path: Path, text: str) -> None:
    """A small file, whole or not at all."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_text(text, "utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise ModicumError(f"cannot be written ({error.strerror}).", file=path) from None
