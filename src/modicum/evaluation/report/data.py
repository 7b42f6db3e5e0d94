"""What a report is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from modicum.errors import Finding
from modicum.evaluation.curves import ProbabilityHistogram

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
    examples: Sequence[Example] = ()
    findings: Sequence[Finding] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()  # how the figures were made, in words
