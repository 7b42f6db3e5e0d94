"""What a data set is: cases on disk, their classes, and how a label file becomes class numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from modicum.errors import Finding

Part = Literal["train", "val", "test"]


@dataclass(frozen=True)
class Case:
    """One picture, with its label where there is one."""

    id: str  # unique in its data set; the picture's stem
    image: Path
    labels: tuple[Path, ...] = ()  # none: unlabelled; several: one file an object, their union is the label
    field_of_view: Path | None = None  # mask of the pixels that count
    patient: str = ""  # cases of one patient stay on one side of every split
    part: Part | None = None  # the split that the data set itself prescribes
    attributes: Mapping[str, str] = field(default_factory=dict)  # site, device, sex ...: subgroups
    slice: int | None = None  # of a volume: which of its slices this is
    volume: str = ""  # the volume's own name
    tissue: tuple[float, float] | None = None  # of the label only pixels of these values count, as they are on disk

    @property
    def labelled(self) -> bool:
        return bool(self.labels)


def counted(cases: Collection[Case], which: str = "") -> str:
    """In words how many there are: "12 pictures", "12 test pictures", "80 slices of 4 volumes"."""
    volumes = {c.volume for c in cases if c.slice is not None}
    kind = "slice" if volumes else "picture"
    said = " ".join(w for w in (str(len(cases)), which, kind + "s" * (len(cases) != 1)) if w)
    return said + (f" of {len(volumes)} volume{'s' * (len(volumes) != 1)}" if volumes else "")


@dataclass(frozen=True)
class LabelCode:
    """How the values in a label file become class numbers 0..K (0 is background).

    kind "binary": above the middle of its range is 1 (0/1, 0/255, JPEG-noisy masks), of a file of 0 and 1 alone always 1;
    kind "index": the value v becomes position of v in `values` + 1, anything else background;
    kind "colour": the same for RGB colours in `colours`, the nearest colour wins.

    For "binary", `values` holds the one value of the foreground (1, 255 ...) where it is known, or 1 and the largest number
    where labels number the objects. Pixels of the value or colour `unmarked` say nothing and count nowhere: of scribbles, most.
    """

    kind: Literal["binary", "index", "colour"]
    values: tuple[int, ...] = ()
    colours: tuple[tuple[int, int, int], ...] = ()
    background: tuple[int, int, int] = (0, 0, 0)  # colour of what belongs to no class
    # Not in `repr`, by which run folders know labels without unmarked pixels (runs/folder.py).
    ground: int = field(default=0, repr=False)  # of kind "index": the value of the background
    unmarked: int | tuple[int, int, int] | None = field(default=None, repr=False)  # None: every pixel is marked


@dataclass(frozen=True)
class Dataset:
    """All cases below one root, and what was guessed about them."""

    root: Path
    layout: str  # e.g. "DRIVE", "images + labels", "manifest"
    cases: tuple[Case, ...]
    classes: tuple[str, ...]  # foreground classes in order of their number 1..K
    code: LabelCode
    notes: tuple[str, ...] = ()  # what was guessed, in words
    findings: tuple[Finding, ...] = ()  # problems met during discovery

    @property
    def labelled(self) -> tuple[Case, ...]:
        return tuple(c for c in self.cases if c.labelled)

    @property
    def unlabelled(self) -> tuple[Case, ...]:
        return tuple(c for c in self.cases if not c.labelled)


@dataclass(frozen=True)
class Split:
    """Case ids of each part, and the reason for the division in words."""

    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]
    reason: str
