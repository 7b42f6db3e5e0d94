"""Volumes: the same axes whatever the file, values in physical units, and masks that return in the file's own geometry."""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from ct import SHAPE, body, slices
from modicum.datasets.layouts.found import pictures_in, stem
from modicum.errors import ModicumError
from modicum.images.volumes import is_volume, read_volume, read_volume_mask, volume_grid, write_mask_file, write_volume_mask
from modicum.images.volumes.orientation import Orientation


def affine(turn: tuple[int, int, int], flips: tuple[bool, bool, bool], spacing: tuple[float, float, float]) -> np.ndarray:
    """nibabel's affine of a file whose axis n goes along turn[n] of (right, front, head), or against it."""
    found = np.eye(4)
    found[:3, :3] = 0
    for axis, (along, flip) in enumerate(zip(turn, flips, strict=True)):
        found[along, axis] = spacing[along] * (-1 if flip else 1)
    found[:3, 3] = (7.25, -3.5, 11.0)
    return found


def as_stored(turn: tuple[int, int, int], flips: tuple[bool, bool, bool]) -> np.ndarray:
    """The body as an array (i, j, k) of a file with that affine."""
    ras = body().transpose(2, 1, 0)[::-1, ::-1]  # right, front, head
    stored = ras.transpose(turn)
    return stored[tuple(slice(None, None, -1) if f else slice(None) for f in flips)]


@pytest.mark.parametrize("turn", list(permutations(range(3))))
@pytest.mark.parametrize("flips", list(product([False, True], repeat=3)))
def test_every_orientation_gives_the_same_volume(turn: tuple, flips: tuple, tmp_path: Path) -> None:
    path, place = tmp_path / "x.nii.gz", affine(turn, flips, (1.0, 1.0, 3.0))
    nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(as_stored(turn, flips)), place), path)
    volume = read_volume(path)
    assert np.array_equal(volume.values, body())
    assert volume.spacing == pytest.approx((3.0, 1.0, 1.0))
    assert volume_grid(path).shape == SHAPE
    mask = (volume.values % 7 == 0).astype(np.uint8)
    written = nibabel.load(write_volume_mask(volume, mask, tmp_path, "mask", ("a",)))
    assert np.array_equal(written.affine, nibabel.load(path).affine)  # to the last bit
    assert np.array_equal(np.asarray(written.dataobj) > 0, as_stored(turn, flips) % 7 == 0)
    assert np.array_equal(read_volume_mask(tmp_path / "mask.nii.gz"), mask)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-3, 3), min_size=3, max_size=3), st.lists(st.floats(0.3, 4), min_size=3, max_size=3))
def test_oblique_files_lose_nothing(angles: list[float], sizes: list[float]) -> None:
    from scipy.spatial.transform import Rotation

    place = np.eye(4)
    place[:3, :3] = Rotation.from_euler("xyz", angles).as_matrix() @ np.diag(sizes)
    orientation = Orientation.of(place)
    array = np.arange(60).reshape(3, 4, 5)
    assert np.array_equal(orientation.array(orientation.volume(array)), array)
    assert sorted(orientation.spacing) == pytest.approx(sorted(sizes), rel=1e-6)
    grid, turned = orientation.placed(place, array.shape), orientation.volume(array)
    for number in (0, 7, 33, 59):  # a voxel lies where it lay
        there, here = (np.append(np.argwhere(a == number)[0], 1) for a in (array, turned))
        assert place @ there == pytest.approx(grid @ here, abs=1e-9)


@pytest.mark.parametrize(
    ("spacing", "shape"), [((1, 1, 1), SHAPE), ((3, 1, 1), (4, 6, 5)), ((1, 3, 1), (5, 6, 4)), ((1, 1, 1.1), SHAPE)]
)
def test_slices_lie_along_the_coarsest_axis(spacing: tuple, shape: tuple, tmp_path: Path) -> None:
    path = tmp_path / "x.nii"
    turn, flips = (0, 1, 2), (False, False, False)
    nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(as_stored(turn, flips)), affine(turn, flips, spacing)), path)
    assert read_volume(path).shape == volume_grid(path).shape == shape


def test_scaled_values_are_in_their_units(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4))
    image.header.set_slope_inter(2.0, -1000.0)
    nibabel.save(image, tmp_path / "x.nii.gz")
    values = read_volume(tmp_path / "x.nii.gz").values
    assert values.dtype == np.float32
    assert sorted(values.ravel()) == sorted(np.asarray(nibabel.load(tmp_path / "x.nii.gz").dataobj, np.float32).ravel())


