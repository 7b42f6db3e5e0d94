"""DICOM: a series of single pictures, or one multi-frame file, by pydicom.

No text of a file but its geometry and pixels is kept: nothing that names a person leaves this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.errors import InvalidDicomError
from pydicom.pixels.processing import apply_rescale

from modicum.errors import ModicumError
from modicum.images.volumes.orientation import Orientation
from modicum.images.volumes.volume import Grid, Volume, Writer

_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])  # DICOM's millimetres go left and back
_EVEN = 0.02  # gaps between slices may differ by so much of their median, and a step stray so far from the normal
_NEEDED = (
    "SOPInstanceUID", "SeriesInstanceUID", "Modality", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing",
    "NumberOfFrames", "Rows", "Columns", "InstanceNumber", "SliceThickness", "SpacingBetweenSlices",
)  # fmt: skip


@dataclass(frozen=True)
class Series:
    """The files of one series, in the order of their slices."""

    uid: str
    files: tuple[Path, ...]


_REFERRED_TO = ("StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID")  # by a segmentation


@dataclass(frozen=True)
class _Planes:
    """Where the slices of a series lie."""

    affine: npt.NDArray[np.float64]  # nibabel's, of the array (column, row, slice)
    order: tuple[int, ...]  # of files or frames, along the normal
    remarks: tuple[str, ...]


def series_in(folder: Path) -> list[Series]:
    """All series of pictures in a folder, told apart by their UID; files that are no pictures are passed over. Remembered."""
    return list(_series_in(folder, folder.stat().st_mtime_ns))


@lru_cache(maxsize=1000)
def _series_in(folder: Path, changed: int) -> tuple[Series, ...]:
    found: dict[str, list[tuple[float, str, Path]]] = {}
    for path in sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")):
        header = _header(path)
        if header is None or "Rows" not in header or header.get("Modality") in ("SEG", "RTSTRUCT", "SR", "PR"):
            continue
        place = _place(header)
        found.setdefault(_uid(header, path), []).append((place, path.name, path))
    return tuple(Series(uid, tuple(path for _, _, path in sorted(files))) for uid, files in sorted(found.items()))


def people_in(files: Sequence[Path]) -> list[str]:
    """For each file a number for its patient ("patient1" ...), which is not the file's own; "" where all have one, or none.

    Archives without names often give all patients the same: that tells nothing.
    """
    own = [str(pydicom.dcmread(f, specific_tags=["PatientID"]).get("PatientID") or "") for f in files]
    order = {name: f"patient{number}" for number, name in enumerate(dict.fromkeys(own), 1)}
    return [order[name] if name and len(order) > 1 else "" for name in own]


def read(path: Path) -> Volume:
    """The series to which a file belongs, from its folder; or a multi-frame file by itself.

    Raises:
        ModicumError: coloured, of several sizes, several pictures at one place, or no geometry.
    """
    files = _files(path)
    datasets = [pydicom.dcmread(file) for file in files]
    first = datasets[0]
    if first.get("Modality") == "SEG":
        from modicum.images.volumes.dicom_seg import read_segmentation

        return read_segmentation(path)
    if int(first.get("SamplesPerPixel", 1)) != 1:
        raise ModicumError("coloured DICOM pictures are no volume.", file=path, remedy="Export them as PNG pictures.")
    if len({(d.Rows, d.Columns) for d in datasets}) > 1:
        raise ModicumError("the pictures of this series differ in size.", file=path, remedy="Keep those of one size.")
    stacked = int(first.get("NumberOfFrames", 1)) > 1
    unscaled = not stacked and first.get("Modality") == "CT" and first.get("RescaleIntercept") in (None, "")
    planes = _frames(first, path) if stacked else _slices(datasets, path)
    pixels = _pixels(first, path) if stacked else np.stack([_pixels(d, path) for d in datasets])
    values = np.stack([_physical(pixels[i], _of_frame(first, i) if stacked else datasets[i], first) for i in planes.order])
    if np.array_equal(values, np.rint(values)) and np.abs(values).max(initial=0) < 2**15:
        values = values.astype(np.int16)
    orientation = Orientation.of(planes.affine)
    from modicum.images.volumes.dicom_seg import SegmentationWriter
    from modicum.images.volumes.nifti import Plain

    sources = (files[0],) if stacked else tuple(files[i] for i in planes.order)
    writer: Writer = SegmentationWriter(sources, planes.order if stacked else None, orientation)
    missing = next((name for d in datasets for name in _REFERRED_TO if not d.get(name)), None)
    if missing or (stacked and "PerFrameFunctionalGroupsSequence" not in first):
        writer = Plain(orientation.spacing)  # a segmentation must refer to frames that say where they lie
    remarks = [*planes.remarks]
    if missing:
        remarks.append(f"without {missing} no DICOM segmentation can refer to these pictures: masks are written as NIfTI.")
    if str(first.get("BurnedInAnnotation", "")).upper() == "YES":
        remarks.append("the file says that text is burned into its pictures: a name may stand in them.")
    if unscaled:
        remarks.append("the file does not say how its values become Hounsfield units: they are taken as they are.")
    values = values.transpose(2, 1, 0)
    affine = orientation.placed(planes.affine, values.shape)
    return Volume(orientation.volume(values), orientation.spacing, affine, writer, tuple(remarks))


def grid(path: Path) -> Grid:
    """Shape, spacing and place from the headers."""
    files = _files(path)
    if pydicom.dcmread(path, specific_tags=["Modality"]).get("Modality") == "SEG":
        from modicum.images.volumes.dicom_seg import read_segmentation

        found = read_segmentation(path)
        return Grid(found.shape, found.spacing, found.affine)
    headers = [h for h in map(_header, files) if h is not None]
    frames = int(headers[0].get("NumberOfFrames", 1))
    planes = _frames(pydicom.dcmread(files[0], stop_before_pixels=True), path) if frames > 1 else _slices(headers, path)
    sizes = (int(headers[0].Columns), int(headers[0].Rows), len(planes.order))
    return Orientation.of(planes.affine).grid(sizes, planes.affine)


def _files(path: Path) -> list[Path]:
    header = _header(path)
    if header is None or "Rows" not in header:
        raise ModicumError("this DICOM file holds no picture.", file=path)
    if int(header.get("NumberOfFrames", 1)) > 1:
        return [path]
    (own,) = [s for s in series_in(path.parent) if s.uid == _uid(header, path)]
    return list(own.files)


def _header(path: Path) -> pydicom.Dataset | None:
    try:
        return pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_NEEDED))
    except (InvalidDicomError, OSError, ValueError, EOFError):
        return None


def _uid(header: pydicom.Dataset, path: Path) -> str:
    """Of the series; a file that names none is one by itself."""
    return str(header.get("SeriesInstanceUID") or path)


def _place(header: pydicom.Dataset) -> float:
    """Along the normal of the slice; without geometry its number."""
    if "ImagePositionPatient" not in header or "ImageOrientationPatient" not in header:
        return float(header.get("InstanceNumber") or 0)
    rows, columns = np.array(header.ImageOrientationPatient, np.float64).reshape(2, 3)
    return float(np.cross(rows, columns) @ np.array(header.ImagePositionPatient, np.float64))


def _slices(headers: Sequence[pydicom.Dataset], path: Path) -> _Planes:
    first = headers[0]
    if len(headers) == 1 and "ImagePositionPatient" not in first:
        spacing, remarks = _pixel_spacing(first)
        return _Planes(np.diag([spacing[1], spacing[0], 1.0, 1.0]), (0,), remarks)
    if any("ImagePositionPatient" not in h or "ImageOrientationPatient" not in h for h in headers):
        raise ModicumError(
            "slices of this series do not say where they lie.", file=path, remedy="Export it again with its geometry."
        )
    positions = np.array([h.ImagePositionPatient for h in headers], np.float64)
    directions = np.array([h.ImageOrientationPatient for h in headers], np.float64)
    if np.abs(directions - directions[0]).max() > 1e-3:
        raise ModicumError(
            "slices of this series lie in different planes.", file=path, remedy="Keep the slices of one direction in a folder."
        )
    thickness = float(first.get("SpacingBetweenSlices") or first.get("SliceThickness") or 1)
    spacing, remarks = _pixel_spacing(first)
    planes = planes_of(positions, directions[0], spacing, thickness, path)
    return replace(planes, remarks=(*remarks, *planes.remarks))


def _pixel_spacing(header: pydicom.Dataset) -> tuple[list[float], tuple[str, ...]]:
    """Millimetres between rows and between columns, and a remark where the file does not say them."""
    if header.get("PixelSpacing"):
        return [float(v) for v in header.PixelSpacing], ()
    return [1.0, 1.0], (
        "the file does not say how far apart its pixels lie: they are taken as 1 mm, and millilitres are wrong.",
    )


def _frames(dataset: pydicom.Dataset, path: Path) -> _Planes:
    """Of a multi-frame file: from its functional groups, or, where it has none, frame upon frame."""
    count = int(dataset.NumberOfFrames)
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [None])[0]
    each = dataset.get("PerFrameFunctionalGroupsSequence")
    if each is None:
        spacing, remarks = _pixel_spacing(dataset)
        between = float(dataset.get("SpacingBetweenSlices") or dataset.get("SliceThickness") or 1)
        said = "the frames do not say where they lie: they are taken in the file's order."
        return _Planes(np.diag([spacing[1], spacing[0], between, 1.0]), tuple(range(count)), (*remarks, said))

    def group(frame: Any, name: str) -> Any:
        for place in (frame, shared):
            if place is not None and name in place:
                return place[name].value[0]
        raise ModicumError("frames of this file do not say where they lie.", file=path, remedy="Export it again.")

    positions = np.array([group(f, "PlanePositionSequence").ImagePositionPatient for f in each], np.float64)
    direction = np.array(group(each[0], "PlaneOrientationSequence").ImageOrientationPatient, np.float64)
    measures = group(each[0], "PixelMeasuresSequence")
    between = float(measures.get("SpacingBetweenSlices") or measures.get("SliceThickness") or 1)
    return planes_of(positions, direction, [float(v) for v in measures.PixelSpacing], between, path)


def planes_of(
    positions: npt.NDArray[np.float64],
    direction: npt.NDArray[np.float64],
    spacing: Sequence[float],
    thickness: float,
    path: Path,
) -> _Planes:
    """The affine of slices at these positions (n, 3), and what is not as it should be."""
    along_rows, along_columns = direction.reshape(2, 3)
    normal = np.cross(along_rows, along_columns)
    order = np.argsort(positions @ normal, kind="stable")
    positions, remarks = positions[order], []
    step = normal * thickness
    if len(order) > 1:
        steps = np.diff(positions, axis=0)
        gaps = steps @ normal
        middle = float(np.median(gaps))
        if gaps.min() < _EVEN * max(middle, 1e-6):
            raise ModicumError(
                "several pictures of this series lie at one place (time points, or other settings).",
                file=path,
                remedy="Keep the pictures of one of them in a folder.",
            )
        if nearer := int((gaps < (1 - _EVEN) * middle - 1e-3).sum()):
            remarks.append(f"{nearer} slices lie nearer to the next than the others do: millilitres are wrong there.")
        holes = np.flatnonzero(gaps > (1 + _EVEN) * middle + 1e-3)
        for hole in holes[:3]:
            missing = max(1, round(gaps[hole] / middle) - 1)
            remarks.append(f"{missing} slices are missing after slice {hole + 1} (a gap of {gaps[hole]:.2f} mm).")
        stray = float(np.abs(steps - gaps[:, None] * normal).max())
        if stray > _EVEN * middle + 1e-3:
            degrees = np.degrees(np.arctan2(np.linalg.norm(steps[0] - gaps[0] * normal), gaps[0]))
            remarks.append(f"the gantry was tilted by {degrees:.1f} degrees: slices are shifted against each other.")
        step = normal * middle
    affine = np.eye(4)
    affine[:3] = np.stack([along_rows * spacing[1], along_columns * spacing[0], step, positions[0]], axis=1)
    return _Planes(_TO_RAS @ affine, tuple(int(i) for i in order), tuple(remarks))


def _pixels(dataset: pydicom.Dataset, path: Path) -> npt.NDArray[Any]:
    """Stored values."""
    try:
        return np.asarray(dataset.pixel_array)
    except RuntimeError:
        name = dataset.file_meta.TransferSyntaxUID.name
        raise ModicumError(
            f"its pictures cannot be decompressed ({name}).",
            file=path,
            remedy="pip install pylibjpeg-libjpeg reads more; or export the series uncompressed.",
        ) from None


def _of_frame(dataset: pydicom.Dataset, frame: int) -> pydicom.Dataset:
    """Where a frame's rescaling stands."""
    for groups in (dataset.get("PerFrameFunctionalGroupsSequence"), dataset.get("SharedFunctionalGroupsSequence")):
        if groups:
            group = groups[min(frame, len(groups) - 1)]
            if "PixelValueTransformationSequence" in group:
                found: pydicom.Dataset = group.PixelValueTransformationSequence[0]
                return found
    return dataset


def _physical(stored: npt.NDArray[Any], rescaled: pydicom.Dataset, dataset: pydicom.Dataset) -> npt.NDArray[np.float32]:
    """Values of one slice: slope and intercept applied; MONOCHROME1, where the least is white, turned round without these."""
    for name, usual in (("RescaleSlope", 1), ("RescaleIntercept", 0)):
        if name in rescaled and rescaled[name].value in (None, ""):  # stands there, and says nothing
            rescaled[name].value = usual
    units = (float(rescaled.get("RescaleSlope", 1)), float(rescaled.get("RescaleIntercept", 0))) != (1, 0)
    if str(dataset.get("PhotometricInterpretation", "")) == "MONOCHROME1" and not units:
        bits, signed = int(dataset.BitsStored), bool(dataset.get("PixelRepresentation", 0))
        stored = (-1 if signed else 2**bits - 1) - stored.astype(np.int32)
    return np.asarray(apply_rescale(stored, rescaled), np.float32)
