"""Folders of pictures and folders of labels, under any of the names that people give them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from modicum.datasets.layouts.found import PARTS, Found, pictures_in, plain, stem, subfolders
from modicum.datasets.layouts.pairing import label_as_picture, looks_like_label, pair
from modicum.datasets.patients import names_person, tell_persons
from modicum.errors import ModicumError
from modicum.images import read_mask

# in order of preference; "original" and "data" mean pictures only because labels stand beside them
PICTURE_FOLDERS = (
    "images",
    "image",
    "imgs",
    "img",
    "inputs",
    "input",
    "pictures",
    "picture",
    "original",
    "originals",
    "data",
)
LABELS = (
    *("labels", "label", "masks", "ground truth", "groundtruth", "ground truths", "gt", "manual1", "1st manual"),
    *("segmentations", "segmentation", "annotations", "annotation", "manual", "targets", "target", "mask"),
)
FIELDS_OF_VIEW = ("fov", "fovs", "field of view", "fields of view", "fov masks")
_A_FOLDER_EACH = "Each folder (such as {}/) is taken as one patient; a manifest can say otherwise."
_UNLABELLED = ("unlabelled", "unlabeled", "images unlabelled", "unlabelled images", "images unlabeled")


def folders(root: Path, layout: str | None = None) -> Found | None:
    """images/ + labels/ in the folder itself, in a folder for each patient, or in either way in train, val and test.

    The latter are the prescribed split as far as they hold labels; pictures of the others are unlabelled.
    """
    within = _one(root, layout) or _of_patients(root)
    if within is not None:
        return within
    parts = [(PARTS[name], path) for name, path in subfolders(root).items() if name in PARTS]
    seen = [(part, path, _one(path, layout) or _of_patients(path)) for part, path in parts]
    found = [(part, path, one) for part, path, one in seen if one is not None and any(c.labelled for c in one.cases)]
    if not found:
        return None
    where = ", ".join(path.name for _, path, _ in found)
    joined = Found(f"{found[0][2].layout}, in {where}", [])
    for part, path, one in seen:
        if one is not None:
            labelled = any(c.labelled for c in one.cases)
            joined.cases += [replace(c, part=part if labelled else None) for c in one.cases]
            joined.notes += [n for n in one.notes if n not in joined.notes]
            joined.findings += one.findings
        else:
            _add_unlabelled_part(path, joined)
    joined.notes.append(f"The folders {where} are taken as the prescribed split.")
    _add_unlabelled(root, joined)
    return joined


def _add_unlabelled_part(folder: Path, found: Found) -> None:
    """Pictures of a part that has no labels, as challenges publish their tests."""
    names = {name: path for name, path in subfolders(folder).items() if pictures_in(path, deep=True)}
    images = next((names[n] for n in PICTURE_FOLDERS if n in names), folder)
    pictures = pictures_in(images, deep=images != folder)
    if pictures:
        cases = pair(pictures, (), roots=(images, images, None), layout="").cases
        found.cases += [replace(c, part=None) for c in cases]
        found.notes.append(f"{folder.name}/ has no labels: its {len(pictures)} pictures are unlabelled and belong to no part.")
    elif names:
        found.notes.append(f"Not used: {folder.name}/, where no folder of pictures was recognised.")


def beside(root: Path) -> Found | None:
    """Pictures and their masks in one folder, or in its subfolders: x.png, x_mask.png."""
    if _wraps_one_folder(root):
        return None
    files = pictures_in(root, deep=True)
    labels = [p for p in files if looks_like_label(p)]
    named_so = set(labels)
    pictures = [p for p in files if p not in named_so]
    if not labels or not pictures:
        return None
    found = pair(pictures, labels, roots=(root, root, None), layout="pictures with masks beside them")
    if not any(c.labelled for c in found.cases):
        return None
    _take_folders_as_people(found, root)
    return found


def _take_folders_as_people(found: Found, root: Path) -> None:
    """The folder that a picture lies in below the root is its patient, where all folders may be people's."""
    people = sorted({_folder_of(c.image, root) for c in found.cases if c.labelled})
    by_files = tell_persons([stem(c.image) for c in found.cases]) and not tell_persons(people)  # T1/patient01.png
    if len(people) > 1 and all(map(names_person, people)) and not by_files:
        found.cases = [replace(c, patient=_folder_of(c.image, root)) for c in found.cases]
        found.notes.append(_A_FOLDER_EACH.format(people[0]))


def pictures_only(root: Path) -> Found | None:
    """Pictures without any label; what lies in a folder of labels is none, and becomes a warning."""
    pictures = pictures_in(root) or pictures_in(root, deep=True)
    if not pictures or plain(root.name) in LABELS or _wraps_one_folder(root):
        return None
    folders_with_pictures = {plain(p.relative_to(root).parts[0]) for p in pictures if p.parent != root}
    if folders_with_pictures and folders_with_pictures <= set(LABELS):
        return None  # labels without images
    labels = {p: name for p in pictures for name in p.relative_to(root).parts[:-1] if plain(name) in LABELS}
    found = pair([p for p in pictures if p not in labels], (), roots=(root, root, None), layout="pictures only")
    if folders_with_pictures or pictures_in(root) != pictures_in(root, deep=True):
        names = ", ".join(f"{p.name}/" for p in subfolders(root).values())
        found.notes.append(f"No folder of labels was recognised among {names}: every picture counts as unlabelled.")
    if labels:
        where = " or ".join(f"{name}/" for name in list(dict.fromkeys(labels.values()))[:2])
        found.findings.append(label_as_picture(len(labels), f"lie in folders called {where}"))
    return found


