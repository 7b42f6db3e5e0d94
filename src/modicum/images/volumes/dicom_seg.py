"""DICOM SEG objects beside DICOM volumes, by highdicom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.errors import InvalidDicomError

import modicum
from modicum.images.failures import explained
from modicum.images.formats import is_dicom
from modicum.images.volumes.orientation import Orientation
from modicum.images.volumes.volume import Mask, Volume

_MAY_BE_EMPTY = (
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID"),
    *("AccessionNumber", "ReferringPhysicianName"),
)
Made = Literal["AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"]  # by a model, by a model and then corrected by hand, by hand


@dataclass(frozen=True)
class SegmentationWriter:
    """Writes class numbers as a segmentation that refers to the pictures that they were made of."""

    sources: tuple[Path, ...]  # files in the order of the slices, or the one multi-frame file
    frames: tuple[int, ...] | None  # of a multi-frame file: its frames in the order of the slices
    orientation: Orientation
    suffix: str = ".dcm"
    made: Made = "AUTOMATIC"

    def __call__(self, mask: Mask, path: Path, classes: tuple[str, ...]) -> None:
        """As every Writer.

        Raises:
            ModicumError: the pictures lack what a segmentation says of them.
        """
        import highdicom as hd
        from pydicom.sr.codedict import codes

        pictures = [pydicom.dcmread(source, stop_before_pixels=True) for source in self.sources]
        if self.frames is None:
            _complete(pictures)
        slices = self.orientation.array(mask).transpose(2, 1, 0)
        if self.frames is not None:
            slices = slices[np.argsort(self.frames)]
        made_by = hd.AlgorithmIdentificationSequence("Modicum", codes.DCM.ArtificialIntelligence, modicum.__version__)
        described = [
            hd.seg.SegmentDescription(
                segment_number=number,
                segment_label=name[:64],
                segmented_property_category=codes.SCT.Tissue,
                segmented_property_type=codes.SCT.Tissue,
                algorithm_type=hd.seg.SegmentAlgorithmTypeValues(self.made),
                algorithm_identification=None if self.made == "MANUAL" else made_by,
            )
            for number, name in enumerate(classes, 1)
        ]
        with explained(self.sources[0], "a picture to which a DICOM segmentation can refer"):
            segmentation = hd.seg.Segmentation(
                source_images=pictures,
                pixel_array=slices.astype(np.uint8),
                segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
                segment_descriptions=described,
                series_instance_uid=hd.UID(),
                series_number=9000,
                sop_instance_uid=hd.UID(),
                instance_number=1,
                manufacturer="Modicum",
                manufacturer_model_name="Modicum",
                software_versions=modicum.__version__,
                device_serial_number="0",
                omit_empty_frames=False,
            )
        segmentation.save_as(path)


def _complete(pictures: Sequence[pydicom.Dataset]) -> None:
    """Give slices what a segmentation of them must repeat, where it was taken out: empty, or as they were read without it."""
    usual: dict[str, object] = dict.fromkeys(_MAY_BE_EMPTY, "")
    usual |= {"FrameOfReferenceUID": pydicom.uid.generate_uid(), "PixelSpacing": [1, 1], "SliceThickness": _apart(pictures)}
    for picture in pictures:
        for name, value in usual.items():
            if not picture.get(name):
                setattr(picture, name, value)


def _apart(pictures: Sequence[pydicom.Dataset]) -> float:
    """Millimetres from the first slice to the second."""
    places = [p.ImagePositionPatient for p in pictures[:2] if p.get("ImagePositionPatient")]
    return round(float(np.linalg.norm(np.subtract(*places))), 4) if len(places) == 2 else 1.0


@dataclass(frozen=True)
class Described:
    """What a segmentation object says of itself."""

    series: str  # UID of the pictures that it marks; "" if it does not say
    segments: dict[int, str]  # names by number


def segmentations_in(folder: Path) -> dict[Path, Described]:
    """The segmentation objects among the files of a folder."""
    found = {}
    for path in sorted(p for p in folder.iterdir() if p.is_file() and is_dicom(p)):
        try:
            header = pydicom.dcmread(path, specific_tags=["Modality", "ReferencedSeriesSequence", "SegmentSequence"])
        except (InvalidDicomError, OSError, ValueError, EOFError):
            continue
        if header.get("Modality") == "SEG":
            series = [str(s.SeriesInstanceUID) for s in header.get("ReferencedSeriesSequence", [])]
            names = {int(s.SegmentNumber): str(s.SegmentLabel) for s in header.get("SegmentSequence", [])}
            found[path] = Described(series[0] if series else "", names)
    return found


def read_segmentation(path: Path) -> Volume:
    """A segmentation object as numbers of its segments; slices without any may be missing at both ends."""
    import highdicom as hd

    found = hd.seg.segread(path)
    try:
        whole = found.get_volume(combine_segments=True, allow_missing_positions=True)  # (slice, row, column)
    except RuntimeError:  # slices of a tilted gantry are shifted against each other
        values, affine = _frame_by_frame(found, path)
    else:
        affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.asarray(whole.affine) @ np.eye(4)[[2, 1, 0, 3]]
        values = np.asarray(whole.array, np.uint8).transpose(2, 1, 0)
    orientation = Orientation.of(affine)
    place = orientation.placed(affine, values.shape)
    return Volume(orientation.volume(values), orientation.spacing, place, SegmentationWriter((path,), None, orientation))


def _frame_by_frame(found: pydicom.Dataset, path: Path) -> tuple[Mask, npt.NDArray[np.float64]]:
    """Numbers of segments (column, row, slice) and their affine, the slices placed as those of a series are."""
    from modicum.images.volumes.dicom import planes_of

    frames, shared = found.PerFrameFunctionalGroupsSequence, found.SharedFunctionalGroupsSequence[0]
    positions = np.array([f.PlanePositionSequence[0].ImagePositionPatient for f in frames], np.float64)
    places, place = np.unique(positions, axis=0, return_inverse=True)
    slices = np.zeros((len(places), found.Rows, found.Columns), np.uint8)
    pixels = found.pixel_array.reshape(len(frames), found.Rows, found.Columns) > 0
    for at, frame, marked in zip(place.ravel(), frames, pixels, strict=True):
        own = frame if "SegmentIdentificationSequence" in frame else shared  # of one segment it may stand there
        slices[at][marked] = own.SegmentIdentificationSequence[0].ReferencedSegmentNumber
    direction = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, np.float64)
    measures = shared.PixelMeasuresSequence[0]
    planes = planes_of(places, direction, [float(v) for v in measures.PixelSpacing], float(measures.SliceThickness), path)
    return slices[list(planes.order)].transpose(2, 1, 0), planes.affine
