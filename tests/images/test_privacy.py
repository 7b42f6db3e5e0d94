"""No name gets out: neither of de-identified files nor of anything that is made from DICOM."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.datadict import DicomDictionary, keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from ct import SHAPE, body, slices
from modicum.errors import ModicumError
from modicum.images.volumes import read_volume
from modicum.runs.deidentifying import deidentify_folder

NAME = "Zaphod^Beeblebrox"
_TEXT = ("LO", "LT", "PN", "SH", "ST", "UC", "UT")


def plant(path: Path) -> int:
    """The name in every text element that the standard knows, in a sequence, and in a private element; how many."""
    dataset, inside = pydicom.dcmread(path), Dataset()
    count = 0
    for tag, (vr, _, _, retired, keyword) in DicomDictionary.items():
        if (
            vr in _TEXT
            and keyword
            and not retired
            and tag >> 16 not in (0x0000, 0x0002, 0x0004, 0xFFFA)
            and keyword_for_tag(tag)
        ):
            for place in (dataset, inside):
                setattr(place, keyword, NAME)
            count += 1
    dataset.ReferencedStudySequence = Sequence([inside])
    dataset.RequestAttributesSequence = Sequence([inside])
    dataset.private_block(0x1011, "Beeblebrox Inc", create=True).add_new(1, "LO", NAME)
    dataset.file_meta.SourceApplicationEntityTitle = "Beeblebrox"
    dataset.file_meta.PrivateInformationCreatorUID, dataset.file_meta.PrivateInformation = "1.2.3", NAME.encode() + b" "
    dataset.preamble = NAME.encode().ljust(128, b"\0")
    dataset.save_as(path)
    return count


def test_the_planted_name_is_gone_and_the_picture_is_not(tmp_path: Path) -> None:
    source = tmp_path / f"study of {NAME}"
    path = slices(source)
    assert plant(path) > 500
    done = deidentify_folder(source, tmp_path / "out")
    assert done.written == SHAPE[0]
    assert not done.left_out
    found = sorted((tmp_path / "out").rglob("*.dcm"))
    harmless = {
        "Manufacturer",
        "ManufacturerModelName",
        "ConvolutionKernel",
        "CodeValue",
        "CodeMeaning",
        "CodingSchemeDesignator",
    }
    for one in found:
        assert "Beeblebrox" not in str(one)
        dataset = pydicom.dcmread(one)
        for element in dataset.iterall():
            if element.keyword not in harmless:
                assert "Beeblebrox" not in str(element.value), element
        assert "Beeblebrox" not in f"{dataset.file_meta}{dataset.preamble!r}"
        assert dataset.PatientIdentityRemoved == "YES"
        assert "19700101" not in str(dataset)
    assert np.array_equal(read_volume(found[0]).values, body())
    assert len({pydicom.dcmread(p).SeriesInstanceUID for p in found}) == 1
    assert pydicom.dcmread(found[0]).SeriesInstanceUID != pydicom.dcmread(path).SeriesInstanceUID
    assert done.changed["PatientName"]
    assert "Beeblebrox" not in json.dumps(done.changed)


def test_burned_in_text_is_heeded(tmp_path: Path) -> None:
    slices(tmp_path / "in", BurnedInAnnotation="YES")
    slices(tmp_path / "in" / "more", Modality="US")
    done = deidentify_folder(tmp_path / "in", tmp_path / "out")
    assert (done.written, len(done.left_out), done.doubtful) == (SHAPE[0], SHAPE[0], SHAPE[0])
    with pytest.raises(ModicumError, match="within the source"):
        deidentify_folder(tmp_path / "in", tmp_path / "in" / "out")
    with pytest.raises(ModicumError, match="no DICOM"):
        deidentify_folder(tmp_path / "out" / "none", tmp_path / "x")


def test_a_volume_knows_no_name(tmp_path: Path) -> None:
    path = slices(tmp_path)
    plant(path)
    volume = read_volume(path)
    assert "Beeblebrox" not in repr(volume)
