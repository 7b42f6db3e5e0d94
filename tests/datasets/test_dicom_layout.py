"""DICOM series with segmentation objects, in folders of any name: found, read on the grid of their series, trained on."""

from __future__ import annotations

from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes

import modicum as md
from ct import body, slices
from discs import TINY
from modicum.datasets import check, discover, load_label
from modicum.runs.evaluating import evaluate_folders
from modicum.runs.predicting import predict

NAMES = ("liver", "lesion")


def truth() -> np.ndarray:
    """(D, H, W): class 1 towards the head, and 2 in one slice of it; the two lowest slices are empty."""
    numbers = (body() > 250).astype(np.uint8)
    numbers[4, 2:4, 1:3] = 2
    return numbers


def segmentation(series: Path, path: Path, names: tuple[str, ...] = NAMES) -> Path:
    """A segmentation of the truth as another program writes it, in the order of the file names, without empty frames."""
    pictures = [pydicom.dcmread(p) for p in sorted(series.glob("*.dcm"))]
    place = [round(float(p.ImagePositionPatient[2]) / 2.5) for p in pictures]
    described = [
        hd.seg.SegmentDescription(number, name, codes.SCT.Organ, codes.SCT.Liver, hd.seg.SegmentAlgorithmTypeValues.MANUAL)
        for number, name in enumerate(names, 1)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    hd.seg.Segmentation(
        pictures, truth()[place], hd.seg.SegmentationTypeValues.BINARY, described,
        hd.UID(), 7, hd.UID(), 1, "Someone", "Else", "1.0", "3", omit_empty_frames=True,
    ).save_as(path)  # fmt: skip
    return path


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three labelled series, one with its segmentation beside it, and one without."""
    root = tmp_path_factory.mktemp("archive")
    for number in range(4):
        slices(root / f"P{number}" / "ct")
    for number in range(3):
        folder = root / f"P{number}" / ("ct" if number == 0 else "seg")
        segmentation(root / f"P{number}" / "ct", folder / "1-1.dcm")
    return root


def test_series_and_their_segmentations_are_found(archive: Path) -> None:
    dataset = discover(archive)
    assert dataset.layout.startswith("DICOM")
    assert dataset.classes == NAMES
    assert len(dataset.cases) == 4 * 6
    assert len(dataset.labelled) == 3 * 6
    assert not dataset.findings


def test_masks_lie_on_the_grid_of_their_series(archive: Path) -> None:
    dataset = discover(archive)
    for volume in {c.volume for c in dataset.labelled}:
        own = sorted((c for c in dataset.labelled if c.volume == volume), key=lambda c: c.slice or 0)
        assert np.array_equal(np.stack([load_label(c, dataset.code) for c in own]), truth())


def test_segments_that_contradict_each_other_are_named(archive: Path, tmp_path: Path) -> None:
    for number, names in enumerate((NAMES, NAMES[::-1], NAMES)):
        series = slices(tmp_path / f"P{number}" / "ct").parent
        segmentation(series, tmp_path / f"P{number}" / "seg.dcm", names)
    segmentation(archive / "P3" / "ct", tmp_path / "stray.dcm")
    dataset = discover(tmp_path)
    told = {Path(f.file or "").parent.name: f.message for f in dataset.findings}
    assert "segment 1 is 'lesion'" in told["P1"]
    assert "no series" in told[tmp_path.name]
    assert len(dataset.labelled) == 2 * 6


def test_series_of_one_patient_stay_together_and_nobody_is_named(tmp_path: Path) -> None:
    for number, person in enumerate(("Anna", "Ben", "Anna")):
        series = slices(tmp_path / f"S{number}", PatientID=person).parent
        segmentation(series, tmp_path / f"M{number}" / "seg.dcm")
    patients = {c.volume: c.patient for c in discover(tmp_path).cases}
    assert patients["S0"] == patients["S2"] != patients["S1"]
    assert not {"Anna", "Ben"} & set(patients.values())


def test_trained_predicted_and_measured(archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = md.train(archive, tmp_path / "run", recipe="small-whole", changes=[*TINY, "fit.epochs=2"])
    assert run.bundle.classes == NAMES
    assert run.summary["test"]["dice"]["n"] == 3
    done = predict(run.bundle, [str(archive / "P3" / "ct")], tmp_path / "masks")
    names = [s.SegmentLabel for s in pydicom.dcmread(done.written[0]).SegmentSequence]
    assert tuple(names) == NAMES
    done.written[0].rename(tmp_path / "masks" / "a.dcm")
    same = evaluate_folders(tmp_path / "masks", tmp_path / "masks", None)
    assert same["test"]["dice"]["mean"] == 1
    slices(tmp_path / "cut", places=[0, 2.5, 5, 12.5, 15, 17.5])
    predict(run.bundle, [str(tmp_path / "cut")], tmp_path / "masks")
    assert "warning: cut: 2 slices are missing after slice 3" in capsys.readouterr().err


def test_what_is_wrong_with_a_series_is_told_once(tmp_path: Path) -> None:
    series = slices(tmp_path / "P0" / "ct", places=[0, 2.5, 5, 12.5, 15, 17.5]).parent
    segmentation(slices(tmp_path / "P1" / "ct").parent, tmp_path / "P1" / "seg.dcm")
    (found,) = [f for f in check(discover(tmp_path)) if f.kind == "volume-remark"]
    assert (found.severity, Path(found.file or "").parent) == ("warning", series)
    assert "2 slices are missing" in found.message
