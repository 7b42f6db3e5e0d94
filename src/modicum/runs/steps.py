"""What each step of a method contributes: its localiser alone, both networks, both with the true places, its finishing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from modicum.bundle import Bundle, class_numbers
from modicum.datasets import load_label, load_picture
from modicum.datasets.case import Case, LabelCode
from modicum.evaluation import Evaluator, SecondLook, StepFigures, dice_by_case
from modicum.evaluation.comparison import holm
from modicum.evaluation.statistics import paired_difference, without_nan
from modicum.geometry import Affine, sample
from modicum.images.intensity import working_pixels
from modicum.inference import Look, Segmenter
from modicum.inference.calibration import tempered
from modicum.views import VIEWS

_LABELLED = "labelled pictures alone"
_ALONE = {
    "segmenter": "first network alone",
    "threshold": "threshold alone",
    "classical": "classical method alone",
}  # localisers whose mask is an answer
_UNFINISHED = "without finishing steps"
_TRUE_PLACES = "with true places"
_SHOWN = 6


Numbers = npt.NDArray[np.uint8]


@dataclass
class Steps:
    """Test figures gathered case by case; nothing is gathered for a method of one step, or for an upper bound."""

    name: str = ""  # of the localiser's row
    alone: Evaluator | None = None  # the localiser's mask as the answer
    ideal: Evaluator | None = None  # told the true places
    labelled_share: float = 1.0  # of the time, that this model had
    labelled: Evaluator | None = None  # the model that learned from labelled pictures alone, where unlabelled ones teach too
    unfinished: Evaluator | None = None  # without finishing steps, where there are some
    region: bool = False  # first steps find a region, and the whole the tissue in it: two things that are not compared
    lost: list[str] = field(default_factory=list)  # cases in which the localiser found nothing

    def add(
        self,
        case: Case,
        label: Numbers,
        truth: Numbers,
        valid: npt.NDArray[np.bool_] | None,
        look: Look,
        told: Look | None,
        bundle: Bundle,
        decide: Callable[[npt.NDArray[np.float16], Bundle], Numbers],
    ) -> None:
        """One tested case: as the localiser showed it and, for the upper bound, as it was seen when told the true places.

        Args:
            label: what the network has learned to find.
            truth: what the method is to find: the same, or the tissue in it.
            decide: class numbers from the probability maps of this case, as a model finishes them.
        """
        if look.lost:
            self.lost.append(case.id)
        more: dict[str, Any] = {"valid": valid, "patient": case.patient}
        if self.alone is not None and look.rough is not None:
            self.alone.add(case.id, None, label, prediction=look.rough.astype(np.uint8), **more)
        if self.ideal is not None and told is not None:
            self.ideal.add(case.id, told.probability, truth, prediction=decide(told.probability, bundle), **more)
        if self.unfinished is not None:
            self.unfinished.add(case.id, None, label, prediction=decide(look.probability, bundle.unfinished), **more)

    def table(self, both: Evaluator) -> pd.DataFrame:
        """Dice (averaged over classes) of every case, a column for each step."""
        columns = {name: dice_by_case(evaluator.table()) for name, evaluator, _ in self._rows(both)}
        patients = both.table().groupby("case")["patient"].first()
        return pd.DataFrame({"patient": patients, **columns}).reset_index()

    def figures(self, both: Evaluator) -> list[StepFigures]:
        """A row for each step, those after the first compared with it (p corrected by Holm); none for a method of one step."""
        rows, table = self._rows(both), self.table(both)
        if len(rows) < 2:
            return []
        patients = [patient or case for patient, case in zip(table["patient"], table["case"], strict=True)]
        compared = [] if self.region else [name for name, _, _ in rows[1:]]
        raw = {name: paired_difference(table[name], table[rows[0][0]], patients) for name in compared}
        corrected = dict(zip(compared, holm([d["p"] for d in raw.values()]), strict=True))
        differences = {name: without_nan({**raw[name], "p": corrected[name]}) for name in compared}
        return [StepFigures(name, of.summary()["dice"], bound, differences.get(name)) for name, of, bound in rows]

    def summary(self, both: Evaluator) -> dict[str, Any]:
        """Keys of summary.json."""
        return {"by_step": [asdict(step) for step in self.figures(both)], "localiser_found_nothing": self.lost}

    def notes(self, bundle: Bundle) -> list[str]:
        """How the objects were found in the test pictures, in words, where something must be known of it."""
        both = _tissue_note(bundle)
        if bundle.upper_bound:
            return [*both, "UPPER BOUND: every test picture was looked at where its true mask says that the object is."]
        both += ["The answer is the mean of both networks' probability maps."] if bundle.with_localiser else []
        if not self.lost:
            return both
        few = ", ".join(self.lost[:5]) + (" ..." if len(self.lost) > 5 else "")
        return [*both, f"In {len(self.lost)} test pictures the localiser found nothing; they were shown whole ({few})."]

    def _rows(self, both: Evaluator) -> list[tuple[str, Evaluator, bool]]:
        """(name, figures, whether it is an upper bound) of every step that there is."""
        whole = "with unlabelled pictures" if self.labelled is not None else "both networks"
        first = f"{_LABELLED}, {self.labelled_share:.0%} of the time"
        if self.unfinished is not None and self.labelled is None and self.ideal is None:
            whole = "with them"
        unfinished = _UNFINISHED
        if self.region:
            whole, unfinished = "its tissue", "the region"
        rows = [(first, self.labelled, False), (self.name, self.alone, False), (unfinished, self.unfinished, False)]
        rows.append((whole, both, False))
        rows.append((_TRUE_PLACES, self.ideal, True))
        return [(name, evaluator, bound) for name, evaluator, bound in rows if evaluator is not None]


def steps_of(bundle: Bundle) -> Steps:
    """What is worth gathering for a model."""
    kind = bundle.recipe.localiser["name"] if bundle.recipe.localiser else None
    unfinished = Evaluator(bundle.classes) if bundle.recipe.finish.steps else None
    steps = Steps(unfinished=unfinished, region=bundle.recipe.by_region)
    if kind is None or bundle.upper_bound or not VIEWS.build(bundle.recipe.view).localised:
        return steps
    alone = Evaluator(("object",)) if kind in _ALONE and len(bundle.classes) == 1 else None
    return replace(steps, name=_ALONE.get(kind, ""), alone=alone, ideal=Evaluator(bundle.classes, threshold_of(bundle)))


def _tissue_note(bundle: Bundle) -> list[str]:
    """What of the labels was measured, where it is not all of them."""
    if (tissue := bundle.recipe.tissue) is None:
        return []
    values = f"with values from {tissue[0]:g} to {tissue[1]:g}"
    if bundle.recipe.by_region:
        return [f"The network finds a region; what was measured, in labels and answers, are its pixels {values}."]
    return [f"Of the labels only pixels {values} count."]


def threshold_of(bundle: Bundle) -> list[float]:
    """The threshold for each class, as an evaluator wants it."""
    return [bundle.threshold] * len(bundle.classes)


def second_looks(
    dice: dict[str, float], cases: Sequence[Case], code: LabelCode, bundles: Mapping[str, Bundle]
) -> list[SecondLook]:
    """The worst, the middle and the best of the tested cases, as the second network saw them.

    Args:
        bundles: for each case the model that it was tested with.
    """
    if not all(VIEWS.build(b.recipe.view).localised for b in bundles.values()):
        return []
    if any(c.slice is not None for c in cases):
        return []  # there would be a look for every slice
    order = sorted(dice, key=lambda case_id: dice[case_id])
    middle = max(0, len(order) // 2 - 1)
    chosen = dict.fromkeys([*order[:2], *order[middle : middle + 2], *order[-2:]])
    by_id = {c.id: c for c in cases}
    return [_second_look(by_id[c], dice[c], code, bundles[c]) for c in list(chosen)[:_SHOWN]]


def _second_look(case: Case, dice: float, code: LabelCode, bundle: Bundle) -> SecondLook:
    bundle = replace(bundle, others=())  # of an ensemble what its first network sees
    picture, segmenter = load_picture(case), bundle.segmenter()
    assert isinstance(segmenter, Segmenter), "a view that looks at objects shows them to a network"
    look = segmenter.look(picture, bundle.true_mask(load_label(case, code)))
    truth = load_label(replace(case, tissue=bundle.recipe.tissue), code)
    first, pixels = look.glimpses[0], segmenter.pixels(picture)
    answer = tempered(next(iter(segmenter.answers(pixels, look.glimpses[:1]))).astype(np.float16), bundle.temperature)
    shown = sample(pixels, first.by, border=segmenter.view.border)
    table = np.linspace(0, 1, 256, dtype=np.float32)[:, None].repeat(pixels.shape[2], 1)
    levels = np.rint(first.stretched(table) * 255).astype(np.uint8)
    shown = np.stack([levels[shown[..., c], c] for c in range(shown.shape[2])], axis=-1)
    corners = [_box(g.by.backward(np.array([[-0.5, -0.5], [n - 0.5 for n in g.by.target]]))) for g in look.glimpses]
    windows = not look.lost and all(isinstance(g.by, Affine) and g.levels is None for g in look.glimpses)
    return SecondLook(
        case_id=case.id,
        dice=dice,
        image=working_pixels(picture, 3),
        rough=np.zeros(truth.shape, bool) if look.rough is None else look.rough,
        centres=tuple(p.centre for p in look.places),
        boxes=tuple(corners) if windows else (),
        shown=working_pixels(shown, 3),
        answer=class_numbers(answer, replace(bundle.unfinished, low=None)),  # hysteresis and steps are for the whole
        shown_truth=sample(truth, first.by, border="zero", nearest=True),
        prediction=class_numbers(look.probability, bundle, picture),
        truth=truth,
        views=len(look.glimpses),
        found=not look.lost,
    )


def _box(corners: npt.NDArray[np.float64]) -> tuple[float, float, float, float]:
    (top, left), (bottom, right) = corners + 0.5
    return float(top), float(left), float(bottom), float(right)
