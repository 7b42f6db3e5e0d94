"""Masks of volumes that anybody made, in any format, beside the true ones."""

from __future__ import annotations

from pathlib import Path

import cv2
import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
import torch
from monai.metrics import compute_hausdorff_distance

from modicum.errors import ModicumError
from modicum.runs.evaluating import evaluate_folders

AFFINE = np.array([[-0.7, 0, 0, 12], [0, -0.8, 0, 30], [0, 0, 2.5, -7], [0, 0, 0, 1.0]])


def blob(seed: int) -> np.ndarray:
    """(i, j, k) with a box of class 1 and one of class 2."""
    rng, mask = np.random.default_rng(seed), np.zeros((14, 12, 6), np.uint8)
    i, j, k = rng.integers(1, 4, 3)
    mask[i : i + 6, j : j + 5, k : k + 2] = 1
    mask[i + 3 : i + 8, j + 5 : j + 7, k : k + 2] = 2
    return mask


def nifti(path: Path, mask: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(mask, affine), path)
    return path


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Masks found and true of three volumes: of the same file, stored back to front, and as NRRD."""
    found, true = tmp_path / "found", tmp_path / "true"
    for number, name in enumerate("abc"):
        nifti(true / f"{name}.nii.gz", blob(number))
    nifti(found / "a.nii.gz", blob(5))
    flipped = AFFINE @ np.array([[-1, 0, 0, 13], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    nifti(found / "b.nii", blob(6)[::-1], flipped)
    sitk.WriteImage(sitk.ReadImage(str(nifti(tmp_path / "c.nii.gz", blob(7)))), str(found / "c.nrrd"))
    return found, true


def test_volumes_are_measured_as_wholes_in_millimetres(folders: tuple[Path, Path], tmp_path: Path) -> None:
    done = evaluate_folders(*folders, tmp_path / "out")
    dice, distances, differences = [], [], []
    for number in range(3):
        for klass in (1, 2):
            one, other = blob(number + 5) == klass, blob(number) == klass
            dice.append(2 * (one & other).sum() / (one.sum() + other.sum()))
            tensors = (torch.from_numpy(m)[None, None].float() for m in (one, other))
            distances.append(
                float(compute_hausdorff_distance(*tensors, include_background=True, percentile=95, spacing=[0.7, 0.8, 2.5]))
            )
        differences.append(((blob(number + 5) == 1).sum() - (blob(number) == 1).sum()) * 0.7 * 0.8 * 2.5 / 1000)
    assert done["test"]["dice"]["n"] == 3
    assert done["test"]["dice"]["mean"] == pytest.approx(np.mean(dice))
    assert done["test"]["hd95"]["mean"] == pytest.approx(np.mean(distances), abs=1e-4)
    assert done["test"]["volume_agreement"]["class 1"]["bias"] == pytest.approx(np.mean(differences))
    assert done["test"]["slice_agreement"]["class 2"]["n"] > 3
    assert "Slice by slice" in (tmp_path / "out" / "report.html").read_text()


def test_only_voxels_of_the_field_of_view_count(folders: tuple[Path, Path], tmp_path: Path) -> None:
    found, true = folders
    field = np.zeros((14, 12, 6), np.uint8)
    field[:4] = 1
    for name in "abc":
        nifti(tmp_path / "fov" / f"{name}.nii.gz", field)
    done = evaluate_folders(found, true, None, tmp_path / "fov")["test"]
    differences = [int((blob(n + 5)[:4] == 1).sum()) - int((blob(n)[:4] == 1).sum()) for n in range(3)]
    assert done["volume_agreement"]["class 1"]["bias"] == pytest.approx(np.mean(differences) * 0.7 * 0.8 * 2.5 / 1000)
    whole = evaluate_folders(found, true, None)["test"]
    assert whole["dice"]["mean"] != done["dice"]["mean"]


@pytest.mark.parametrize(
    ("mask", "affine", "told"),
    [
        (np.zeros((14, 12, 5), np.uint8), AFFINE, r"has 14x12x5 voxels, its true mask 14x12x6.*Resample"),
        (blob(0), np.eye(4), "lie elsewhere than those of its true mask: 1 x 1 x 1 mm"),
        (blob(0), AFFINE + np.eye(4)[[3, 0, 0, 0]] @ np.diag([0, 0, 0, 3.0]), "lie elsewhere"),
        (blob(0).astype(np.float32) / 3, AFFINE, "whole numbers"),
        (np.where(blob(0) > 0, np.float32(np.inf), np.float32(0)), AFFINE, "whole numbers"),
    ],
)
def test_what_does_not_fit_is_told_with_its_file(
    folders: tuple[Path, Path], mask: np.ndarray, affine: np.ndarray, told: str
) -> None:
    found, true = folders
    nifti(found / "a.nii.gz", mask, affine)
    with pytest.raises(ModicumError, match=told) as error:
        evaluate_folders(found, true, None)
    assert str(error.value.file).endswith("a.nii.gz")


def test_a_picture_is_no_volume(folders: tuple[Path, Path]) -> None:
    found, true = folders
    (found / "a.nii.gz").unlink()
    cv2.imwrite(str(found / "a.png"), np.zeros((12, 14), np.uint8))
    with pytest.raises(ModicumError, match=r"is a picture, its true mask a\.nii\.gz a volume"):
        evaluate_folders(found, true, None)


def squares(folder: Path, *values: tuple[int, ...], suffix: str = ".png") -> Path:
    """A mask for each tuple, a square of each of its values."""
    folder.mkdir()
    for number, those in enumerate(values):
        mask = np.zeros((24, 60), np.uint8)
        for place, value in enumerate(those):
            mask[6:18, 20 * place + 4 : 20 * place + 16] = value
        if suffix == ".png":
            cv2.imwrite(str(folder / f"{number}.png"), mask)
        else:
            nifti(folder / f"{number}{suffix}", mask[..., None])
    return folder


@pytest.mark.parametrize("suffix", [".png", ".nii.gz"])
def test_classes_with_other_values_are_not_taken_for_background(tmp_path: Path, suffix: str) -> None:
    """As numbered by other programs; the masks are the same."""
    true = squares(tmp_path / "true", (85, 170), (85, 170), suffix=suffix)
    found = squares(tmp_path / "found", (85, 170), (1, 2), suffix=suffix)
    with pytest.raises(ModicumError, match=r"holds 1, 2, which no true mask does: there the classes are 85, 170") as error:
        evaluate_folders(found, true, None)
    assert error.value.file == found / f"1{suffix}"


def test_what_a_true_mask_holds_beside_its_classes_may_be_predicted(tmp_path: Path) -> None:
    true = squares(tmp_path / "true", (1, 2), (1, 2, 7))
    (true / "classes.json").write_text('{"liver": 1, "spleen": 2}')
    found = squares(tmp_path / "found", (1, 2, 7), (1, 2))  # in another picture than there
    assert evaluate_folders(found, true, None)["test"]["dice"]["mean"] == 1
    other = squares(tmp_path / "other", (1, 2, 8), (1, 2))
    with pytest.raises(ModicumError, match="holds 8, which"):
        evaluate_folders(other, true, None)


def test_unmarked_pixels_and_a_background_of_zero_may_be_predicted(tmp_path: Path) -> None:
    true = squares(tmp_path / "true", (2, 3, 255), (2, 3, 255))
    for path in true.glob("*.png"):
        mask = cv2.imread(str(path), 0)
        cv2.imwrite(str(path), np.where(mask == 0, 1, mask).astype(np.uint8))
    (true / "classes.json").write_text('{"background": 1, "a": 2, "b": 3, "unmarked": 255}')
    found = squares(tmp_path / "found", (2, 3, 255), (2, 3))
    assert evaluate_folders(found, true, None)["test"]["dice"]["mean"] == 1