@pytest.mark.parametrize("direction", ["RAI", "LPS"])  # LPS is as volumes lie in memory: nothing is reordered, or copied
@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".mhd"])
def test_nrrd_and_metaimage(suffix: str, direction: str, tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(body())  # ITK's axes are the volume's: head, back, left
    image.SetSpacing((0.7, 0.8, 2.5))
    image.SetOrigin((3.0, -4.0, 5.5))
    turned = sitk.DICOMOrient(image, direction)
    path = tmp_path / f"x{suffix}"
    sitk.WriteImage(turned, str(path))
    volume = read_volume(path)
    assert np.array_equal(volume.values, body())
    assert volume.spacing == pytest.approx((2.5, 0.8, 0.7))
    assert volume_grid(path).shape == SHAPE
    mask = (body() > 250).astype(np.uint8)
    written = sitk.ReadImage(str(write_volume_mask(volume, mask, tmp_path, "mask", ("a",))))
    for question in ("GetOrigin", "GetSpacing", "GetDirection", "GetSize"):
        assert getattr(written, question)() == getattr(turned, question)()
    assert np.array_equal(sitk.GetArrayFromImage(sitk.DICOMOrient(written, "LPS")), mask)


def test_a_series_is_sorted_by_place_and_in_hounsfield_units(tmp_path: Path) -> None:
    path = slices(tmp_path)
    volume = read_volume(path)
    assert np.array_equal(volume.values, body())
    assert volume.values.dtype == np.int16
    assert volume.spacing == pytest.approx((2.5, 0.8, 0.7))
    assert volume_grid(path).shape == SHAPE
    assert volume.remarks == ()


def test_a_series_is_read_as_simpleitk_reads_it(tmp_path: Path) -> None:
    path = slices(tmp_path)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path)))
    theirs = reader.Execute()
    ours = read_volume(path)
    assert np.array_equal(sitk.GetArrayFromImage(sitk.DICOMOrient(theirs, "LPS")), ours.values)
    assert ours.spacing == pytest.approx(theirs.GetSpacing()[::-1])


def test_two_series_in_a_folder_are_told_apart(tmp_path: Path) -> None:
    first, second = slices(tmp_path), slices(tmp_path, RescaleIntercept=0)
    assert np.array_equal(read_volume(second).values - read_volume(first).values, np.full(SHAPE, 1024))


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"places": [0, 2.5, 5, 12.5, 15, 17.5]}, "2 slices are missing after slice 3"),
        ({"tilt": 0.1}, "tilted by 5.7 degrees"),
        ({"BurnedInAnnotation": "YES"}, "burned into"),
        ({"RescaleIntercept": None}, "Hounsfield units"),
        ({"PixelSpacing": None}, "does not say how far apart its pixels lie"),
    ],
)
def test_what_is_not_as_it_should_be_is_said(tags: dict, said: str, tmp_path: Path) -> None:
    (remark,) = read_volume(slices(tmp_path, **tags)).remarks
    assert said in remark


def test_files_named_by_their_uid_are_a_series(tmp_path: Path) -> None:
    slices(tmp_path / "ct")
    for number, path in enumerate(sorted((tmp_path / "ct").iterdir())):
        path.rename(path.with_name(f"CT.1.2.840.{number}"))
    (tmp_path / "ct" / "notes.1").write_text("no DICOM")
    (first,) = pictures_in(tmp_path, deep=True)
    assert np.array_equal(read_volume(first).values, body())
    assert stem(first) == "ct"


def test_empty_rescaling_is_none(tmp_path: Path) -> None:
    path = slices(tmp_path, RescaleSlope=None, RescaleIntercept=None)
    assert np.array_equal(read_volume(path).values, body() + 1024)


@pytest.mark.parametrize(
    "gone", ["PatientID PatientName PatientBirthDate PatientSex StudyDate StudyTime AccessionNumber StudyID",
             "FrameOfReferenceUID", "SliceThickness", "PixelSpacing"],
)  # fmt: skip
def test_what_anonymisers_take_out_is_not_needed_for_a_segmentation(tmp_path: Path, gone: str) -> None:
    slices(tmp_path / "ct")
    for path in (tmp_path / "ct").iterdir():
        one = pydicom.dcmread(path)
        for name in gone.split():
            delattr(one, name)
        one.save_as(path)
    volume = read_volume(path)
    mask = (body() > 250).astype(np.uint8)
    written = write_volume_mask(volume, mask, tmp_path, "mask", ("a",))
    again = read_volume(written)
    assert np.array_equal(again.values, mask)
    assert again.lies_as(volume)


