"""A bundle on new pictures: masks in the size and under the name of the input."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from modicum.bundle import Bundle, class_numbers, refuse_picture, volume_probabilities
from modicum.console import bar, say
from modicum.datasets.inputs import PassedOver, expand
from modicum.datasets.layouts.found import stem
from modicum.errors import ModicumError
from modicum.evaluation import overlay
from modicum.images import read_picture, write_mask, write_picture
from modicum.images.intensity import working_pixels
from modicum.images.volumes import is_volume, read_volume, write_volume_mask
from modicum.inference import Predictor, at_scale
from modicum.runs.quality import Quality
from modicum.runs.scaling import sees_own_size, surest_scale

_FORBIDDEN = re.compile(r'[\\/:*?"<>|\s]+')  # in the name of a file, on some system


@dataclass(frozen=True)
class Predicted:
    """What was written, and which inputs could not be read."""

    written: tuple[Path, ...]
    failed: tuple[ModicumError, ...]


def mask_values(numbers: npt.NDArray[np.uint8], bundle: Bundle) -> npt.NDArray[Any]:
    """Class numbers as the values that the labels had, uint8 or, where it must be, uint16: 0/255 for one class."""
    values = np.array([0, *bundle.label_values], np.uint8 if max(bundle.label_values) < 256 else np.uint16)
    return np.asarray(values[numbers])


def volume_values(numbers: npt.NDArray[np.uint8], bundle: Bundle) -> npt.NDArray[np.uint8]:
    """Class numbers as they are written into volumes: as the labels had them, or 1, 2, ... where those would not say more."""
    if len(bundle.classes) == 1 or max(bundle.label_values) > 255:
        return numbers
    return np.asarray(mask_values(numbers, bundle), np.uint8)


def predict(
    bundle: Bundle,
    inputs: Sequence[str],
    out: Path,
    *,
    probabilities: bool = False,
    overlays: bool = False,
    flips: bool | None = None,
    scale: float | Literal["auto"] | None = None,
) -> Predicted:
    """Segment files, folders (their pictures) and globs; a file that cannot be read is reported and the rest goes on.

    Masks of pictures are `out/NAME.png`; probabilities `out/probabilities/NAME.png` (16 bit, 65535 is 1; `NAME_CLASS.png` for
    several classes); overlays `out/overlays/NAME.png`. The mask of a volume has its format and geometry (of DICOM it is a
    segmentation object), and `out/volumes.csv` says how many millilitres each class has; probabilities and overlays are not
    written for volumes. `out/quality.csv` says of each what Dice is to be expected and why it may be less, the worst
    first, and `out/quality/worst.png` shows the first forty.

    Args:
        scale: of height and width, at which pictures are shown to the model: below 1 for those of a camera with a higher
            resolution than that of the training pictures. "auto": where it is surest of a few of them. None: 1, and what
            "auto" would choose is said where that is another.

    Raises:
        ModicumError: no input at all, the output cannot be written, or a mask would replace a picture.
    """
    passed_over = PassedOver()
    paths = _names(expand(inputs, passed_over))
    for sentence in passed_over.told("Not segmented"):
        say(sentence)
    _refuse_to_replace(paths, out)
    scale = _scale(bundle, list(paths.values()), scale)
    plain = bundle.segmenter(flips=flips)
    segmenter, quality = at_scale(plain, scale), Quality(bundle, scale)
    written, failed, millilitres = [], [], []
    with bar(f"Segmenting {_announced(bundle, list(paths.values()), more=probabilities or overlays)}", len(paths)) as progress:
        for name, path in paths.items():
            try:
                if is_volume(path):
                    done, sizes = _segment_volume(plain, bundle, path, name, out, quality)
                    written.append(done)
                    millilitres.append({"name": name, **sizes})
                    progress.step()
                    continue
                refuse_picture(bundle, path)
                picture = read_picture(path)
                probability = _segment(segmenter, picture, path)
                numbers = class_numbers(probability, bundle, picture)
                quality.add(name, path, picture, probability, numbers)
            except ModicumError as error:
                failed.append(error)
            else:
                written.append(_write(out, name, picture, probability, numbers, bundle, probabilities, overlays))
            progress.step()
    if millilitres:
        _table(out / "volumes.csv", millilitres)
    if written:
        _folder(out / "quality")
        rows = quality.write(out / "quality" / "worst.png")
        if empty := [one.name for one in quality.judged if one.empty]:
            say(f"{len(empty)} of {len(rows)} masks are empty, such as {empty[0]}.")
        _table(out / "quality.csv", rows)
    return Predicted(tuple(written), tuple(failed))


def _announced(bundle: Bundle, paths: Sequence[Path], *, more: bool) -> str:
    """What there is to be segmented, in words; what must be known of it is said. `more`: masks are not all that is wanted."""
    volumes = sum(map(is_volume, paths))
    kinds = {"picture": len(paths) - volumes, "volume": volumes}
    if volumes and more:
        say("Probability maps and overlays are written for pictures alone: of volumes there will be masks.")
    learned = bundle.provenance.get("volumes")
    if learned is not None and kinds["picture" if learned else "volume"]:
        told = ("slices of volumes", "pictures") if learned else ("pictures", "volumes")
        say(f"warning: the model has learned from {told[0]}, and these are {told[1]}: look at every result.")
    return " and ".join(f"{number} {kind}{'s' * (number != 1)}" for kind, number in kinds.items() if number)


def _scale(bundle: Bundle, paths: Sequence[Path], wanted: float | Literal["auto"] | None) -> float:
    """The scale to be used, chosen or advised where the model sees pictures in their own resolution."""
    if isinstance(wanted, float | int):
        if not 0.05 <= wanted <= 8:
            raise ModicumError(f"the scale cannot be {wanted:g}: 0.05 to 8 are possible.")
        return float(wanted)
    if not sees_own_size(bundle):
        return 1.0
    best, expected = surest_scale(bundle, paths)
    if best == 1:
        return 1.0
    dice = f"expected Dice {expected[best]:.2f}, else {expected[1]:.2f}"
    sure = f"the model is surer of these pictures at {best:g} of their size ({dice})"
    if wanted == "auto":
        say(f"Scale {best:g}: {sure}.")
        return best
    say(f"warning: {sure}. Compare --scale {best:g}.")
    return 1.0


def _segment_volume(
    segmenter: Predictor, bundle: Bundle, path: Path, name: str, out: Path, quality: Quality
) -> tuple[Path, dict[str, float]]:
    """The mask that was written, and the millilitres of each class."""
    volume = read_volume(path)
    if volume.channels > 1:
        say(f"{path.name} holds {volume.channels} channels: its first alone is segmented, as in training.")
    for remark in volume.remarks:
        say(f"warning: {name}: {remark}")
    found = volume_probabilities(segmenter, bundle, volume)
    numbers = class_numbers(found, bundle, volume.values, volume.spacing)
    quality.add(name, path, volume.values, found, numbers)
    _folder(out)
    values = numbers if volume.write.suffix == ".dcm" else volume_values(numbers, bundle)  # DICOM names its segments
    written = write_volume_mask(volume, values, out, name, bundle.classes)
    sizes = {f"{c}_ml": round(float((numbers == k).sum()) * volume.voxel_ml, 4) for k, c in enumerate(bundle.classes, 1)}
    return written, sizes


def _table(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise ModicumError(f"cannot be written ({error.strerror}).", file=path) from None


def _folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModicumError(
            f"cannot write there ({error.strerror}).", file=path, remedy="Choose another folder with --out."
        ) from None


def _names(paths: Sequence[Path]) -> dict[str, Path]:
    """A name for each output; inputs of one stem keep their suffix or folder apart, so that none overwrites another."""
    named: dict[str, Path] = {}
    alike: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        alike[stem(path)].append(path)
    for path in paths:
        name = own = stem(path)
        if len(alike[own]) > 1:
            apart = len({p.parent.name for p in alike[own]}) == len(alike[own])
            name = f"{path.parent.name}_{own}" if apart else path.name.replace(".", "_")
        while name in named:
            name = f"{path.parent.name}_{name}" if path.parent.name not in name else f"{name}_"
        named[name] = path
    return named


def _refuse_to_replace(paths: dict[str, Path], out: Path) -> None:
    pictures = {p.resolve() for p in paths.values()}
    for name, path in paths.items():
        if is_volume(path) and path.resolve().parent == out.resolve():
            raise ModicumError("the mask would replace this volume.", file=path, remedy="Choose another --out.")
        for folder in (out, out / "probabilities", out / "overlays"):
            if (folder / f"{name}.png").resolve() in pictures:
                raise ModicumError(
                    "the mask would replace this picture.", file=folder / f"{name}.png", remedy="Choose another --out."
                )


def _segment(segmenter: Predictor, picture: npt.NDArray[Any], path: Path) -> npt.NDArray[np.float16]:
    try:
        return segmenter.probabilities(picture)
    except ModicumError as error:
        raise ModicumError(error.problem, file=path, remedy=error.remedy) from None


def _write(
    out: Path,
    name: str,
    picture: npt.NDArray[Any],
    probability: npt.NDArray[np.float16],
    numbers: npt.NDArray[np.uint8],
    bundle: Bundle,
    probabilities: bool,
    overlays: bool,
) -> Path:
    for wanted, folder in ((True, out), (probabilities, out / "probabilities"), (overlays, out / "overlays")):
        if wanted:
            _folder(folder)
    write_mask(out / f"{name}.png", mask_values(numbers, bundle))
    if probabilities:
        for k, class_name in enumerate(bundle.classes):
            label = name if len(bundle.classes) == 1 else f"{name}_{_FORBIDDEN.sub('-', class_name)}"
            write_mask(
                out / "probabilities" / f"{label}.png", np.round(probability[k].astype(np.float32) * 65535).astype(np.uint16)
            )
    if overlays:
        write_picture(out / "overlays" / f"{name}.png", overlay(working_pixels(picture, 3), numbers))
    return out / f"{name}.png"
