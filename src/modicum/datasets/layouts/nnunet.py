"""nnU-Net raw data sets and the Medical Segmentation Decathlon: dataset.json, imagesTr, labelsTr, imagesTs."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from modicum.datasets.case import Case, Part
from modicum.datasets.layouts.found import Found, pictures_in, stem
from modicum.errors import Finding, ModicumError
from modicum.images.formats import is_volume

_CHANNEL = re.compile(r"^(.*)_(\d{4})$")


def read(root: Path) -> Found | None:
    """A folder with imagesTr and labelsTr, or whose dataset.json lists its training pictures.

    Raises:
        ModicumError: pictures with several channels in files of their own, or a dataset.json that is no JSON or names no
            files or numbers where they belong.
    """
    described = _describe(root / "dataset.json")
    listed = described.get("training")
    if not (root / "imagesTr").is_dir() and not isinstance(listed, list):
        return None
    folder = pictures_in(root / "imagesTr")
    if isinstance(listed, list) and not any(_CHANNEL.match(stem(p)) for p in folder):
        found = _decathlon(root, listed)
    else:
        found = _nnunet(root)
    named = described.get("channel_names") or described.get("modality")
    if isinstance(named, dict) and len(named) > 1 and any(is_volume(c.image) for c in found.cases):
        names = [str(n) for n in named.values()]
        found.notes.append(f"dataset.json names the channels {', '.join(names)}: what is read of several is {names[0]}.")
    found.classes = _classes(described.get("labels"), root / "dataset.json")
    return found


def _nnunet(root: Path) -> Found:
    found = Found("nnU-Net", [])
    for images, labels, part in (("imagesTr", "labelsTr", "train"), ("imagesTs", "labelsTs", "test")):
        by_stem = {stem(p): p for p in pictures_in(root / labels)}
        prescribed: Part | None = None
        if part == "test" and by_stem:
            prescribed = "test"
        for name, image in _first_channel(pictures_in(root / images), found).items():
            label = by_stem.pop(name, None)
            found.cases.append(Case(name, image, (label,) if label else (), part=prescribed))
        found.findings += [_orphan(p) for p in by_stem.values()]
    return found


def _first_channel(files: list[Path], found: Found) -> dict[str, Path]:
    """By name the only file, or of volumes with several channels that of the first."""
    channels: dict[str, list[Path]] = defaultdict(list)
    for path in files:
        match = _CHANNEL.match(stem(path))
        channels[match[1] if match else stem(path)].append(path)
    several = {name: paths for name, paths in channels.items() if len(paths) > 1}
    for name, paths in several.items():
        if not all(map(is_volume, paths)):
            raise ModicumError(
                f"'{name}' has {len(paths)} channels in files of their own ({', '.join(p.name for p in paths)}); "
                "that cannot be read yet.",
                file=paths[0],
                remedy="Join the channels into one RGB picture, or keep only _0000.",
            )
    if several:
        said = "have several channels in files of their own: NAME_0000 alone is read. Give predict that one alone, too"
        found.notes.append(f"{len(several)} volumes of {files[0].parent.name}/ {said}.")
        for name in [n for n, paths in channels.items() if not stem(paths[0]).endswith("_0000")]:
            problem = "this volume has no file of the first channel (NAME_0000), which is what is read of the others."
            remedy = "Add it, or remove the volume."
            found.findings.append(Finding("error", "channel-missing", problem, str(channels.pop(name)[0]), remedy))
    return {name: paths[0] for name, paths in channels.items()}


def _decathlon(root: Path, listed: list[Any]) -> Found:
    found = Found("Decathlon", [])
    for entry in listed:
        image, label = _files(entry, root)
        missing = next((p for p in (image, label) if p is not None and not p.is_file()), None)
        if missing is not None:
            remedy = "Correct dataset.json, or add the file."
            message = "dataset.json names this file, which does not exist."
            found.findings.append(Finding("error", "file-missing", message, str(missing), remedy))
            continue
        found.cases.append(Case(stem(image), image, (label,) if label else ()))
    for path in pictures_in(root / "imagesTs"):
        found.cases.append(Case(stem(path), path))
    return found


def _files(entry: Any, root: Path) -> tuple[Path, Path | None]:
    """Picture and label of an entry {"image": "./imagesTr/x.png", "label": "./labelsTr/x.png"}."""
    image, label = (entry.get("image"), entry.get("label")) if isinstance(entry, dict) else (None, None)
    if not isinstance(image, str) or not image or not isinstance(label, str | None):
        raise ModicumError(
            f"an entry of 'training' names no image, or not one label: {entry!r:.80}.",
            file=root / "dataset.json",
            remedy='Write {"image": "./imagesTr/NAME.png", "label": "./labelsTr/NAME.png"}.',
        )
    return root / image, root / label if label else None


def _describe(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        described = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise ModicumError(f"is no valid JSON: {error}.", file=path, remedy="Correct it, or remove it.") from None
    return described if isinstance(described, dict) else {}


def _classes(labels: Any, file: Path) -> dict[str, Any] | None:
    """Class name -> value, from {"vessel": 1} (nnU-Net v2) or {"1": "vessel"} (v1 and Decathlon)."""
    if not isinstance(labels, dict):
        return None
    classes: dict[str, Any] = {}
    for key, value in labels.items():
        name, number = (value, key) if isinstance(value, str) and key.isdecimal() else (key, value)
        if isinstance(number, list):
            raise ModicumError(
                f"the class '{name}' is a region of several labels; that cannot be read yet.",
                file=file,
                remedy="Give each label its own class in dataset.json.",
            )
        if name.lower() != "background" and (whole := _whole(name, number, file)) != 0:
            classes[name] = whole
    return classes or None


def _whole(name: str, number: Any, file: Path) -> int:
    if isinstance(number, str) and number.isdecimal():
        return int(number)
    if isinstance(number, int | float) and not isinstance(number, bool) and number == number // 1 and number >= 0:
        return int(number)
    raise ModicumError(
        f"the class '{name}' has the value {number!r:.40}, which is no label number.",
        file=file,
        remedy='Write {"background": 0, "vessel": 1}: a whole number for each class.',
    )


def _orphan(path: Path) -> Finding:
    remedy = "Add the picture (NAME_0000 in the images folder), or remove the label."
    return Finding("error", "label-without-image", "this label has no picture of the same name.", str(path), remedy)
