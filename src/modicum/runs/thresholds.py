"""The temperature of a model, then its threshold or its two of hysteresis: chosen on validation pictures, as it sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from modicum.bundle import Bundle, class_numbers
from modicum.console import bar
from modicum.evaluation.curves import ProbabilityHistogram, steady_choice, steady_threshold
from modicum.evaluation.metrics import Counts, count, rates
from modicum.inference.calibration import drawn, fitted_temperature, tempered
from modicum.views import TrainingPicture

_Numbers = npt.NDArray[np.uint8]
_Mask = npt.NDArray[np.bool_]
_PICTURES = 40
_LOW, _HIGH = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5), (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)


class _Answer(NamedTuple):
    """What the model says of a picture, a slice or a volume, beside the truth."""

    name: str  # under which it is measured, as in testing: of a slice that of its volume
    patient: str
    probability: npt.NDArray[np.float16]
    truth: _Numbers
    valid: _Mask | None
    image: _Numbers


def with_threshold(
    bundle: Bundle,
    validation: Callable[[int], Sequence[TrainingPicture]],
    *,
    bf16: bool,
    volumes: Mapping[str, str],
    patients: Mapping[str, str] | None = None,
) -> Bundle:
    """The bundle with its temperature, and the threshold of its recipe or, where that is left to be chosen, a good one.

    A recipe that sets its threshold speaks of the network's own probabilities, which are then left as they are. Several
    classes compete by the highest probability and have no threshold.

    Args:
        validation: about so many pictures of validation, as they are on disk; without any the temperature is 1, the
            threshold .5, and 0 the lower one of hysteresis.
        volumes: of each slice, by its case, the volume that it is measured with; empty for pictures. Finishing steps are left
            out of account where there are some: they are for whole volumes. So they are where labels show a region of which
            the steps take the tissue.
        patients: of each case, where they are known; their pictures count as one.
    """
    finish, unfinished = bundle.recipe.finish, bool(volumes) or bundle.recipe.by_region
    fixed = replace(
        bundle,
        threshold=0.5 if finish.threshold == "auto" else finish.threshold,
        low=None if len(bundle.classes) > 1 else 0.0 if finish.low == "auto" else finish.low,
    )
    pictures = validation(_PICTURES) if "auto" in (finish.threshold, finish.low) else ()
    if not pictures:
        return fixed
    answers = _answers(bundle, pictures, volumes, patients or {}, bf16=bf16)
    if finish.threshold == "auto":
        generator = np.random.default_rng(bundle.recipe.seed)
        temperature = fitted_temperature(drawn(a.probability, a.truth, a.valid, generator) for a in answers)
        fixed = replace(fixed, temperature=temperature)
        answers = [a._replace(probability=tempered(a.probability, temperature)) for a in answers]
    if len(bundle.classes) > 1:
        return fixed
    if fixed.low is None and (unfinished or not finish.steps):  # by single pixels, not by masks
        histograms = _histograms(answers)
        return replace(fixed, threshold=steady_threshold([*histograms.values()], _patients(answers, histograms)))
    low, high = _decided(fixed.unfinished if unfinished else fixed, answers)
    return replace(fixed, low=low, threshold=high)


def _answers(
    bundle: Bundle,
    pictures: Sequence[TrainingPicture],
    volumes: Mapping[str, str],
    patients: Mapping[str, str],
    *,
    bf16: bool,
) -> list[_Answer]:
    segmenter, found = bundle.segmenter(bf16=bf16, prepared=True), []
    with bar("Choosing the threshold", len(pictures)) as progress:
        for picture in pictures:
            truth = _depth_first(picture.label)
            valid = None if picture.valid is None else _depth_first(picture.valid).astype(bool)
            probability = segmenter.look(picture.image, bundle.true_mask(picture.label)).probability
            name = volumes.get(picture.case_id, picture.case_id)
            patient = patients.get(picture.case_id) or name
            found.append(_Answer(name, patient, probability, truth, valid, picture.image))
            progress.step()
    return found


def _histograms(answers: Sequence[_Answer]) -> dict[str, ProbabilityHistogram]:
    """One of each picture or volume."""
    found: dict[str, ProbabilityHistogram] = {}
    for a in answers:
        found.setdefault(a.name, ProbabilityHistogram()).add(a.probability[0], a.truth > 0, a.valid)
    return found


def _patients(answers: Sequence[_Answer], names: Iterable[str]) -> list[str]:
    """Of each picture or volume."""
    known = {a.name: a.patient for a in answers}
    return [known[name] for name in names]


def _depth_first(slices: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """(D, H, W) of the slices (H, W, D) of a volume; a mask (H, W) as it is."""
    return np.moveaxis(slices, -1, 0) if slices.ndim == 3 else slices


def _decided(bundle: Bundle, answers: Sequence[_Answer]) -> tuple[float | None, float]:
    """The pair next to the bundle's own that is as good as the best, as far as pictures can tell; low None: no hysteresis."""
    finish = bundle.recipe.finish
    lows = _LOW if finish.low == "auto" else (bundle.low,)
    highs = _HIGH if finish.threshold == "auto" else (bundle.threshold,)
    pairs = [(low, high) for low, high in product(lows, highs) if (low or 0.0) <= high] or [(lows[0], lows[0] or 0.0)]
    pixels: dict[str, npt.NDArray[np.int64]] = {}  # of each picture or volume, those of each kind for every pair
    for a in answers:
        masks = (class_numbers(a.probability, replace(bundle, low=low, threshold=high), a.image) > 0 for low, high in pairs)
        kinds = np.array([count(mask, a.truth > 0, a.valid) for mask in masks], np.int64)
        pixels[a.name] = pixels.get(a.name, 0) + kinds
    dice = np.stack([rates(Counts(*kinds.T))["dice"] for kinds in pixels.values()])
    own = np.array([abs((low or 0.0) - (bundle.low or 0.0)) + abs(high - bundle.threshold) for low, high in pairs])
    return pairs[steady_choice(dice, own, _patients(answers, pixels))]
