"""Signs of trouble in predictions, and what they are worth: learned from validation pictures, as they are and made worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from modicum.bundle import Bundle, class_numbers
from modicum.console import bar
from modicum.evaluation import binary_metrics
from modicum.inference import at_scale
from modicum.inference.trust import Signs, Trust, mask_shape, mean_expected_dice
from modicum.runs.describing import Description
from modicum.runs.drawing import some_of
from modicum.runs.material import Training
from modicum.runs.pictures import load_training
from modicum.views import TrainingPicture

_MOST = 40  # training pictures that are described, and validation pictures that are looked at
_FEWEST = 8  # validation pictures from which weights are learned

Pixels = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.uint8]


class Judge:
    """Gathers the signs of one prediction after the other.

    Args:
        prepared: pictures come as working pixels, to which the recipe's preparations were applied already.
        scale: at which the pictures are seen.
    """

    def __init__(self, bundle: Bundle, *, prepared: bool = False, scale: float = 1.0) -> None:
        self.bundle = bundle
        # A mean over flips would answer a mirror alike.
        self.segmenter = at_scale(bundle.segmenter(flips=False, prepared=prepared), scale)
        self.describe = None if bundle.trust is None else Description(bundle)

    def signs(self, picture: npt.NDArray[Any], probability: npt.NDArray[np.float16], numbers: Numbers) -> Signs:
        """Of a picture (H, W, C), its probability maps (K, H, W) and its class numbers (H, W).

        Only where they have learned weights is the picture segmented once more, mirrored.
        """
        expected, trust = mean_expected_dice(probability, numbers), self.bundle.trust
        if trust is None or self.describe is None:
            return Signs(expected)
        distance = trust.distance(self.describe(self.segmenter.pixels(picture)))
        signs = Signs(expected, distance=distance, shape=mask_shape(numbers > 0))
        return signs if trust.weights is None else replace(signs, mirrored_dice=self._mirrored(picture, numbers))

    def verdict(self, signs: Signs, numbers: Numbers) -> tuple[float, str]:
        """The Dice to be expected of class numbers with these signs, and in words why it may be less."""
        trust = self.bundle.trust
        reasons = ["nothing was found"] if not numbers.any() else []
        if trust is None:
            return signs.expected_dice, "; ".join(reasons)
        return trust.quality(signs), "; ".join([*reasons, *trust.reasons(signs)])

    def _mirrored(self, picture: npt.NDArray[Any], numbers: Numbers) -> float:
        other = np.ascontiguousarray(picture[:, ::-1])
        found = class_numbers(self.segmenter.probabilities(other), self.bundle, other)
        return mean_dice(numbers, found[:, ::-1], len(self.bundle.classes))


def with_trust(bundle: Bundle, training: Training) -> Bundle:
    """The bundle with what it must know to judge its own predictions.

    As it is where it does not segment whole pictures, or has learned from marks.

    Weights are learned where there are at least eight validation pictures: each is looked at as it is and once blurred,
    darkened or noisy, because pictures like those of the training do not show what trouble looks like.
    """
    recipe, dataset = training.recipe, training.dataset
    if bundle.upper_bound or recipe.by_region or recipe.finds_centres or recipe.images.block is not None:
        return bundle
    cases = {c.id: c for c in dataset.labelled}
    if dataset.code.unmarked is not None or recipe.leaves_pixels_out:  # marks tell neither size nor shape
        return bundle
    if any(c.slice is not None for c in cases.values()) or len(training.split.train) < 2:
        return bundle

    def read(names: Sequence[str]) -> list[TrainingPicture]:
        chosen = some_of([cases[name] for name in names], _MOST, seed=recipe.seed)
        return load_training(chosen, dataset, lambda p: p, bundle.intensity.channels, images=recipe.images)

    describe, train = Description(bundle), read(training.split.train)
    known = Trust.of(np.stack([describe(p.image) for p in train]), [mask_shape(p.label > 0) for p in train])
    if len(training.split.val) < _FEWEST:
        return replace(bundle, trust=known)
    judged = replace(bundle, trust=replace(known, weights=(0.0,) * 5))  # any weights: all signs are wanted
    signs, dice = _experience(judged, read(training.split.val), np.random.default_rng(recipe.seed))
    return replace(bundle, trust=replace(known, weights=known.fitted(signs, dice)))


def _experience(
    bundle: Bundle, pictures: Sequence[TrainingPicture], rng: np.random.Generator
) -> tuple[list[Signs], list[float]]:
    """Signs and true Dice of validation pictures, as they are and made worse."""
    segmenter, judge = bundle.segmenter(prepared=True), Judge(bundle, prepared=True)
    signs, dice = [], []
    with bar("Learning when to trust it", len(pictures)) as progress:
        for picture in pictures:
            valid = None if picture.valid is None else picture.valid.astype(bool)
            for image in (picture.image, made_worse(picture.image, rng)):
                probability = segmenter.probabilities(image)
                numbers = class_numbers(probability, bundle, image)
                signs.append(judge.signs(image, probability, numbers))
                dice.append(mean_dice(numbers, picture.label, len(bundle.classes), valid))
            progress.step()
    return signs, dice


def made_worse(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """A picture (H, W, C) blurred, darkened or noisy, slightly or badly."""
    strength = rng.uniform(0.1, 1)
    match rng.integers(3):
        case 0:
            worse = cv2.GaussianBlur(pixels, (0, 0), 0.03 * strength * max(pixels.shape[:2]) + 0.1)
        case 1:
            worse = 255 * (pixels / 255) ** (1 + 2 * strength) * (1 - 0.5 * strength)
        case _:
            worse = pixels + rng.normal(0, 70 * strength, pixels.shape)
    return np.clip(np.rint(worse), 0, 255).astype(np.uint8).reshape(pixels.shape)


def mean_dice(found: Numbers, true: Numbers, classes: int, valid: npt.NDArray[np.bool_] | None = None) -> float:
    """Dice of class numbers (H, W), averaged over the classes in either; 1 where there is none, as an `Evaluator` has it."""
    inside = np.ones(true.shape, bool) if valid is None else valid
    present = [k for k in range(1, classes + 1) if ((found == k) | (true == k))[inside].any()]
    each = [binary_metrics(found == k, true == k, valid, distances=False)["dice"] for k in present]
    return float(np.mean(each)) if each else 1.0
