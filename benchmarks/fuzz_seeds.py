"""Seeds of the fuzzer: one small valid file of every kind that Modicum reads."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import nibabel
import numpy as np
import numpy.typing as npt
import pydicom
import SimpleITK as sitk
import tifffile
from PIL import Image

import modicum as md
from modicum.datasets.phantoms import write_fundus_dataset
from modicum.images.volumes import read_volume, write_volume_mask
from modicum.recipes import dump, load
from modicum.recipes import names as recipe_names

Kind = Literal["picture", "volume", "data", "recipe", "bundle"]
TINY = ("network.encoder.widths=[4,8]", "view.size=32", "fit.epochs=4", "fit.batch_size=4", "fit.precision=32-true")


@dataclass(frozen=True)
class Seed:
    """A valid file in a folder of its own, with the files that it needs beside it."""

    name: str
    kind: Kind
    folder: Path
    file: str

    @property
    def content(self) -> bytes:
        return (self.folder / self.file).read_bytes()


def seeds(root: Path) -> list[Seed]:
    """One of every kind, written below `root`; those that are there already are left as they are."""
    made: list[Seed] = []

    def seed(kind: Kind, file: str, write: Callable[[Path], object], name: str = "") -> None:
        folder = root / (name or file.replace(".", "-"))
        if not (folder / file).exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            write(folder / file)
        made.append(Seed(folder.name, kind, folder, file))

    _pictures(seed)
    _volumes(seed)
    data = root / "phantoms"
    if not data.exists():
        write_fundus_dataset(data, count=8, size=64, seed=0)
    for file in ("manifest.csv", "split.json", "classes.json", "dataset.json"):
        seed("data", file, lambda path: _described(path, data))
    for name in recipe_names()[::6]:
        seed("recipe", f"{name}.yaml", lambda path, name=name: path.write_text(dump(load(name))))
    for name in ("small-whole", "small-polar", "pixel-forest", "otsu"):
        seed("bundle", "model.modicum", lambda path, name=name: _trained(path, data, name), f"bundle-{name}")
    return made


def _pictures(seed: Callable[..., None]) -> None:
    rng = np.random.default_rng(0)
    grey, colour = rng.integers(0, 255, (24, 20), np.uint8), rng.integers(0, 255, (24, 20, 3), np.uint8)
    deep = grey.astype(np.uint16) * 256
    black, coloured = Image.fromarray(grey), Image.fromarray(colour)
    as_pillow: dict[str, Image.Image] = {
        "grey.png": black, "colour.png": coloured, "alpha.png": coloured.convert("RGBA"), "palette.png": coloured.convert("P"),
        "bit.png": Image.fromarray(grey > 99), "deep.png": Image.fromarray(deep), "grey.jpg": black, "colour.jpg": coloured,
        "cmyk.jpg": coloured.convert("CMYK"), "x.bmp": coloured, "palette.bmp": coloured.convert("P"), "x.gif": black,
        "x.webp": coloured, "x.ppm": coloured, "x.pgm": black,
    }  # fmt: skip
    for file, image in as_pillow.items():
        seed("picture", file, image.save)
    exif = Image.Exif()
    exif[274] = 6
    seed("picture", "turned.jpg", lambda path: Image.fromarray(colour).save(path, exif=exif))
    seed("picture", "deep-colour.png", lambda path: cv2.imwrite(str(path), colour.astype(np.uint16) * 256))
    seed("picture", "x.ppm.gz", lambda path: path.write_bytes(gzip.compress(b"P6 20 24 255 " + colour.tobytes())))
    of_tiff: dict[str, tuple[npt.NDArray[Any], dict[str, Any]]] = {
        "colour": (colour, {"photometric": "rgb"}), "deep": (deep, {}), "float": (grey.astype(np.float32), {}),
        "deflate": (colour, {"photometric": "rgb", "compression": "zlib", "predictor": True}),
        "tiles": (colour, {"photometric": "rgb", "tile": (16, 16)}),
        "planes": (np.moveaxis(colour, 2, 0), {"planarconfig": "separate"}),
    }  # fmt: skip
    for name, (values, options) in of_tiff.items():
        seed("picture", f"{name}.tif", lambda path, v=values, o=options: tifffile.imwrite(path, v, **o))
    for compression in ("tiff_lzw", "jpeg", "packbits", "group4"):
        image = Image.fromarray(grey > 99) if compression == "group4" else Image.fromarray(colour)
        seed("picture", f"{compression}.tif", lambda path, i=image, c=compression: i.save(path, compression=c))


def _volumes(seed: Callable[..., None]) -> None:
    values = np.random.default_rng(1).integers(-1000, 1000, (5, 7, 6)).astype(np.int16)
    for file in ("x.nii", "x.nii.gz"):
        seed("volume", file, lambda path: nibabel.save(nibabel.Nifti1Image(values, np.diag([-1, -2, 3, 1])), path))
    seed("volume", "float.nii", lambda path: nibabel.save(nibabel.Nifti1Image(values.astype(np.float32), np.eye(4)), path))
    seed("volume", "two.nii", lambda path: nibabel.save(nibabel.Nifti2Image(values, np.eye(4)), path))
    for file in ("x.nrrd", "packed.nrrd", "x.mha", "packed.mha", "x.mhd"):
        image = sitk.GetImageFromArray(values)
        seed("volume", file, lambda path, i=image: sitk.WriteImage(i, str(path), useCompression=path.stem == "packed"))
    seed("volume", "s1.dcm", lambda path: _series(path.parent, values), "dicom")
    seed("volume", "frames.dcm", _frames)
    seed("volume", "rle.dcm", lambda path: _packed(path, values, pydicom.uid.RLELossless))
    seed("volume", "j2k.dcm", lambda path: _packed(path, values, pydicom.uid.JPEG2000Lossless))
    seed("volume", "seg.dcm", lambda path: _segmentation(path, values))


def _series(folder: Path, values: npt.NDArray[Any]) -> None:
    uid, frame, study = (pydicom.uid.generate_uid(entropy_srcs=[word]) for word in ("series", "frame", "study"))
    for number, plane in enumerate(values):
        meta = pydicom.dataset.FileMetaDataset()
        meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
        meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid(entropy_srcs=[str(number)])
        meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        one = pydicom.dataset.FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        one.SOPClassUID, one.SOPInstanceUID, one.Modality = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID, "CT"
        one.SeriesInstanceUID, one.FrameOfReferenceUID, one.StudyInstanceUID = uid, frame, study
        one.ImagePositionPatient, one.ImageOrientationPatient = [0.0, 0.0, 2.5 * number], [1, 0, 0, 0, 1, 0]
        one.PixelSpacing, one.SliceThickness, one.InstanceNumber = [0.8, 0.7], 2.5, number
        (one.Rows, one.Columns), one.SamplesPerPixel, one.PhotometricInterpretation = plane.shape, 1, "MONOCHROME2"
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 1
        one.RescaleSlope, one.RescaleIntercept, one.PatientID = 1, -24, "1"
        one.PatientName, one.PatientBirthDate, one.PatientSex = "A", "", ""
        one.StudyDate, one.StudyTime, one.AccessionNumber, one.StudyID, one.SeriesNumber = "20200101", "120000", "9", "1", 1
        one.PixelData = plane.tobytes()
        one.save_as(folder / f"s{number}.dcm", enforce_file_format=True)


def _one(path: Path, values: npt.NDArray[Any]) -> pydicom.Dataset:
    """The first slice, alone in the folder."""
    _series(path.parent, values)
    first = pydicom.dcmread(path.parent / "s0.dcm")
    for made in path.parent.glob("s?.dcm"):
        made.unlink()
    return first


def _packed(path: Path, values: npt.NDArray[Any], how: str) -> None:
    first = _one(path, values.repeat(8, 1).repeat(8, 2))
    first.compress(how)
    first.save_as(path)


def _frames(path: Path) -> None:
    shutil.copy(pydicom.examples.get_path("ct"), path)
    whole = pydicom.dcmread(path)
    values = whole.pixel_array[:16, :16]
    whole.Rows, whole.Columns, whole.NumberOfFrames, whole.SpacingBetweenSlices = 16, 16, 3, 2.0
    whole.PixelData = np.stack([values] * 3).tobytes()
    whole.save_as(path)


def _segmentation(path: Path, values: npt.NDArray[Any]) -> None:
    _series(path.parent, values)
    volume = read_volume(path.parent / "s0.dcm")
    written = write_volume_mask(volume, (volume.values > 0).astype(np.uint8), path.parent, "seg", ("one",))
    assert written == path


def _described(path: Path, data: Path) -> None:
    """Phantoms with one of the files that describe a data set."""
    names = sorted(p.name for p in (data / "images").iterdir())
    as_nnunet = path.name == "dataset.json"
    for ours, theirs in (("images", "imagesTr"), ("labels", "labelsTr")):
        shutil.copytree(data / ours, path.parent / (theirs if as_nnunet else ours))
    stems = [Path(n).stem for n in names]
    listed = [{"image": f"./imagesTr/{n}", "label": f"./labelsTr/{n}"} for n in names]
    rows = [f"images/{n},labels/{n},p{i},{['train', 'val', 'test'][i % 3]},{i}" for i, n in enumerate(names)]
    path.write_text(
        {
            "manifest.csv": "\n".join(["image,label,patient,split,age", *rows]),
            "split.json": json.dumps({"train": stems[:4], "val": stems[4:6], "test": stems[6:]}),
            "classes.json": json.dumps({"background": 0, "vessel": 255}),
            "dataset.json": json.dumps({"labels": {"background": 0, "vessel": 255}, "training": listed}),
        }[path.name]
    )


def _trained(path: Path, data: Path, recipe: str) -> None:
    run = md.train(data, path.parent / "run", recipe=recipe, changes=TINY if recipe.startswith("small") else ())
    shutil.copy(run.folder / "model.modicum", path)
    shutil.copy(next((data / "images").iterdir()), path.with_name("picture.png"))
    shutil.rmtree(run.folder)
