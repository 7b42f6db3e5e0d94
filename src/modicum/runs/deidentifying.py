"""`modicum deidentify`: a folder of DICOM files, written once more without what names a person."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.errors import InvalidDicomError

from modicum.console import bar
from modicum.errors import ModicumError
from modicum.images.formats import is_dicom

_PHOTOGRAPHED = ("US", "SC", "XC", "ES", "OT")  # kinds of pictures into which text is often burned


@dataclass(frozen=True)
class Deidentified:
    """What was done."""

    written: int
    changed: dict[str, dict[str, int]]  # keyword -> {"removed": files, ...}
    left_out: tuple[ModicumError, ...]  # files that were not written
    doubtful: int  # of a kind into which text is often burned, and that do not say that there is none


def deidentify_folder(source: Path, out: Path) -> Deidentified:
    """Write every DICOM file below a folder to `out/SERIES/NUMBER.dcm`; their own names, which may name people, are not kept.

    Files that say that text is burned into their pictures are left out.

    Raises:
        ModicumError: there is no DICOM file, or the output lies within the source or is not empty.
    """
    from modicum.images.volumes.deidentify import deidentify

    if out.resolve().is_relative_to(source.resolve()):
        raise ModicumError("the output lies within the source.", file=out, remedy="Choose a folder elsewhere.")
    if out.is_dir() and any(out.iterdir()):
        raise ModicumError("the folder is not empty.", file=out, remedy="Choose a new one: nothing is overwritten.")
    files = sorted(p for p in source.rglob("*") if p.is_file() and is_dicom(p))
    if not files:
        raise ModicumError("there is no DICOM file here.", file=source)
    changed: dict[str, Counter[str]] = {}
    series: dict[str, int] = {}
    numbers: Counter[str] = Counter()
    left_out, doubtful, written = [], 0, 0
    with bar(f"De-identifying {len(files)} files", len(files)) as progress:
        for path in files:
            try:
                dataset = pydicom.dcmread(path)
                if str(dataset.get("BurnedInAnnotation", "")).upper() == "YES":
                    raise ModicumError(
                        "left out: it says that text is burned into its picture.", file=path, remedy="Black it out by hand."
                    )
                doubtful += dataset.get("BurnedInAnnotation") is None and dataset.get("Modality") in _PHOTOGRAPHED
                for keyword, what in deidentify(dataset).items():
                    changed.setdefault(keyword, Counter())[what] += 1
                uid = str(dataset.get("SeriesInstanceUID", ""))
                place = out / f"series-{series.setdefault(uid, len(series) + 1):03d}"
                place.mkdir(parents=True, exist_ok=True)
                numbers[uid] += 1
                dataset.save_as(place / f"{numbers[uid]:05d}.dcm", enforce_file_format=True)
                written += 1
            except ModicumError as error:
                left_out.append(error)
            except (InvalidDicomError, ValueError, AttributeError, EOFError) as error:
                said = f"left out: it cannot be read or written as DICOM ({type(error).__name__})."
                left_out.append(ModicumError(said, file=path))
            progress.step()
    return Deidentified(written, {k: dict(v) for k, v in sorted(changed.items())}, tuple(left_out), doubtful)
