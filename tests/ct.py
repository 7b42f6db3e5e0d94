"""A CT series for tests: slices of a body whose values say where they lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

SHAPE = (6, 5, 4)  # head, back, left: all different


def body() -> np.ndarray:
    """(D, H, W) whose values say where they lie: 100 towards the head, 10 to the back, 1 to the left."""
    d, h, w = np.indices(SHAPE)
    return (100 * d + 10 * h + w).astype(np.int16)


def slices(folder: Path, *, places: list[float] | None = None, tilt: float = 0.0, **tags: object) -> Path:
    """A CT series of the body in Hounsfield units, its files named against their order."""
    folder.mkdir(parents=True, exist_ok=True)
    uid, frame, study = generate_uid(), generate_uid(), generate_uid()
    for number, (values, z) in enumerate(zip(body(), places or [2.5 * n for n in range(SHAPE[0])], strict=True)):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        path = folder / f"{uid[-4:]}-{90 - number}.dcm"
        one = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
        one.SOPClassUID, one.SOPInstanceUID, one.Modality = CTImageStorage, meta.MediaStorageSOPInstanceUID, "CT"
        one.SeriesInstanceUID, one.FrameOfReferenceUID, one.StudyInstanceUID = uid, frame, study
        one.ImagePositionPatient, one.ImageOrientationPatient = [1.0, 2.0 + tilt * z, z], [1, 0, 0, 0, 1, 0]
        one.PixelSpacing, one.SliceThickness, one.InstanceNumber = [0.8, 0.7], 2.5, 50 - number
        one.Rows, one.Columns, one.SamplesPerPixel, one.PhotometricInterpretation = SHAPE[1], SHAPE[2], 1, "MONOCHROME2"
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 12, 11, 0
        one.RescaleSlope, one.RescaleIntercept = 1, -1024
        one.PatientName, one.PatientID, one.PatientBirthDate, one.PatientSex = "Doe^Jane", "12345", "19700101", "F"
        one.StudyDate, one.StudyTime, one.AccessionNumber, one.StudyID, one.SeriesNumber = "20200101", "120000", "9", "1", 1
        one.PixelData = (values + 1024).astype(np.uint16).tobytes()
        for tag, value in tags.items():
            setattr(one, tag, value)
        one.save_as(path, enforce_file_format=True)
    return sorted(folder.glob(f"{uid[-4:]}*"))[0]