def _of_patients(root: Path) -> Found | None:
    """A folder for each patient with images/ and labels/, at least in two; with images/ alone where nothing is labelled.

    Folders whose names are nobody's (healthy/, site 2/) are read as well, and say nothing of patients.
    """
    within = [path for name, path in subfolders(root).items() if name not in _UNLABELLED and pictures_in(path, deep=True)]
    if any(plain(path.name) in PARTS for path in within):
        return None
    seen = [(path, one) for path in within if (one := _one(path, None) or _images_alone(path)) is not None]
    labelled = {path: one for path, one in seen if any(c.labelled for c in one.cases)}
    if len(labelled) < 2 or len(seen) < 0.8 * len(within):
        return None
    first, people = next(iter(labelled)), all(names_person(path.name) for path in labelled)
    joined = Found(f"{labelled[first].layout}, in {len(seen)} folders", [])
    stems = Counter(c.id for _, one in seen for c in one.cases)
    for path, one in seen:
        for case in one.cases:
            name = case.id if stems[case.id] == 1 else f"{path.name}_{case.id}"
            joined.cases.append(replace(case, id=name, patient=path.name if people else ""))
        joined.notes += [n for n in one.notes if n not in joined.notes]
        joined.findings += one.findings
    if people:
        joined.notes.append(_A_FOLDER_EACH.format(first.name))
    if other := sorted({p.name for p in within} - {path.name for path, _ in seen}):
        joined.notes.append(not_used(other))
    _add_unlabelled(root, joined)
    return joined


def _images_alone(folder: Path) -> Found | None:
    images = next((path for name, path in subfolders(folder).items() if name in PICTURE_FOLDERS), None)
    return None if images is None else pair(pictures_in(images, deep=True), (), roots=(images, images, None), layout="")


def _folder_of(picture: Path, root: Path) -> str:
    """The first folder below the root, or below train, val or test, that a picture lies in; "" for none."""
    folders = picture.relative_to(root).parts[:-1]
    return next((name for name in folders if plain(name) not in PARTS), "")


def labels_alone(root: Path) -> Path | None:
    """A folder of labels that has no folder of pictures beside it."""
    return next((p for name, p in subfolders(root).items() if name in LABELS and pictures_in(p, deep=True)), None)


def _wraps_one_folder(root: Path) -> bool:
    """Whether all there is lies in one subfolder, which is then looked at for itself."""
    return not pictures_in(root) and len(subfolders(root)) == 1


def _one(root: Path, layout: str | None) -> Found | None:
    names = {name: path for name, path in subfolders(root).items() if pictures_in(path, deep=True)}
    images = next((names[n] for n in PICTURE_FOLDERS if n in names), None)
    label_names = [n for n in LABELS if n in names]
    if images is None or not label_names:
        return None
    fields = next((names[n] for n in FIELDS_OF_VIEW if n in names), None)
    notes = []
    for doubtful in ("mask", "masks"):
        if fields is None and len(label_names) > 1 and doubtful in label_names and _mostly_full(names[doubtful]):
            fields = names[doubtful]
            label_names.remove(doubtful)
            notes.append(f"{fields.name}/ is taken as fields of view, since its masks cover most of the picture.")
    labels = names[label_names[0]]
    known = {images, labels, fields, *(names.get(n) for n in _UNLABELLED)}
    other = sorted(p.name for p in names.values() if p not in known)
    found = pair(
        pictures_in(images, deep=True),
        pictures_in(labels, deep=True),
        pictures_in(fields, deep=True) if fields else (),
        roots=(images, labels, fields),
        layout=layout or f"{images.name} + {labels.name}",
    )
    found.notes += [*notes, f"Pictures come from {images.name}/, labels from {labels.name}/."]
    if len({c.image.parent for c in found.cases}) < len(found.cases):  # else each may be a DICOM series, which says whose it is
        _take_folders_as_people(found, images)
    if other:
        found.notes.append(not_used(other))
    _add_unlabelled(root, found)
    return found


def _add_unlabelled(root: Path, found: Found) -> None:
    for name, folder in subfolders(root).items():
        if name in _UNLABELLED and (pictures := pictures_in(folder, deep=True)):
            cases = pair(pictures, (), roots=(folder, folder, None), layout="").cases
            if any(c.patient for c in found.cases):
                cases = [replace(c, patient=_folder_of(c.image, folder) or c.patient) for c in cases]
            found.cases += cases
            found.notes.append(f"{len(pictures)} unlabelled pictures come from {folder.name}/.")


def not_used(names: Sequence[str]) -> str:
    """A note of folders that are passed over."""
    return f"Not used: {', '.join(f'{name}/' for name in names)}."


def _mostly_full(folder: Path) -> bool:
    """Whether masks cover most of the picture, as fields of view do and objects seldom."""
    shares = []
    for path in pictures_in(folder, deep=True)[:3]:
        try:
            shares.append(float((np.atleast_3d(read_mask(path))[..., 0] > 0).mean()))
        except ModicumError:
            continue
    return bool(shares) and min(shares) > 0.4