@pytest.mark.parametrize("gone", ["StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID"])
def test_of_pictures_that_nothing_can_refer_to_masks_are_nifti(tmp_path: Path, gone: str) -> None:
    slices(tmp_path / "ct")
    for path in (tmp_path / "ct").iterdir():
        one = pydicom.dcmread(path)
        delattr(one, gone)
        one.save_as(path, enforce_file_format=False)
    volume = read_volume(path)
    assert any(gone in remark for remark in volume.remarks)
    mask = (body() > 250).astype(np.uint8)
    written = write_volume_mask(volume, mask, tmp_path, "mask", ("a",))
    assert written.name == "mask.nii.gz"
    again = read_volume(written)
    assert np.array_equal(again.values, mask)
    assert again.spacing == pytest.approx(volume.spacing)
    with pytest.raises(ModicumError, match="no DICOM segmentation can refer"):
        write_mask_file(volume, mask, tmp_path / "mask.dcm", ("a",))  # as the page would
    assert not (tmp_path / "mask.dcm").exists()


def test_segmentations_of_a_tilted_series_come_back(tmp_path: Path) -> None:
    volume = read_volume(slices(tmp_path / "ct", tilt=0.1))
    mask = (body() > 250).astype(np.uint8) + (body() > 440)
    again = read_volume(write_volume_mask(volume, mask.astype(np.uint8), tmp_path, "mask", ("a", "b")))
    assert np.array_equal(again.values, mask)
    assert again.lies_as(volume)


@pytest.mark.parametrize("classes", [("organ",), ("organ", "tumour")])
def test_a_segmentation_of_a_tilted_series_is_read_again_whatever_its_number_of_classes(classes: tuple, tmp_path: Path) -> None:
    volume = read_volume(slices(tmp_path / "series", tilt=0.1))
    mask = (body() % (len(classes) + 1)).astype(np.uint8)
    assert np.array_equal(read_volume_mask(write_volume_mask(volume, mask, tmp_path, "mask", classes)), mask)


def test_series_that_are_no_volume_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModicumError, match="at one place"):
        read_volume(slices(tmp_path / "a", places=[0, 2.5, 2.5, 5, 7.5, 10]))
    with pytest.raises(ModicumError, match="no volume that is read"):
        read_volume(tmp_path / "x.txt")
    broken = tmp_path / "x.nii.gz"
    broken.write_bytes(b"\x1f\x8b nothing")
    with pytest.raises(ModicumError, match="damaged"):
        read_volume(broken)
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 3, 3, 5), np.int16), np.eye(4)), tmp_path / "t.nii.gz")
    with pytest.raises(ModicumError, match="4 dimensions"):
        read_volume(tmp_path / "t.nii.gz")


def test_the_first_of_a_few_channels_is_read_and_masks_have_one(tmp_path: Path) -> None:
    place = affine((0, 1, 2), (1, 1, 1), (1.0, 1.0, 3.0))
    values = np.random.default_rng(0).integers(-100, 100, (6, 5, 4, 3)).astype(np.int16)
    image = nibabel.Nifti1Image(values, place)
    image.header.set_slope_inter(2, 1)
    nibabel.save(image, tmp_path / "x.nii.gz")
    nibabel.save(
        nibabel.Nifti1Image(np.asarray(nibabel.load(tmp_path / "x.nii.gz").dataobj)[..., 0], place), tmp_path / "y.nii.gz"
    )
    volume, alone = read_volume(tmp_path / "x.nii.gz"), read_volume(tmp_path / "y.nii.gz")
    assert np.array_equal(volume.values, alone.values)
    assert (volume.channels, alone.channels) == (3, 1)
    assert volume.lies_as(alone)
    assert (volume_grid(tmp_path / "x.nii.gz").channels, volume_grid(tmp_path / "x.nii.gz").shape) == (3, alone.shape)
    mask = (volume.values > 0).astype(np.uint8)
    written = write_volume_mask(volume, mask, tmp_path, "mask", ("a",))
    assert nibabel.load(written).shape == (6, 5, 4)
    assert np.array_equal(read_volume_mask(written), mask)
    with pytest.raises(ModicumError, match="3 channels"):
        read_volume_mask(tmp_path / "x.nii.gz")


def test_monochrome1_is_turned_round(tmp_path: Path) -> None:
    one = read_volume(slices(tmp_path, PhotometricInterpretation="MONOCHROME1", RescaleIntercept=0)).values
    assert np.array_equal(one, 4095 - (body() + 1024))


def test_a_segmentation_beside_dicom_refers_to_its_pictures(tmp_path: Path) -> None:
    import highdicom as hd

    path = slices(tmp_path / "series")
    volume = read_volume(path)
    mask = np.where(body() % 5 == 0, 1, np.where(body() % 5 == 1, 2, 0)).astype(np.uint8)
    written = write_volume_mask(volume, mask, tmp_path, "mask", ("organ", "tumour"))
    found = hd.seg.segread(written)
    assert [s.segment_label for s in (found.get_segment_description(n) for n in (1, 2))] == ["organ", "tumour"]
    order = sorted((pydicom.dcmread(p) for p in path.parent.iterdir()), key=lambda d: d.ImagePositionPatient[2])
    frames = found.get_pixels_by_source_instance([d.SOPInstanceUID for d in order], combine_segments=True)
    assert np.array_equal(frames, mask)  # the series lies as the volume does
    assert np.array_equal(read_volume_mask(written), mask)


