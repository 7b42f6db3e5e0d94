"""The synthetic CT is what benchmarks and other tests take it for, and its values do not give the truth away."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, distance_transform_edt, label

from modicum.datasets import discover, load_label
from modicum.datasets.ct_phantoms import FAT, CtPhantom, ct_phantom, write_ct_dataset
from modicum.images.volumes import read_volume


@pytest.fixture(scope="module")
def patients() -> list[CtPhantom]:
    return [ct_phantom(np.random.default_rng(seed), size=128) for seed in range(4)]


def near(mask: np.ndarray) -> np.ndarray:
    return np.asarray(binary_dilation(mask, np.ones((1, 9, 9))) & ~mask)


def test_values_are_hounsfield_units(patients: list[CtPhantom]) -> None:
    for one in patients:
        assert one.values.shape == one.sac.shape == one.fat.shape == one.aorta.shape == (40, 128, 128)
        assert one.values.dtype == np.int16
        assert one.spacing == pytest.approx((3, 210 / 128, 210 / 128))
        shares = [((one.values >= low) & (one.values < high)).mean() for low, high in ((-950, -700), FAT, (0, 150), (300, 900))]
        assert all(share > least for share, least in zip(shares, (0.15, 0.08, 0.15, 0.01), strict=True)), shares


def test_same_seed_same_patient_and_other_seeds_others(patients: list[CtPhantom]) -> None:
    again = ct_phantom(np.random.default_rng(0), size=128)
    assert np.array_equal(again.values, patients[0].values)
    assert np.array_equal(again.sac, patients[0].sac)
    millilitres = [one.fat.sum() * np.prod(one.spacing) / 1000 for one in patients]
    assert all(30 < ml < 350 for ml in millilitres), millilitres
    assert max(millilitres) > 1.3 * min(millilitres)


def test_epicardial_fat_is_the_fat_inside_the_sac(patients: list[CtPhantom]) -> None:
    for one in patients:
        fatty = (one.values >= FAT[0]) & (one.values <= FAT[1])
        assert np.array_equal(one.fat, one.sac & fatty)
        assert 0.1 < one.fat.sum() / one.sac.sum() < 0.5
        assert (fatty & near(one.sac)).sum() > 0.15 * near(one.sac).sum()  # and there is fat beside it, just outside
        assert (fatty & ~one.sac).sum() > one.fat.sum()


def test_the_sac_is_one_smooth_piece_and_hardly_seen(patients: list[CtPhantom]) -> None:
    for one in patients:
        assert label(one.sac)[1] == 1
        rim = one.sac & (distance_transform_edt(one.sac, one.spacing) < 2)
        fatty = (one.values >= FAT[0]) & (one.values <= FAT[1])
        assert 0.1 < (fatty & rim).sum() / rim.sum() < 0.9  # the line is missing in some places and there in others


def test_the_aorta_is_cut_once_below_and_twice_above(patients: list[CtPhantom]) -> None:
    for one in patients:
        assert [label(one.aorta[z])[1] for z in (2, 38)] == [1, 2]
        inner = distance_transform_edt(one.aorta, one.spacing) > 5
        assert one.values[inner].min() > 150
        bright = (one.values > 200) & (one.values < 500)
        assert (bright & ~one.aorta).sum() > one.aorta.sum()  # brightness alone does not give it


@pytest.mark.parametrize("target", ["sac", "fat", "aorta"])
def test_written_patients_are_discovered(tmp_path: Path, target: str) -> None:
    told: list[tuple[int, int]] = []
    write_ct_dataset(
        tmp_path, target=target, count=2, slices=5, size=48, seed=7, progress=lambda done, count: told.append((done, count))
    )
    assert told == [(1, 2), (2, 2)]
    dataset = discover(tmp_path)
    assert {c.patient for c in dataset.cases} == {"patient00", "patient01"}
    assert len(dataset.cases) == 10
    same = ct_phantom(np.random.default_rng([7, 1]), slices=5, size=48)
    volume = read_volume(tmp_path / "images" / "patient01.nii.gz")
    assert np.array_equal(volume.values, same.values)
    assert volume.spacing == pytest.approx(same.spacing)
    case = next(c for c in dataset.cases if c.volume == "patient01" and c.slice == 2)
    assert np.array_equal(load_label(case, dataset.code) > 0, getattr(same, target)[2])


def test_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 48 voxels"):
        ct_phantom(np.random.default_rng(0), size=32)
