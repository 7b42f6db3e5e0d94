"""Test pictures through a trained model: figures, masks on disk, and pictures for the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from modicum.bundle import Bundle, class_numbers
from modicum.console import bar
from modicum.datasets import load_field_of_view, load_label, load_picture
from modicum.datasets.case import Case, LabelCode
from modicum.errors import Finding, ModicumError
from modicum.evaluation import Evaluator, Example
from modicum.images import read_mask, write_mask
from modicum.images.intensity import working_pixels
from modicum.inference import Segmenter
from modicum.runs.predicting import mask_values
from modicum.runs.steps import Steps


def test_bundle(
    bundle: Bundle, cases: Sequence[Case], code: LabelCode, evaluator: Evaluator, masks: Path, steps: Steps | None = None
) -> list[Finding]:
    """Predict labelled cases, write their masks, and add them to the evaluator.

    Args:
        code: how the label files become the model's class numbers.
        steps: gathers what each of two networks contributes.

    Returns:
        one error for each case that could not be tested; the others are.
    """
    failed = []
    masks.mkdir(parents=True, exist_ok=True)
    segmenter = bundle.segmenter()
    with bar(f"Testing on {len(cases)} pictures", len(cases)) as progress:
        for case in cases:
            try:
                _test(case, code, segmenter, bundle, evaluator, masks / f"{case.id}.png", steps or Steps())
            except ModicumError as error:
                file = str(error.file or case.image)
                failed.append(Finding("error", "not-tested", f"not tested: {error.problem}", file, error.remedy))
            progress.step()
    return failed


def _test(
    case: Case, code: LabelCode, segmenter: Segmenter, bundle: Bundle, evaluator: Evaluator, mask: Path, steps: Steps
) -> None:
    picture, truth, valid = load_picture(case), load_label(case, code), load_field_of_view(case)
    look = segmenter.look(picture, bundle.true_mask(truth))
    numbers = class_numbers(look.probability, bundle)
    evaluator.add(
        case.id,
        look.probability,
        truth,
        valid=valid,
        patient=case.patient,
        attributes=case.attributes,
        prediction=numbers,
    )
    write_mask(mask, mask_values(numbers, bundle))
    told = segmenter.look(picture, truth > 0) if steps.ideal is not None else None
    steps.add(case, truth, valid, look, told, bundle)


def examples(dice: dict[str, float], cases: Sequence[Case], code: LabelCode, bundle: Bundle, masks: Path) -> list[Example]:
    """Best, median and worst of the tested cases, with picture, truth and prediction.

    Args:
        dice: of every tested case, averaged over classes.
    """
    order = sorted(dice, key=lambda case_id: -dice[case_id])
    middle = len(order) // 2
    chosen = {"best": order[:2], "median": order[middle : middle + 2], "worst": order[-2:]}
    by_id, shown, found = {c.id: c for c in cases}, set(), []
    for role in ("worst", "median", "best"):
        for case_id in reversed(chosen[role]) if role == "worst" else chosen[role]:
            if case_id not in shown:
                shown.add(case_id)
                found.append(_example(by_id[case_id], dice[case_id], role, code, bundle, masks))
    return found


def _example(case: Case, dice: float, role: str, code: LabelCode, bundle: Bundle, masks: Path) -> Example:
    written = read_mask(masks / f"{case.id}.png")
    numbers = np.zeros(written.shape, np.uint8)
    for number, value in enumerate(bundle.label_values, 1):
        numbers[written == value] = number
    image: npt.NDArray[np.uint8] = working_pixels(load_picture(case), 3)
    truth = load_label(case, code)
    return Example(case.id, dice, image, truth, numbers, load_field_of_view(case), role)