def examples() -> list[str]:
    return [
        "CT_small.dcm",
        "MR_small.dcm",
        "emri_small.dcm",
        "MR_small_jp2klossless.dcm",
        "JPEG2000.dcm",
        "MR_small_RLE.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "MR_small_bigendian.dcm",
    ]


@pytest.mark.parametrize("name", examples())
def test_pydicoms_own_files(name: str, tmp_path: Path) -> None:
    found = pydicom.data.get_testdata_file(name, download=False)
    if found is None:
        pytest.skip(f"pydicom does not bring {name}")
    path = tmp_path / name  # alone, because its folder is full of others
    path.write_bytes(Path(found).read_bytes())
    dataset = pydicom.dcmread(path)
    volume = read_volume(path)
    pixels = pydicom.pixels.apply_rescale(dataset.pixel_array, dataset).astype(np.float32)
    assert sorted(volume.shape) == sorted(pixels.shape if pixels.ndim == 3 else (1, *pixels.shape))
    assert np.array_equal(np.sort(volume.values.ravel()), np.sort(pixels.ravel()))
    assert is_volume(path)


def test_a_compression_that_nobody_reads_is_named(tmp_path: Path) -> None:
    found = pydicom.data.get_testdata_file("JPGExtended.dcm", download=False)
    assert found is not None
    path = tmp_path / "x.dcm"
    path.write_bytes(Path(found).read_bytes())
    with pytest.raises(ModicumError, match=r"decompressed \(JPEG Extended"):
        read_volume(path)


def test_frames_that_do_not_say_where_they_lie_get_a_mask_that_does_not_refer_to_them(tmp_path: Path) -> None:
    whole = pydicom.dcmread(slices(tmp_path / "series"))
    whole.NumberOfFrames, whole.PixelData = 3, whole.PixelData * 3
    whole.save_as(tmp_path / "frames.dcm")
    volume = read_volume(tmp_path / "frames.dcm")
    mask = (volume.values > np.median(volume.values)).astype(np.uint8)
    written = write_volume_mask(volume, mask, tmp_path, "mask", ("organ",))
    assert written.name == "mask.nii.gz"
    assert np.array_equal(read_volume_mask(written), mask)


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_pictures_to_which_no_segmentation_can_refer_are_named(tmp_path: Path) -> None:
    path = slices(tmp_path / "series", StudyTime="1")
    volume = read_volume(path)
    with pytest.raises(ModicumError, match=rf"{path.parent.name}.*DICOM segmentation can refer.*'1'"):
        write_volume_mask(volume, np.ones(volume.shape, np.uint8), tmp_path, "mask", ("organ",))
    assert [p.name for p in tmp_path.iterdir()] == ["series"]


def test_a_volume_does_not_change_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "x.nii"  # uncompressed, and as volumes lie in memory: nothing else would copy it
    nibabel.save(nibabel.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.diag([-1.0, -1.0, 1.0, 1.0])), path)
    values = read_volume(path).values
    before = values.copy()
    path.write_bytes(path.read_bytes()[:352] + b"\x07" * 120)
    assert np.array_equal(values, before)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_the_header_says_where_a_volume_lies(suffix: str, tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(body())
    image.SetSpacing((0.7, 0.8, 2.5))
    image.SetOrigin((3.0, -4.0, 5.5))
    sitk.WriteImage(sitk.DICOMOrient(image, "RAI"), str(tmp_path / f"x{suffix}"))
    assert volume_grid(tmp_path / f"x{suffix}").affine == pytest.approx(read_volume(tmp_path / f"x{suffix}").affine)


def test_slices_that_lie_too_near_are_remarked(tmp_path: Path) -> None:
    path = slices(tmp_path, places=[0, 3, 6, 9, 10, 13])
    assert any("1 slices lie nearer" in remark for remark in read_volume(path).remarks)


def test_how_it_is_displayed_does_not_change_hounsfield_units(tmp_path: Path) -> None:
    assert np.array_equal(read_volume(slices(tmp_path, PhotometricInterpretation="MONOCHROME1")).values, body())


def test_a_header_that_claims_more_than_its_file_holds_costs_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "v.nii"
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.eye(4)), path)
    header = bytearray(path.read_bytes())
    header[42:48] = np.array([1000, 1000, 4000], "<i2").tobytes()  # dim[1:4]
    path.write_bytes(header)
    monkeypatch.setattr(np, "asanyarray", lambda *_: pytest.fail("read"))
    with pytest.raises(ModicumError, match="claims 8,000,000,352 bytes"):
        read_volume(path)
