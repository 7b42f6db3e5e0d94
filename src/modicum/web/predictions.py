"""What the newest model says of a picture: computed when it is first asked for, then kept."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from modicum.datasets import Case, load_picture
from modicum.datasets.loading import case_size
from modicum.errors import ModicumError
from modicum.images import read_mask, write_mask
from modicum.images.formats import picture_suffix
from modicum.images.volumes import cached_grid, cached_mask, cached_volume, mask_suffix
from modicum.web.files import write_text
from modicum.web.trainings import Run
from modicum.web.volumes import write_whole

if TYPE_CHECKING:  # Torch comes with them, which a page for drawing alone need not wait for
    from modicum.bundle import Bundle
    from modicum.inference import Predictor
    from modicum.runs.trusting import Judge

Numbers = npt.NDArray[np.uint8]
Teach = Callable[[npt.NDArray[np.float32]], tuple[npt.NDArray[np.bool_], npt.NDArray[np.float32]]]

_PIECE = 2**14  # bytes


@dataclass(frozen=True)
class Judged:
    """How good a prediction probably is."""

    quality: float  # the Dice that is to be expected
    reasons: str  # why it may be less


_computing = threading.Lock()  # one picture at a time: the network uses all cores


class Predictions:
    """Masks of class numbers in DATA/.modicum/predictions/RUN/: PNG, of volumes in their own format and geometry.

    Beside each a file says how good it probably is, and what it was made of: another picture may take the name, and numbers
    may mean other classes.

    Args:
        meaning: what class numbers mean in the data set now; while it begins with what they meant, they mean the same.
    """

    def __init__(self, workshop: Path, meaning: Callable[[], str]) -> None:
        self._folder = workshop / "predictions"
        self._meaning = meaning

    def has(self, run: Run | None, case: Case) -> bool:
        """Whether the picture was predicted, as it is now, by the model of this run."""
        return self.judged(run, case) is not None

    def judged(self, run: Run | None, case: Case) -> Judged | None:
        """What the model itself expects of its prediction; None where it has not predicted the picture as it is now."""
        if run is None:
            return None
        path = self.path(run, case)
        try:
            told = json.loads(_beside(path).read_text("utf-8"))
            same = told["picture"] == _known_by(case.image) and self._meaning().startswith(told["classes"])
            return Judged(float(told["quality"]), str(told["reasons"])) if same and path.exists() else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

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
        found = np.asarray(read_mask(path) if case.slice is None else cached_mask(path, case.image), np.uint8)
        if found.shape != (case_size(case) if case.slice is None else cached_grid(case.image).shape):
            raise ModicumError("has not the size of its picture.", file=path, remedy="Remove it.")
        if found.max(initial=0) > classes:
            raise ModicumError(f"names class {found.max()}, there are {classes}.", file=path, remedy="Train again.")
        return found

    def _make(self, run: Run, case: Case, classes: int) -> None:
        """Predict, and keep what was found."""
        bundle, segmenter, judge = _model(run.bundle, run.bundle.stat().st_mtime_ns)
        if len(bundle.classes) != classes:
            raise ModicumError("the classes have changed since the model was trained.", remedy="Train again.")
        basis = self.basis(case)  # before it is read: it may change meanwhile
        predict = _picture if case.slice is None else _volume
        found, verdict = predict(run.bundle, bundle, segmenter, judge, case)
        self.keep(run, case, found, Judged(*verdict), basis, bundle.classes)

    def basis(self, case: Case) -> dict[str, object]:
        """What a prediction is made of: the picture as it is now, and what class numbers mean now."""
        return {"picture": _known_by(case.image), "classes": self._meaning()}

    def keep(
        self, run: Run, case: Case, found: Numbers, judged: Judged, basis: dict[str, object], classes: tuple[str, ...]
    ) -> None:
        """Write the class numbers (H, W), or (D, H, W), of a prediction, then what is known of it."""
        path = self.path(run, case)
        path.parent.mkdir(parents=True, exist_ok=True)
        if case.slice is None:
            write_mask(path, found)
        else:
            write_whole(case, found, path, classes, "accepted")
        write_text(_beside(path), json.dumps({**asdict(judged), **basis}))

    def probability(self, run: Run, case: Case, number: int) -> npt.NDArray[np.float32] | None:
        """How sure the model is of one class, (H, W), 0..1; None where it knows no such class."""
        with _computing:
            bundle, segmenter, _ = _model(run.bundle, run.bundle.stat().st_mtime_ns)
            if not 0 < number <= len(bundle.classes):
                return None
            found = _probabilities(run.bundle, segmenter, case, load_picture(case))
        return np.asarray(found[number - 1], np.float32)

    def tuned(self, run: Run, case: Case, number: int, teach: Teach) -> npt.NDArray[np.float32]:
        """As `probability`, after the model has learned from this picture alone; that counts until another one is asked for.

        Args:
            teach: makes of what the model itself says the object (H, W), and how much each pixel counts.

        Raises:
            ModicumError: the model has no such class, or cannot learn so.
        """
        from modicum.inference import tuned

        with _computing:
            bundle, segmenter, _ = _model(run.bundle, run.bundle.stat().st_mtime_ns)
            picture = load_picture(case)
            _probabilities(run.bundle, segmenter, case, picture)
            if not 0 < number <= len(bundle.classes):
                raise ModicumError("the model does not know this class.", remedy="Train again.")
            truth, weight = teach(np.asarray(_last["own"][number - 1], np.float32))
            learned = tuned(segmenter, picture, truth, weight, number=number)
            if learned is segmenter:
                raise ModicumError("this model cannot learn from one picture.", remedy="Train one with a network.")
            _last["found"] = learned.probabilities(picture)
            return np.asarray(_last["found"][number - 1], np.float32)

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
    """The file beside a prediction that says what is known of it."""
    return path.with_name(f"{path.name.removesuffix(picture_suffix(path))}.json")


def _known_by(picture: Path) -> list[int | str]:
    """When a picture was written, its size, and a piece of its content: unpacked archives date all their files alike."""
    seen = picture.stat()
    return [seen.st_mtime_ns, seen.st_size, _piece(picture, seen.st_size, seen.st_ino, seen.st_ctime_ns)]


@lru_cache(maxsize=50_000)
def _piece(picture: Path, size: int, *seen: int) -> str:
    """The middle of a file, hashed."""
    with picture.open("rb") as file:
        file.seek(max(0, size - _PIECE) // 2)
        return hashlib.sha256(file.read(_PIECE)).hexdigest()[:16]


def _picture(path: Path, bundle: Bundle, segmenter: Predictor, judge: Judge, case: Case) -> tuple[Numbers, tuple[float, str]]:
    """Class numbers (H, W), and what is to be expected of them."""
    from modicum.bundle import class_numbers, refuse_picture

    refuse_picture(bundle, case.image)
    picture = load_picture(case)
    probability = _probabilities(path, segmenter, case, picture)
    found = class_numbers(probability, bundle, picture)
    return found, judge.verdict(judge.signs(picture, probability, found), found)


def _volume(path: Path, bundle: Bundle, segmenter: Predictor, judge: Judge, case: Case) -> tuple[Numbers, tuple[float, str]]:
    """Class numbers (D, H, W), and what is to be expected of them."""
    from modicum.bundle import class_numbers, volume_probabilities
    from modicum.inference.trust import Signs, mean_expected_dice

    volume = cached_volume(case.image)
    probability = volume_probabilities(segmenter, bundle, volume)
    found = class_numbers(probability, bundle, volume.values, volume.spacing)
    return found, judge.verdict(Signs(mean_expected_dice(probability, found)), found)


def _probabilities(bundle: Path, segmenter: Predictor, case: Case, picture: npt.NDArray[Any]) -> npt.NDArray[np.float16]:
    """Of the last picture they are remembered, as they are after the model has learned from it: it is being corrected."""
    key = (bundle, case.image, case.slice, case.image.stat().st_mtime_ns)
    if _last.get("key") != key:
        try:
            own = segmenter.probabilities(picture)
            _last.update(key=key, own=own, found=own)
        except ModicumError as error:
            raise ModicumError(error.problem, file=case.image, remedy=error.remedy) from None
    found: npt.NDArray[np.float16] = _last["found"]
    return found


_last: dict[str, Any] = {}
