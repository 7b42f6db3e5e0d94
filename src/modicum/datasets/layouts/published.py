"""Data sets of pictures laid out as their authors publish them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from modicum.datasets.case import Case, Part
from modicum.datasets.layouts import generic
from modicum.datasets.layouts.found import Found, pictures_in, stem, subfolders
from modicum.datasets.layouts.pairing import pair, pair_by_key
from modicum.errors import ModicumError

_CHASE = re.compile(r"^Image_\d+[LR]$", re.IGNORECASE)
_CHASE_LABEL = re.compile(r"^Image_\d+[LR]_(1st|2nd)HO$", re.IGNORECASE)
_STARE = re.compile(r"^im\d{4}$", re.IGNORECASE)
_STARE_LABEL = re.compile(r"^im\d{4}\.(ah|vk)$", re.IGNORECASE)
_HRF = re.compile(r"^\d+_(dr|g|h)$", re.IGNORECASE)
_ISIC = re.compile(r"^ISIC[ _-]?(\d{4}).*?(Training|Validation|Test)(.*)$", re.IGNORECASE)
_DERMIS = re.compile(r"^(.+)_(orig|contour)$", re.IGNORECASE)
_DERMIS_GROUPS = {"diagnosis": ("melanoma", "notmelanoma"), "source": ("dermis", "dermquest")}
_ISIC_TASK = re.compile(r"[ _-](?:Task|Part)(\d(?:-\d)*)", re.IGNORECASE)  # of which the first is segmentation


def drive(root: Path) -> Found | None:
    """DRIVE: training/ and test/, each with images/, 1st_manual/ and mask/ (the field of view)."""
    parts: list[tuple[Part, Path]] = [("train", root / "training"), ("test", root / "test")]
    if not any((path / "1st_manual").is_dir() for _, path in parts):
        return None
    found = Found("DRIVE", [])
    for part, path in parts:
        images, manual, mask = path / "images", path / "1st_manual", path / "mask"
        one = pair(
            pictures_in(images),
            pictures_in(manual),
            pictures_in(mask),
            roots=(images, manual, mask),
            layout="DRIVE",
            part=part,
        )
        _join(found, one)
    return found


def chase(root: Path) -> Found | None:
    """CHASE_DB1: Image_01L.jpg beside Image_01L_1stHO.png; the second observer is left aside."""
    files = pictures_in(root)
    pictures = [p for p in files if _CHASE.match(stem(p))]
    labels = [p for p in files if _CHASE_LABEL.match(stem(p))]
    if not pictures or not labels:
        return None
    return pair(pictures, labels, roots=(root, root, None), layout="CHASE_DB1")


def stare(root: Path) -> Found | None:
    """STARE: im0001.ppm with im0001.ah.ppm (and .vk.ppm), beside each other or in folders; also packed (.gz)."""
    files = pictures_in(root, deep=True)
    labels = [p for p in files if _STARE_LABEL.match(stem(p))]
    if not labels:
        return None
    observers = {who: {stem(p)[:6].lower(): p for p in labels if stem(p).lower().endswith(who)} for who in ("ah", "vk")}
    used = "ah" if observers["ah"] else "vk"
    pictures = [p for p in files if _STARE.match(stem(p))]
    names = {stem(p).lower() for p in pictures}
    cases = [Case(stem(p), p, (label,) if (label := observers[used].get(stem(p).lower())) else ()) for p in pictures]
    orphans = [p for name, p in observers[used].items() if name not in names]
    findings = pair((), orphans, roots=(root, root, None), layout="").findings
    return Found("STARE", cases, [f"Labels are those of observer {used.upper()}."], findings) if cases else None


def hrf(root: Path) -> Found | None:
    """HRF: images/, manual1/ and mask/; the group (h healthy, dr diabetic retinopathy, g glaucoma) is a subgroup."""
    folder = subfolders(root).get("images")
    pictures = pictures_in(folder) if folder is not None else []
    if not pictures or not all(_HRF.match(stem(p)) for p in pictures):
        return None
    found = generic.folders(root, "HRF")
    if found is not None:
        found.cases = [_with_group(c) for c in found.cases]
        found.notes.append("The subgroup 'group' comes from the names: h healthy, dr diabetic retinopathy, g glaucoma.")
    return found


def dsb2018(root: Path) -> Found | None:
    """DSB 2018: a folder for each picture, with images/ID.png and masks/*.png, one an object."""
    outer = root / "stage1_train" if (root / "stage1_train").is_dir() else root
    if any(len(pictures_in(p / "images")) > 1 for p in subfolders(outer).values()):
        return None  # a folder for each patient
    found = Found("DSB 2018", [], ["The masks of a picture's objects are united; the classes are foreground and background."])
    single = list(_single_pictures(outer))
    for folder in single:
        masks = tuple(pictures_in(folder / "masks"))
        found.cases.append(Case(folder.name, pictures_in(folder / "images")[0], masks))
    if not any(c.labelled for c in found.cases):
        return None
    if other := [p.name for p in subfolders(outer).values() if p not in single and pictures_in(p, deep=True)]:
        found.notes.append(generic.not_used(other))
    for test in ("stage1_test", "stage2_test_final"):
        if (root / test).is_dir():
            for folder in _single_pictures(root / test):
                found.cases.append(Case(folder.name, pictures_in(folder / "images")[0]))
    return found


def isic(root: Path) -> Found | None:
    """ISIC: ISIC2018_Task1-2_Training_Input and ISIC2018_Task1_Training_GroundTruth, and so for Validation and Test.

    Folders of other tasks, which may stand beside these, are left aside; several years are joined.
    """
    inputs: dict[tuple[str, str], Path] = {}  # by year and part
    truths: dict[tuple[str, str], Path] = {}
    for path in subfolders(root).values():
        task = _ISIC_TASK.search(path.name)
        if (match := _ISIC.match(path.name)) and (task is None or "1" in task[1]):
            key = match[1], match[2].lower()
            (truths if "groundtruth" in match[3].lower() else inputs)[key] = path
    names: dict[str, Part] = {"training": "train", "validation": "val", "test": "test"}
    if not inputs.keys() & truths.keys():
        return None
    found = Found("ISIC", [])
    several = len({name for _, name in truths}) > 1
    for key, folder in inputs.items():
        pictures = [p for p in pictures_in(folder) if not stem(p).endswith("_superpixels")]
        truth = truths.get(key, folder)
        labels = pictures_in(truth) if key in truths else []
        part = names[key[1]] if key in truths and several else None
        _join(found, pair(pictures, labels, roots=(folder, truth, None), layout="ISIC", part=part))
    return found


def kvasir(root: Path) -> Found | None:
    """Kvasir-SEG: images/ and masks/, recognised by its file of bounding boxes, which is left aside."""
    if not any(root.glob("*bboxes.json")):
        return None
    return generic.folders(root, "Kvasir-SEG")


def dermis(root: Path) -> Found | None:
    """DermIS and DermQuest: NAME_orig.jpg and the mask NAME_contour.png; folders tell diagnosis and source, the subgroups."""
    if next(root.rglob("*_contour.*"), None) is None:
        return None
    named: dict[str, dict[tuple[Path, str], Path]] = {"orig": {}, "contour": {}}
    others = []
    for path in pictures_in(root, deep=True):
        if match := _DERMIS.match(stem(path)):
            named[match[2].lower()][path.parent, match[1]] = path
        else:
            others.append(path)
    if not named["orig"].keys() & named["contour"].keys():
        return None
    found = pair_by_key(named["orig"], named["contour"], others, root=root, layout="DermIS and DermQuest")
    for number, case in enumerate(found.cases):
        folders = [name.lower() for name in case.image.relative_to(root).parts[:-1]]
        groups = {group: name for group, names in _DERMIS_GROUPS.items() for name in names if name in folders}
        found.cases[number] = replace(case, attributes=groups)
    return found


def cvc(root: Path) -> Found | None:
    """CVC-ClinicDB: Original/ and "Ground Truth"/, also within PNG/ or TIF/; metadata.csv tells the videos."""
    place = next((p for p in (root, root / "PNG", root / "TIF") if {"original", "ground truth"} <= _names(p)), None)
    if place is None:
        return None
    found = generic.folders(place, "CVC-ClinicDB")
    if found is None:
        return None
    sequences = _sequences(root / "metadata.csv")
    if sequences:
        found.cases = [replace(c, patient=f"video {sequences[c.id]}") if c.id in sequences else c for c in found.cases]
        found.notes.append("Frames of one video (metadata.csv) stay together.")
    else:
        found.notes.append(
            "The pictures are frames of 29 videos, but metadata.csv, which says of which, is not here: frames of one "
            "video may lie on both sides of a split, and figures would be too good."
        )
    return found


def _single_pictures(folder: Path) -> Iterable[Path]:
    inner = (p for p in sorted(folder.iterdir()) if p.is_dir() and (p / "images").is_dir())
    return (p for p in inner if len(pictures_in(p / "images")) == 1)


def _names(folder: Path) -> set[str]:
    return set(subfolders(folder)) if folder.is_dir() else set()


def _sequences(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            rows = list(csv.DictReader(file))
    except (OSError, csv.Error) as error:
        raise ModicumError(f"is no valid CSV: {error}.", file=path, remedy="Download it again, or remove it.") from None
    return {r["frame_id"].strip(): r["sequence_id"].strip() for r in rows if r.get("frame_id") and r.get("sequence_id")}


def _with_group(case: Case) -> Case:
    match = _HRF.match(case.id)
    return replace(case, attributes={**case.attributes, "group": match[1].lower()}) if match else case


def _join(found: Found, other: Found) -> None:
    found.cases += other.cases
    found.notes += [n for n in other.notes if n not in found.notes]
    found.findings += other.findings
