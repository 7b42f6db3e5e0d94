"""Data sets of volumes laid out as their authors publish them."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from modicum.datasets.layouts.found import Found, pictures_in, stem
from modicum.datasets.layouts.pairing import pair_by_key
from modicum.errors import Finding
from modicum.images.formats import is_volume

_LITS = re.compile(r"^(test-)?(volume|segmentation)-(\d+)$", re.IGNORECASE)
_KIND = re.compile(r"^(.+)[_-](flair|t2f|t1|t1n|t1ce|t1c|t1gd|t2|t2w)$", re.IGNORECASE)
_SEGMENTATION = re.compile(r"^(.+)[_-]seg$", re.IGNORECASE)
_VISIT = re.compile(r"^(BraTS-\w+-\d+)-\d+-\w+$", re.IGNORECASE)


def lits(root: Path) -> Found | None:
    """LiTS: volume-N.nii with segmentation-N.nii, in one folder or in several; test-volume-N.nii has none."""
    if next(root.rglob("segmentation-*"), None) is None:
        return None
    named: dict[str, dict[str, Path]] = {"volume": {}, "segmentation": {}}
    others = []
    for path in _volumes(root):
        if (match := _LITS.match(stem(path))) is None:
            others.append(path)
        elif named[match[2].lower()].setdefault(f"{match[1] or ''}{match[3]}".lower(), path) != path:
            return None  # a number stands for more than one volume
    if not named["volume"].keys() & named["segmentation"].keys():
        return None
    found = pair_by_key(named["volume"], named["segmentation"], others, root=root, layout="LiTS")
    if not (root / "classes.json").is_file():
        found.classes = {"liver": 1, "tumour": 2}
        found.notes.append("Classes are those of LiTS: 1 liver, 2 tumour; classes.json can give others.")
    return found


def brats(root: Path) -> Found | None:
    """BraTS: NAME_flair, NAME_t1, NAME_t1ce, NAME_t2 (newer: t2f, t1n, t1c, t2w) and NAME_seg, usually a folder for each NAME.

    Volumes have one channel: FLAIR is read, which shows the whole of the tumour. Files of other names than BraTS's are read
    likewise if one of them has a segmentation. Numbers after the patient's (BraTS-GLI-00002-001) are visits of one patient.
    """
    if next(root.rglob("*[_-][tT]1*"), None) is None:
        return None
    scans: dict[tuple[Path, str], dict[str, Path]] = defaultdict(dict)
    labels, others = {}, []
    for path in _volumes(root):
        if match := _KIND.match(stem(path)):
            scans[path.parent, match[1]][match[2].lower()] = path
        elif match := _SEGMENTATION.match(stem(path)):
            labels[path.parent, match[1]] = path
        else:
            others.append(path)
    flair = {key: kinds.get("flair") or kinds["t2f"] for key, kinds in scans.items() if kinds.keys() & {"flair", "t2f"}}
    own = any(name.lower().startswith("brats") for _, name in flair)
    if not any(len(scans[key]) > 1 and (own or key in labels) for key in flair):
        return None
    without = [key for key in scans if key not in flair]
    usable = {key: path for key, path in labels.items() if key not in without}
    found = pair_by_key(flair, usable, others, root=root, layout="BraTS")
    found.cases = [replace(c, patient=match[1]) if (match := _VISIT.match(c.id)) else c for c in found.cases]
    for folder, name in without:
        problem = f"{name} has no FLAIR (flair, t2f), which is what is read of the others; it is left out."
        found.findings.append(Finding("error", "channel-missing", problem, str(folder), "Add it, or remove the patient."))
    kinds = ", ".join(sorted({kind for of_one in scans.values() for kind in of_one}))
    found.notes.append(
        f"Each patient has several kinds of MRI ({kinds}). Volumes have one channel: FLAIR (flair, t2f) alone is read; "
        "give predict that one alone, too. To read another kind, name its files in a manifest."
    )
    if own:
        meant = "1 is the necrotic core, 2 oedema, 4 (since 2023: 3) enhancing tumour"
        found.notes.append(f"Of gliomas before surgery, {meant}; classes.json can name them.")
    return found


def _volumes(root: Path) -> list[Path]:
    return [p for p in pictures_in(root, deep=True) if is_volume(p)]
