"""A bundle on new pictures: masks in the size and under the name of the input."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from modicum.bundle import Bundle, class_numbers
from modicum.console import bar
from modicum.errors import ModicumError
from modicum.evaluation import overlay
from modicum.images import is_picture, read_picture, write_mask, write_picture
from modicum.images.intensity import working_pixels
from modicum.inference import Segmenter


@dataclass(frozen=True)
class Predicted:
    """What was written, and which inputs could not be read."""

    written: tuple[Path, ...]
    failed: tuple[ModicumError, ...]


def mask_values(numbers: npt.NDArray[np.uint8], bundle: Bundle) -> npt.NDArray[Any]:
    """Class numbers as the values that the labels had, uint8 or, where it must be, uint16: 0/255 for one class."""
    values = np.array([0, *bundle.label_values], np.uint8 if max(bundle.label_values) < 256 else np.uint16)
    return np.asarray(values[numbers])


def predict(
    bundle: Bundle,
    inputs: Sequence[str],
    out: Path,
    *,
    probabilities: bool = False,
    overlays: bool = False,
    flips: bool | None = None,
) -> Predicted:
    """Segment files, folders (their pictures) and globs; a file that cannot be read is reported and the rest goes on.

    Masks are `out/NAME.png`; probabilities `out/probabilities/NAME.png` (16 bit, 65535 is 1; `NAME_CLASS.png` for several
    classes); overlays `out/overlays/NAME.png`.

    Raises:
        ModicumError: no input at all, the output cannot be written, or a mask would replace a picture.
    """
    paths = _names(expand(inputs))
    _refuse_to_replace(paths, out)
    segmenter = bundle.segmenter(flips=flips)
    written, failed = [], []
    with bar(f"Segmenting {len(paths)} pictures", len(paths)) as progress:
        for name, path in paths.items():
            try:
                picture = read_picture(path)
                probability = _segment(segmenter, picture, path)
            except ModicumError as error:
                failed.append(error)
            else:
                written.append(_write(out, name, picture, probability, bundle, probabilities, overlays))
            progress.step()
    return Predicted(tuple(written), tuple(failed))


def expand(inputs: Iterable[str]) -> list[Path]:
    """Every picture that files, folders and globs name, in order, each once.

    Raises:
        ModicumError: something named does not exist, or no picture is found.
    """
    found: dict[Path, None] = {}
    for one in inputs:
        path = Path(one)
        if path.is_dir():
            found |= dict.fromkeys(sorted(p for p in path.iterdir() if p.is_file() and is_picture(p)))
        elif path.exists():
            found[path] = None
        elif matches := sorted(glob(one, recursive=True)):
            found |= dict.fromkeys(Path(m) for m in matches if Path(m).is_file())
        else:
            raise ModicumError("there is no such file or folder.", file=path)
    if not found:
        raise ModicumError("no picture was found in: " + ", ".join(inputs), remedy="Give picture files or their folder.")
    return list(found)


def _names(paths: Sequence[Path]) -> dict[str, Path]:
    """A name for each output; inputs of one stem keep their suffix or folder apart, so that none overwrites another."""
    named: dict[str, Path] = {}
    stems = [p.stem for p in paths]
    for path in paths:
        name = path.stem if stems.count(path.stem) == 1 else path.name.replace(".", "_")
        while name in named:
            name = f"{path.parent.name}_{name}" if path.parent.name not in name else f"{name}_"
        named[name] = path
    return named


def _refuse_to_replace(paths: dict[str, Path], out: Path) -> None:
    pictures = {p.resolve() for p in paths.values()}
    for name in paths:
        for folder in (out, out / "probabilities", out / "overlays"):
            if (folder / f"{name}.png").resolve() in pictures:
                raise ModicumError(
                    "the mask would replace this picture.", file=folder / f"{name}.png", remedy="Choose another --out."
                )


def _segment(segmenter: Segmenter, picture: npt.NDArray[Any], path: Path) -> npt.NDArray[np.float16]:
    try:
        return segmenter.probabilities(picture)
    except ModicumError as error:
        raise ModicumError(error.problem, file=path, remedy=error.remedy) from None


def _write(
    out: Path,
    name: str,
    picture: npt.NDArray[Any],
    probability: npt.NDArray[np.float16],
    bundle: Bundle,
    probabilities: bool,
    overlays: bool,
) -> Path:
    numbers = class_numbers(probability, bundle)
    try:
        for wanted, folder in ((True, out), (probabilities, out / "probabilities"), (overlays, out / "overlays")):
            if wanted:
                folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModicumError(
            f"cannot write there ({error.strerror}).", file=out, remedy="Choose another folder with --out."
        ) from None
    write_mask(out / f"{name}.png", mask_values(numbers, bundle))
    if probabilities:
        for k, class_name in enumerate(bundle.classes):
            label = name if len(bundle.classes) == 1 else f"{name}_{class_name}"
            write_mask(
                out / "probabilities" / f"{label}.png", np.round(probability[k].astype(np.float32) * 65535).astype(np.uint16)
            )
    if overlays:
        write_picture(out / "overlays" / f"{name}.png", overlay(working_pixels(picture, 3), numbers))
    return out / f"{name}.png"
