"""What a report is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from modicum.errors import Finding
from modicum.evaluation.curves import ProbabilityHistogram
from modicum.evaluation.pictures import Box
from modicum.evaluation.sizes import Measured

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Example:
    """A picture to show, with what was found in it."""

    case_id: str
    dice: float  # mean over classes
    image: npt.NDArray[np.uint8]  # (H, W, 3)
    truth: npt.NDArray[np.uint8]  # (H, W) class numbers
    prediction: npt.NDArray[np.uint8]  # (H, W) class numbers
    valid: npt.NDArray[Any] | None = None  # (H, W); pixels that counted
    role: str = "median"  # best, median or worst


@dataclass(frozen=True)
class SecondLook:
    """What the second network of a two-step method saw of one test picture."""

    case_id: str
    dice: float  # mean over classes
    image: npt.NDArray[np.uint8]  # (H, W, 3)
    rough: npt.NDArray[np.uint8] | npt.NDArray[np.bool_]  # (H, W) what the localiser marked; zero where it found nothing
    centres: tuple[tuple[float, float], ...]  # (y, x) in pixels of the picture; the first is that of what is shown
    boxes: tuple[Box, ...]  # what was cut out, in pixels of the picture; the first is what is shown; none for polar
    shown: npt.NDArray[np.uint8]  # (h, w, 3) the transformed picture that the second network saw; the first of several
    answer: npt.NDArray[np.uint8]  # (h, w) class numbers that it answered, in the transformed picture
    shown_truth: npt.NDArray[np.uint8]  # (h, w) the truth in the transformed picture
    prediction: npt.NDArray[np.uint8]  # (H, W) the final class numbers
    truth: npt.NDArray[np.uint8]  # (H, W) class numbers
    views: int = 1  # how many such views of this picture there were
    found: bool = True  # False: the localiser found nothing and the whole picture was shown


@dataclass(frozen=True)
class PseudoLabelled:
    """An unlabelled picture as a model labelled it, small."""

    case_id: str
    image: npt.NDArray[np.uint8]  # (h, w, 3)
    numbers: npt.NDArray[np.uint8]  # (h, w) class numbers
    share: float  # of foreground
    confidence: float  # mean probability of what was found
    reason: str = ""  # why it was not believed; "" if it was


@dataclass(frozen=True)
class StepFigures:
    """The test figures of one step of a method, or of the method under other conditions."""

    name: str  # "first network alone", "labelled pictures alone", "both networks", "with true places"
    dice: Mapping[str, Any]  # like summary["dice"]: mean, ci95, median, sd, n
    upper_bound: bool = False  # made with the true mask: no new picture can have it
    difference: Mapping[str, Any] | None = None  # mean, ci95, p of this minus the first row, paired


@dataclass(frozen=True)
class ReportData:
    """Everything that the report shows; what is empty is left out."""

    title: str
    headline: Mapping[str, Any]  # summary["dice"]
    summary: Mapping[str, Any]  # Evaluator.summary()
    table: pd.DataFrame  # Evaluator.table()
    classes: Sequence[str]
    subtitle: str = ""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    reasons: Sequence[str] = ()  # why each choice was made
    split_reason: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)  # train, val, test, unlabelled; or labelled, folds
    history: pd.DataFrame | None = None  # epoch, train_loss, val_loss, val_dice, learning_rate, seconds
    histograms: Sequence[ProbabilityHistogram] = ()  # one for each class
    temperature: float = 1.0  # by which all logits were divided; 1 as well where not all were by the same
    examples: Sequence[Example] = ()
    findings: Sequence[Finding] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()  # how the figures were made, in words
    second_looks: Sequence[SecondLook] = ()  # of a two-step method
    steps: Sequence[StepFigures] = ()  # of a method of several steps; the first row is what the others are compared with
    volumes: Mapping[str, Measured] = field(default_factory=dict)  # Evaluator.volumes()
    slices: Mapping[str, Measured] = field(default_factory=dict)  # Evaluator.slices()
    pseudo: Sequence[PseudoLabelled] = ()  # some that were believed and some that were not
    pseudo_words: str = ""  # how many were believed, and what decided


@dataclass(frozen=True)
class Point:
    """One recipe with one number of labels."""

    labels: int
    dice: float
    ci95: Sequence[float]
    repetitions: Sequence[float]  # mean Dice of each


@dataclass(frozen=True)
class Curve:
    """One recipe."""

    recipe: str
    points: Sequence[Point]
    ahead: Sequence[Point] = ()  # what more labels are expected to bring


@dataclass(frozen=True)
class ComparisonData:
    """What the page shows."""

    title: str
    curves: Sequence[Curve]
    summary: Mapping[str, Any]  # comparison.json
