"""The ways in which people keep pictures and labels on disk: one table, tried in order, the particular first.

A layout is a function of a folder: what it found there, or None when the folder is not of its kind. A new layout is a
new function and a line in the table.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from modicum.datasets.layouts import dicom, generic, manifest, nnunet, published, published_volumes
from modicum.datasets.layouts.found import Found

LAYOUTS: dict[str, Callable[[Path], Found | None]] = {
    "a CSV manifest (manifest.csv with columns image, label)": manifest.read_folder,
    "nnU-Net and Decathlon (dataset.json, imagesTr, labelsTr)": nnunet.read,
    "DICOM series with DICOM segmentations (SEG) that refer to them, in any folders": dicom.read,
    "DRIVE": published.drive,
    "CHASE_DB1": published.chase,
    "STARE": published.stare,
    "HRF": published.hrf,
    "DSB 2018 (a folder for each picture, with images/ and masks/)": published.dsb2018,
    "ISIC": published.isic,
    "Kvasir-SEG": published.kvasir,
    "CVC-ClinicDB": published.cvc,
    "DermIS and DermQuest (x_orig.jpg, x_contour.png)": published.dermis,
    "LiTS (volume-0.nii, segmentation-0.nii)": published_volumes.lits,
    "BraTS (x_flair.nii.gz, x_t1.nii.gz ..., x_seg.nii.gz)": published_volumes.brats,
    "folders images/ and labels/ (or masks/), also in train/, val/, test/ or a folder for each patient": generic.folders,
    "pictures beside their masks (x.png, x_mask.png)": generic.beside,
    "pictures only": generic.pictures_only,
}
__all__ = ["LAYOUTS", "Found"]
