"""DICOM as archives give it: series in folders of any name, and segmentation objects (SEG) that say which series they mark."""

from __future__ import annotations

from pathlib import Path

from modicum.datasets.case import Case
from modicum.datasets.layouts.found import PARTS, Found, dicom_folders, plain, stem
from modicum.errors import Finding


def read(root: Path) -> Found | None:
    """All series below a folder with the segmentations that refer to them; None without any segmentation.

    Several segments are several classes with their names, which must have the same numbers in all files.
    """
    folders = dicom_folders(root)
    if not folders:
        return None
    from modicum.images.volumes.dicom import people_in, series_in
    from modicum.images.volumes.dicom_seg import segmentations_in

    marked = {path: told for folder in folders for path, told in segmentations_in(folder).items()}
    if not marked:
        return None
    found, names = Found("DICOM series and segmentations", []), dict[int, str]()
    series = {one.uid: one.files[0] for folder in folders for one in series_in(folder)}
    labels: dict[str, list[Path]] = {}
    for path, told in marked.items():
        problem = _problem(told.segments, names) if told.series in series else "it refers to no series that is here."
        if problem:
            found.findings.append(Finding("error", "label-without-image", problem, str(path), "Add it, or export it again."))
        else:
            names |= told.segments
            labels.setdefault(told.series, []).append(path)
    for (uid, first), person in zip(series.items(), people_in(list(series.values())), strict=True):
        part = PARTS.get(plain(first.relative_to(root).parts[0]))  # a folder train, val or test
        found.cases.append(Case(stem(first), first, tuple(labels.get(uid, ())), patient=person, part=part))
    found.classes = {name: number for number, name in sorted(names.items())}
    found.notes.append(f"{len(labels)} of {len(series)} DICOM series have segmentations; their segments are the classes.")
    return found


def _problem(segments: dict[int, str], known: dict[int, str]) -> str:
    """Why these segments cannot be classes beside those that are known; "" if they can."""
    for number, name in segments.items():
        other = known.get(number, name)
        if other != name or name in [n for k, n in known.items() if k != number]:
            return f"its segment {number} is '{name}', which has another number or name in other files."
    return "" if len(set(segments.values())) == len(segments) else "two of its segments have one name."
