"""Volumes as cases: each slice is one, and what belongs to one volume is told apart and never divided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from modicum.datasets.case import Case
from modicum.errors import Finding, ModicumError
from modicum.images.formats import is_dicom, is_volume
from modicum.images.volumes import cached_grid
from modicum.images.volumes.volume import Grid


def sliced(cases: Sequence[Case], findings: list[Finding], notes: list[str]) -> list[Case]:
    """The cases, every volume replaced by its slices; those of one volume have one patient.

    A volume that cannot be read, or whose label has another shape, becomes an error and is left out; a label whose header
    lays it elsewhere becomes a warning.
    """
    if not any(is_volume(c.image) for c in cases):
        return list(cases)
    found, volumes, first_alone = [], 0, list[str]()
    for case in cases:
        if not is_volume(case.image):
            found.append(case)
            continue
        try:
            grid = _grid(case, findings)
        except ModicumError as error:
            findings.append(Finding("error", "unreadable-file", error.problem, str(error.file or case.image), error.remedy))
            continue
        volumes += 1
        if grid.channels > 1:
            first_alone.append(case.image.name)
        depth = grid.shape[0]
        digits = len(str(depth - 1))
        for number in range(depth):
            name = f"{case.id}_z{number:0{digits}d}"
            found.append(replace(case, id=name, slice=number, volume=case.id, patient=case.patient or case.id))
    slices = sum(c.slice is not None for c in found)
    notes.append(f"{volumes} volumes are read slice by slice ({slices} slices) and measured as wholes.")
    if first_alone:
        said = "holds several channels: its first alone is read, in training as in predicting."
        notes.append(f"Each of {len(first_alone)} volumes (such as {first_alone[0]}) {said}")
    return found


def _grid(case: Case, findings: list[Finding]) -> Grid:
    """Shape and place of a volume; a warning is added for each label that has lost its place.

    Raises:
        ModicumError: it cannot be read, or a label has another shape or is turned.
    """
    grid = cached_grid(case.image)
    shape = grid.shape
    for path in (*case.labels, *([case.field_of_view] if case.field_of_view else [])):
        if is_dicom(path):
            continue  # it says itself where its slices lie, and may leave out empty ones
        theirs = cached_grid(path)
        if theirs.shape != shape:
            raise ModicumError(
                f"has {_told(theirs.shape)} voxels, its volume {case.image.name} {_told(shape)}.",
                file=path,
                remedy="Make both the same size, or remove the label.",
            )
        if theirs.lies_as(grid, voxels=0.5):
            continue
        if theirs.turned != grid.turned:
            raise ModicumError(
                f"lies turned or flipped against its volume {case.image.name}: their headers (affine, direction) differ.",
                file=path,
                remedy="If its voxels belong to those of the volume one by one, copy the volume's header into it.",
            )
        message = (
            "its header lays it elsewhere than its volume (origin, direction or voxel size); its voxels are taken one by one."
        )
        remedy = "Look whether it fits. If so, copy the volume's header into it; else resample it to the volume."
        findings.append(Finding("warning", "label-elsewhere", message, str(path), remedy))
    return grid


def _told(shape: Sequence[int]) -> str:
    return "x".join(str(n) for n in reversed(shape))
