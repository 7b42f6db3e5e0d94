"""Which label belongs to which picture: by stem, with the suffixes that people use."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from modicum.datasets.case import Case, Part
from modicum.datasets.layouts.found import PARTS, Found, plain, stem
from modicum.errors import Finding
from modicum.images.formats import is_dicom

_WORDS = (
    r"(?:ground[ _-]?truth|segmentations?|manual[ _-]?1?|1st[ _-]?(?:ho|manual)|annotations?|annotated|annot|anno"
    r"|labels?|masks?|segm?|gt|ah)"
)
LABEL_SUFFIX = re.compile(rf"(?:^|[ _.-]){_WORDS}(?:[ _-]?\d+)?$", re.IGNORECASE)
_LABEL_PREFIX = re.compile(rf"^{_WORDS}[ _.-]+(?=.)", re.IGNORECASE)
SECOND_OBSERVER = re.compile(r"[ _.-](?:2nd[ _-]?\w*|manual[ _-]?2|observer[ _-]?2|vk)$", re.IGNORECASE)
_CONTOUR = re.compile(r"(?:^|[ _.-])(?:contours?|outlines?|delineations?)(?:[ _-]?\d+)?$", re.IGNORECASE)  # often no mask
_FOV_SUFFIX = re.compile(r"[ _.-](?:fov|mask|field[ _-]of[ _-]view)$", re.IGNORECASE)
_PICTURE_SUFFIX = re.compile(r"[ _.-](?:images?|img|input|training|test|original|orig|rgb|0000)$", re.IGNORECASE)
_PICTURE_PREFIX = re.compile(r"^(?:images?|img|input|pictures?)[ _.-]+(?=.)", re.IGNORECASE)

Key = tuple[str, ...]
K = TypeVar("K")


def pair(
    pictures: Sequence[Path],
    labels: Sequence[Path],
    fields_of_view: Sequence[Path] = (),
    *,
    roots: tuple[Path, Path, Path | None],
    layout: str,
    part: Part | None = None,
) -> Found:
    """Cases of pictures with the labels of the same stem, in the same subfolder of their roots.

    The stem must be the same, or the same without the usual suffixes (`x.jpg`, `x_mask.png`; `21_training.tif`,
    `21_manual1.gif`); a label that is called nothing else (`mask.png`) belongs to the only picture of its subfolder. Labels
    without a picture become findings, pictures without a label unlabelled cases. A subfolder named train, val or test is
    the prescribed part.

    Args:
        roots: folders of pictures, labels and fields of view; where the last has none, None.
    """
    notes, findings = [], []
    kept, second = _first_observers(labels)
    if second:
        notes.append(f"{len(second)} labels of a second observer (such as {second[0].name}) are left aside.")
    by_label, orphans = _match(pictures, kept, roots[0], roots[1])
    by_field, _ = _match(pictures, fields_of_view, roots[0], roots[2] or roots[0], _FOV_SUFFIX)
    findings += [_orphan(path) for path in orphans]
    cases = []
    for picture in pictures:
        found = by_label.get(picture, [])
        if len(found) > 1 and not all(LABEL_SUFFIX.search(stem(p)) for p in found):
            findings.append(_several(picture, found))
            found = found[:1]
        fields = by_field.get(picture, [])
        subfolder = picture.relative_to(roots[0]).parts[:-1]
        inner = PARTS.get(plain(subfolder[0])) if subfolder else None
        field_of_view = fields[0] if fields else None
        cases.append(Case(stem(picture), picture, tuple(found), field_of_view, part=inner or part))
    if fields_of_view and by_field:
        notes.append(f"Fields of view come from {fields_of_view[0].parent.name}/: only pixels within them count.")
    return Found(layout, cases, notes, findings)


def looks_like_label(path: Path) -> bool:
    """Whether a file beside pictures is named as a label (`x_mask.png`, `mask_x.png`, `mask.png`)."""
    return _named_label(stem(path))


def _named_label(name: str) -> bool:
    return bool(LABEL_SUFFIX.search(name) or _LABEL_PREFIX.search(name) or SECOND_OBSERVER.search(name))


def pair_by_key(
    pictures: Mapping[K, Path], labels: Mapping[K, Path], others: Iterable[Path], *, root: Path, layout: str
) -> Found:
    """Cases of pictures with the label of the same key.

    Pictures without one are paired as `pair` does with those of the other files that are named as labels, as the page
    writes them; the rest of these is noted as not used. The prescribed part is that of the first folder, as in `pair`.
    """
    others = list(others)
    found = pair(list(pictures.values()), [*filter(looks_like_label, others)], roots=(root, root, None), layout=layout)
    own = {path: labels[key] for key, path in pictures.items() if key in labels}
    found.findings += [_orphan(path) for key, path in labels.items() if key not in pictures]
    found.findings += [_several(c.image, (own[c.image], *c.labels)) for c in found.cases if c.labels and c.image in own]
    found.cases = [replace(c, labels=(own[c.image],)) if c.image in own else c for c in found.cases]
    if unused := [path.name for path in others if not looks_like_label(path)]:
        found.notes.append(f"Not used: {len(unused)} files of other names, such as {unused[0]}.")
    return found


def without_labels(cases: list[Case], findings: list[Finding]) -> list[Case]:
    """The cases but unlabelled ones that are named as labels are; a warning names these.

    Where all cases are named so, names tell nothing, and all are kept; the warning comes if none has a label.
    """
    named = [bool(_named_label(c.id) or _CONTOUR.search(c.id)) for c in cases]
    likely = [c for c, so in zip(cases, named, strict=True) if so and not c.labelled]
    every = all(named)
    if not likely or (every and len(likely) < len(cases)):
        return cases
    names = ", ".join(c.image.name for c in likely[:5]) + ", ..." * (len(likely) > 5)
    findings.append(label_as_picture(len(likely), f"are called {names}", kept=every))
    return [c for c, so in zip(cases, named, strict=True) if every or c.labelled or not so]


def label_as_picture(count: int, why: str, *, kept: bool = False) -> Finding:
    """A warning of files that look like labels and belong to no picture."""
    done = "taken as pictures all the same, since there are no others" if kept else "left out"
    message = f"{count} of these files look like labels: they {why}. They are {done}."
    remedy = "Put them into images/ and masks/, or name the pairs in a CSV: image,label,patient,split."
    return Finding("warning", "labels-as-pictures", message, remedy=remedy)


def _match(
    pictures: Sequence[Path],
    labels: Iterable[Path],
    picture_root: Path,
    label_root: Path,
    suffix: re.Pattern[str] = LABEL_SUFFIX,
) -> tuple[dict[Path, list[Path]], list[Path]]:
    """Labels of each picture, and the labels of none. The exact stem is looked for first."""
    exact, loose, alone = _table(pictures, picture_root)
    found: dict[Path, list[Path]] = defaultdict(list)
    nameless: dict[Path, list[Path]] = defaultdict(list)  # mask.png, mask_2.png ...
    orphans = []
    for label in labels:
        place, name = _key(label, label_root)
        picture = exact.get((*place, name))
        for bare in bare_names(name, suffix):
            picture = picture or exact.get((*place, bare)) or loose.get((*place, bare))
        if picture is not None:
            found[picture].append(label)
        elif suffix.sub("", name) or (only := alone.get(place)) is None:
            orphans.append(label)
        else:
            nameless[only].append(label)
    return nameless | found, orphans


def _table(pictures: Sequence[Path], root: Path) -> tuple[Mapping[Key, Path], Mapping[Key, Path], Mapping[Key, Path]]:
    """Pictures by place and stem, by place and stem without the usual suffixes, and, where there is but one, by place."""
    exact: dict[Key, Path] = {}
    loose: dict[Key, list[Path]] = defaultdict(list)
    places: dict[Key, list[Path]] = defaultdict(list)
    for picture in pictures:
        place, name = _key(picture, root)
        exact.setdefault((*place, name), picture)
        loose[(*place, _PICTURE_PREFIX.sub("", _PICTURE_SUFFIX.sub("", name)))].append(picture)
        places[place].append(picture)
    return exact, _single(loose), _single(places)


def _single(found: Mapping[Key, list[Path]]) -> Mapping[Key, Path]:
    return {key: paths[0] for key, paths in found.items() if len(paths) == 1}


def _key(path: Path, root: Path) -> tuple[Key, str]:
    relative, name = path.relative_to(root), stem(path)
    if is_dicom(path) and name == path.parent.name:  # the folder is the volume
        relative = relative.parent
    return tuple(p.lower() for p in relative.parts[:-1]), name.lower()


def bare_names(name: str, suffix: re.Pattern[str] = LABEL_SUFFIX) -> list[str]:
    """The name without label suffix, without label prefix, and without a picture's own suffix before it."""
    names = [suffix.sub("", name), _LABEL_PREFIX.sub("", name)]
    names += [_PICTURE_PREFIX.sub("", _PICTURE_SUFFIX.sub("", n)) for n in (name, *names)]
    return [n for n in dict.fromkeys(names) if n]


def _first_observers(labels: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Labels of the first observer, and those of the second where there is a first."""
    second = [p for p in labels if SECOND_OBSERVER.search(stem(p))]
    if len(second) == len(labels):
        return list(labels), []
    return [p for p in labels if p not in set(second)], second


def _orphan(label: Path) -> Finding:
    return Finding(
        "error",
        "label-without-image",
        "this label has no picture of the same name.",
        file=str(label),
        remedy="Add the picture as PNG, TIFF, JPEG or another format that is read, rename one of them, or remove the label.",
    )


def _several(picture: Path, found: Sequence[Path]) -> Finding:
    names = ", ".join(p.name for p in found)
    return Finding(
        "warning",
        "several-labels",
        f"several labels fit this picture ({names}); the first is used.",
        file=str(picture),
        remedy="Keep one, or name them x_mask_1, x_mask_2 ... if they are objects of one picture.",
    )
