"""DICOM files without what names a person: the basic profile of the standard (PS3.15, annex E), and free text besides.

The profile's tables are those of the package dicom-anonymizer. It is applied to every sequence inside too, private tags are
removed, and so is every free text that the profile leaves, because anybody may have typed a name there.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pydicom
from dicomanonymizer.simpledicomanonymizer import anonymize_dataset, initialize_actions
from pydicom.datadict import keyword_for_tag
from pydicom.sequence import Sequence

_TABLES = "dicomfields_2024b"
_FREE_TEXT = ("LO", "LT", "PN", "SH", "ST", "UC", "UN", "UT")
_HARMLESS = ("ConvolutionKernel", "DeidentificationMethod", "Manufacturer", "ManufacturerModelName", "CodeValue", "CodeMeaning",
             "CodingSchemeDesignator", "PatientID", "PatientName", "StudyID")  # fmt: skip


def deidentify(dataset: pydicom.Dataset) -> dict[str, str]:
    """Take out of a data set, in place, what names a person; UIDs are replaced alike in all files of one process.

    Returns:
        "removed", "emptied" or "replaced" for the keyword of every element that was changed, at any depth.
    """
    before = {place: repr(element.value) for place, element in _elements(dataset)}
    for one in list(_datasets(dataset)):
        anonymize_dataset(one, base_rules_gen=partial(initialize_actions, _TABLES))
    for one in list(_datasets(dataset)):
        for element in list(one):
            if element.VR in _FREE_TEXT and element.keyword not in _HARMLESS:
                del one[element.tag]
    _new_head(dataset)
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = "DICOM PS3.15 basic profile, free text removed (Modicum)"
    after = {place: repr(element.value) for place, element in _elements(dataset)}
    changed = {}
    for place, value in before.items():
        if place not in after:
            what = "removed"
        elif after[place] == value:
            continue
        else:
            what = "emptied" if after[place] in ("''", "None", "[]") else "replaced"
        changed[keyword_for_tag(place[-1]) or "private elements"] = what
    return changed


def _new_head(dataset: pydicom.Dataset) -> None:
    """What stands before the data set, without the names of stations and private information."""
    old = dataset.file_meta
    dataset.preamble = b"\0" * 128
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = old.TransferSyntaxUID
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID


def _datasets(dataset: pydicom.Dataset) -> Iterator[pydicom.Dataset]:
    """The data set and all those inside its sequences, the innermost first."""
    for element in dataset:
        if isinstance(element.value, Sequence):
            for item in element.value:
                yield from _datasets(item)
    yield dataset


def _elements(dataset: pydicom.Dataset, where: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], pydicom.DataElement]]:
    """Every element with its place: tags and item numbers from the outside in."""
    for element in dataset:
        if isinstance(element.value, Sequence):
            for number, item in enumerate(element.value):
                yield from _elements(item, (*where, int(element.tag), number))
        elif element.keyword != "PixelData":
            yield (*where, int(element.tag)), element
