"""What the newest model says of a picture: computed when it is first asked for, then kept."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from modicum.datasets import Case, load_picture
from modicum.errors import ModicumError
from modicum.images import read_mask, write_mask
from modicum.images.formats import picture_suffix
from modicum.images.volumes import cached_mask, cached_volume, mask_suffix
from modicum.web.files import write_text
from modicum.web.trainings import Run
from modicum.web.volumes import write_whole

if TYPE_CHECKING:  # Torch comes with them, which a page for drawing alone need not wait for
    from modicum.bundle import Bundle
    from modicum.inference import Predictor
    from modicum.runs.trusting import Judge

Numbers = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Judged:
    """How good a prediction probably is."""

    quality: float  # the Dice that is to be expected
    reasons: str  # why it may be less


_computing = threading.Lock()  # one picture at a time: the network uses all cores


class Predictions:
    """Masks of class numbers in DATA/.modicum/predictions/RUN/: PNG, of volumes in their own format and geometry."""

    def __init__(self, workshop: Path) -> None:
        self._folder = workshop / "predictions"

    def has(self, run: Run | None, case: Case) -> bool:
        """Whether the picture was predicted, as it is now, by the model of this run."""
        if run is None:
            return False
        try:
            return self.path(run, case).stat().st_mtime_ns >= case.image.stat().st_mtime_ns
        except OSError:
            return False

    def numbers(self, run: Run, case: Case, classes: int) -> Numbers:
        """Class numbers (H, W), of a volume (D, H, W).

        Args:
            classes: how many the data set has now.

        Raises:
            ModicumError: the model knows other classes, or cannot be applied to this picture.
        """
        path = self.path(run, case)
        if not self.has(run, case):
            with _computing:
                if not self.has(run, case):  # another tab may have asked for the same
                    self._make(run, case, classes)
        return np.asarray(read_mask(path) if case.slice is None else cached_mask(path, case.image), np.uint8)

    def _make(self, run: Run, case: Case, classes: int) -> None:
        """Predict, and keep what was found."""
        path = self.path(run, case)
        bundle, segmenter, judge = _model(run.bundle, run.bundle.stat().st_mtime_ns)
        if len(bundle.classes) != classes:
            raise ModicumError("the classes have changed since the model was trained.", remedy="Train again.")
        predict = _picture if case.slice is None else _volume
        found, (quality, reasons) = predict(run.bundle, bundle, segmenter, judge, case)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(_beside(path), json.dumps({"quality": quality, "reasons": reasons}))
        if case.slice is None:
            write_mask(path, found)
        else:
            write_whole(case, found, path, bundle.classes, "accepted")

    def judged(self, run: Run | None, case: Case) -> Judged | None:
        """What the model itself expects of a prediction that was made; None where it was not."""
        return None if run is None else _judged(_beside(self.path(run, case)))

    def probability(self, run: Run, case: Case, number: int) -> npt.NDArray[np.float32] | None:
        """How sure the model is of one class, (H, W), 0..1; None where it knows no such class."""
        with _computing:
            bundle, segmenter, _ = _model(run.bundle, run.bundle.stat().st_mtime_ns)
            if not 0 < number <= len(bundle.classes):
                return None
            found = _probabilities(run.bundle, segmenter, case, load_picture(case))
        return np.asarray(found[number - 1], np.float32)

    def path(self, run: Run, case: Case) -> Path:
        """Where the prediction of a model is, once it was made."""
        suffix = ".png" if case.slice is None else mask_suffix(case.image)
        return self._folder / str(run.number) / f"{case.id}{suffix}"


@lru_cache(maxsize=1)
def _model(bundle: Path, changed: int) -> tuple[Bundle, Predictor, Judge]:
    from modicum.bundle import Bundle
    from modicum.runs.trusting import Judge

    loaded = Bundle.load(bundle)
    return loaded, loaded.segmenter(), Judge(loaded)


def _beside(path: Path) -> Path:
    """The file beside a prediction that says how good it probably is."""
    return path.with_name(f"{path.name.removesuffix(picture_suffix(path))}.json")


def _picture(path: Path, bundle: Bundle, segmenter: Predictor, judge: Judge, case: Case) -> tuple[Numbers, tuple[float, str]]:
    """Class numbers (H, W), and what is to be expected of them."""
    from modicum.bundle import class_numbers

    if bundle.recipe.images.block is not None:
        raise ModicumError("this is a picture; the model segments volumes.", file=case.image)
    picture = load_picture(case)
    probability = _probabilities(path, segmenter, case, picture)
    found = class_numbers(probability, bundle, picture)
    return found, judge.verdict(judge.signs(picture, probability, found), found)


def _volume(path: Path, bundle: Bundle, segmenter: Predictor, judge: Judge, case: Case) -> tuple[Numbers, tuple[float, str]]:
    """Class numbers (D, H, W), and what is to be expected of them."""
    from modicum.bundle import class_numbers
    from modicum.inference.trust import Signs, mean_expected_dice
    from modicum.runs.predicting import volume_probabilities

    volume = cached_volume(case.image)
    probability = volume_probabilities(segmenter, bundle, volume)
    found = class_numbers(probability, bundle, volume.values, volume.spacing)
    return found, judge.verdict(Signs(mean_expected_dice(probability, found)), found)


def _judged(path: Path) -> Judged | None:
    try:
        told = json.loads(path.read_text("utf-8"))
        return Judged(float(told["quality"]), str(told["reasons"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _probabilities(bundle: Path, segmenter: Predictor, case: Case, picture: npt.NDArray[Any]) -> npt.NDArray[np.float16]:
    """Of the last picture they are remembered: it is the one that is being corrected."""
    key = (bundle, case.image, case.slice, case.image.stat().st_mtime_ns)
    if _last.get("key") != key:
        try:
            _last.update(key=key, found=segmenter.probabilities(picture))
        except ModicumError as error:
            raise ModicumError(error.problem, file=case.image, remedy=error.remedy) from None
    found: npt.NDArray[np.float16] = _last["found"]
    return found


_last: dict[str, Any] = {}
