"""Volumes in numbers, as `modicum inspect` shows them, and the words for slices."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from modicum.cli.show import show_inspection
from modicum.datasets import discover, inspect
from modicum.datasets.case import Case, counted
from modicum.datasets.ct_phantoms import write_ct_dataset
from modicum.datasets.volume_facts import volume_facts


@pytest.fixture(scope="module")
def aortas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("aortas")
    write_ct_dataset(folder, target="aorta", count=3, slices=6, size=48)
    return folder


def test_ct_is_told_with_its_sizes_and_values(aortas: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inspection = inspect(aortas)
    facts = inspection.volumes
    assert facts is not None
    assert (facts.volumes, facts.slices, facts.looked_at, facts.hounsfield) == (3, 18, 3, True)
    assert (facts.widths, facts.heights, facts.depths) == ((48, 48), (48, 48), (6, 6))
    assert facts.spacing[2] == pytest.approx((3, 3))
    assert facts.spacing[0] == pytest.approx((210 / 48, 210 / 48))
    voxels = [np.asarray(nibabel.load(p).dataobj) for p in sorted((aortas / "images").iterdir())]
    masks = [np.asarray(nibabel.load(p).dataobj) > 0 for p in sorted((aortas / "labels").iterdir())]
    assert facts.values == (min(v.min() for v in voxels), max(v.max() for v in voxels))
    inside = np.concatenate([v[m] for v, m in zip(voxels, masks, strict=True)])
    assert facts.labelled["foreground"] == pytest.approx(np.percentile(inside, [5, 95]))
    assert inspection.fingerprint.window == facts.window
    show_inspection(inspection)
    told = " ".join(capsys.readouterr().out.split())
    for words in ("3, each 6 slices of 48 x 48 voxels", "slices 3 mm apart", "Hounsfield units: CT", "[-160,240]", "Slices"):
        assert words in told
    assert "Pictures 18" not in told
    assert "each volume counts as a patient" in told
    assert inspection.to_json()["volumes"]["hounsfield"] is True


def test_mri_is_no_ct(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, depth in (("a", 5), ("b", 7)):
        array = rng.integers(0, 900, (9, 8, depth)).astype(np.int16)
        for kind, values in (("images", array), ("labels", (array > 800).astype(np.int16))):
            (tmp_path / kind).mkdir(exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / kind / f"{name}.nii.gz")
    facts = volume_facts(discover(tmp_path))
    assert facts is not None
    assert not facts.hounsfield
    assert facts.window is None
    assert facts.depths == (5, 7)
    assert facts.labelled["foreground"][0] > 800


def test_the_window_of_ct_is_as_wide_as_the_tissue_and_as_much_about_it(aortas: Path) -> None:
    facts = volume_facts(discover(aortas))
    assert facts is not None
    wide = replace(facts, labelled={"fat": (-150.0, -50.0), "bone": (300.0, 900.0)})
    assert wide.window == (-675, 1425)
    assert replace(facts, labelled={"fat": (-150.0, -50.0)}).window == (-300, 100)
    assert replace(facts, labelled={}).window is None


def test_labelled_volumes_are_looked_at_first(aortas: Path, tmp_path: Path) -> None:
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
    image, label = (sorted((aortas / kind).iterdir())[0] for kind in ("images", "labels"))
    for number in range(40):
        shutil.copy(image, tmp_path / "images" / f"volume{number:02}.nii.gz")
    for number in (5, 13, 26):  # none of every fourth
        shutil.copy(label, tmp_path / "labels" / f"volume{number:02}.nii.gz")
    facts = volume_facts(discover(tmp_path))
    assert facts is not None
    assert (facts.volumes, facts.looked_at) == (40, 12)
    assert facts.window is not None


def test_cases_are_counted_in_words(aortas: Path) -> None:
    cases = discover(aortas).cases
    assert counted(cases) == "18 slices of 3 volumes"
    assert counted(cases[:6], "test") == "6 test slices of 1 volume"
    flat = [Case("a", aortas), Case("b", aortas)]
    assert counted(flat) == "2 pictures"
    assert counted(flat[:1], "unlabelled") == "1 unlabelled picture"


def test_a_label_that_lies_elsewhere_is_refused(tmp_path: Path) -> None:
    values = np.zeros((8, 8, 4), np.int16)
    values[2:4, 2:4, 1] = 500
    for name in ("a", "b"):
        for folder, array, affine in (
            ("images", values, np.diag([-1.0, -1.0, 3.0, 1.0])),
            ("labels", (values > 0).astype(np.uint8), np.eye(4) if name == "a" else np.diag([-1.0, -1.0, 3.001, 1.0])),
        ):
            (tmp_path / folder).mkdir(exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(array, affine), tmp_path / folder / f"{name}.nii.gz")
    dataset = discover(tmp_path)
    assert {c.volume for c in dataset.labelled} == {"b"}
    assert [Path(f.file or "").name for f in dataset.findings if "turned or flipped" in f.message] == ["a.nii.gz"]
