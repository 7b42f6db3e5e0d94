"""Test pictures through a trained model: figures, masks on disk, and pictures for the report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from modicum.bundle import Bundle, class_numbers
from modicum.console import bar
from modicum.datasets import foreground_share, load_label, load_marked, load_picture, load_valid
from modicum.datasets.case import Case, LabelCode, counted
from modicum.errors import Finding, ModicumError
from modicum.evaluation import Evaluator, Example
from modicum.images import read_mask, write_mask
from modicum.images.intensity import working_pixels
from modicum.images.volumes import brought_back, cached_volume, read_volume_mask, write_volume_mask
from modicum.inference import Look, Predictor
from modicum.runs.pictures import shown_picture, together
from modicum.runs.predicting import mask_values, volume_values
from modicum.runs.steps import Steps


def test_bundle(
    bundle: Bundle, cases: Sequence[Case], code: LabelCode, evaluator: Evaluator, masks: Path, steps: Steps | None = None
) -> list[Finding]:
    """Predict labelled cases, write their masks, and add them to the evaluator; the slices of a volume as one case.

    Args:
        code: how the label files become the model's class numbers.
        steps: gathers what each of two networks contributes.

    Returns:
        one error for each case that could not be tested; the others are.
    """
    failed = []
    masks.mkdir(parents=True, exist_ok=True)
    segmenter, groups = bundle.segmenter(), together(cases)
    with bar(f"Testing on {counted(cases)}", len(cases)) as progress:
        for group in groups.values():
            try:
                _test(group, code, segmenter, bundle, evaluator, masks, steps or Steps())
            except ModicumError as error:
                file = str(error.file or group[0].image)
                failed.append(Finding("error", "not-tested", f"not tested: {error.problem}", file, error.remedy))
            progress.step(len(group))
    return failed


def _test(
    group: Sequence[Case],
    code: LabelCode,
    segmenter: Predictor,
    bundle: Bundle,
    evaluator: Evaluator,
    masks: Path,
    steps: Steps,
) -> None:
    looks, told_looks, labels, truths, fields = [], [], [], [], []
    images = bundle.recipe.images
    pictures = [shown_picture(case, images) for case in group]
    if images.block is not None:
        looks.append(segmenter.look(np.concatenate(pictures, axis=2)))
    for case, picture in zip(group, pictures, strict=True):
        label = load_label(case, code)
        if images.block is None:
            looks.append(segmenter.look(picture, bundle.true_mask(label)))
        if steps.ideal is not None:
            told_looks.append(segmenter.look(picture, label > 0))
        labels.append(label)
        truths.append(load_label(replace(case, tissue=bundle.recipe.tissue), code))
        fields.append(load_valid(case, code))
    case = replace(group[0], id=group[0].volume or group[0].id)
    look, truth, valid = (
        at_full_size(_stacked(looks, case), truths[0].shape),
        _joined(truths, case),
        None if fields[0] is None else _joined(fields, case),
    )
    told = at_full_size(_stacked(told_looks, case), truths[0].shape) if told_looks else None
    volume = None if case.slice is None else cached_volume(case.image)
    image = pictures[0] if volume is None else volume.values[[c.slice or 0 for c in group]]
    spacing = None if volume is None else volume.spacing
    decide = partial(class_numbers, image=image, spacing=spacing)
    numbers = decide(look.probability, bundle)
    evaluator.add(
        case.id,
        look.probability,
        truth,
        valid=valid,
        patient=case.patient,
        attributes=case.attributes,
        prediction=numbers,
        spacing=spacing,
    )
    if volume is None:
        write_mask(masks / f"{case.id}.png", mask_values(numbers, bundle))
    else:
        write_volume_mask(volume.nameless(), volume_values(numbers, bundle), masks, case.id, bundle.classes)
    steps.add(case, _joined(labels, case), truth, valid, look, told, bundle, decide)


def how_measured(*, volumes: bool, fields: bool) -> list[str]:
    """In words what figures are of: whether of volumes, and whether of all pixels."""
    notes = ["Volumes were measured as wholes, not slice by slice; distances in them are in mm."] if volumes else []
    return notes + (["Only pixels inside the field of view count."] if fields else [])


def measured_in_part(cases: Sequence[Case], code: LabelCode) -> list[Finding]:
    """A warning where test pictures are marked in part: their figures are of the marked pixels alone."""
    partly = []
    for case in cases if code.unmarked is not None else ():
        with suppress(ModicumError):  # told already
            told = load_marked(case, code)
            partly += [float(told.mean())] if told is not None and not told.all() else []
    if not partly:
        return []
    message = (
        f"{len(partly)} of {len(cases)} test pictures are marked in part (in half of them less than {np.median(partly):.1%} of "
        "the pixels): their figures are of marked pixels alone, and say little of borders."
    )
    return [Finding("warning", "measured-in-part", message, remedy="Label some pictures in full, and test on those.")]


def one_temperature(bundles: Iterable[Bundle]) -> float:
    """The temperature of all these models; 1 where they differ: nothing can be told then of probabilities before it."""
    found = {bundle.temperature for bundle in bundles}
    return found.pop() if len(found) == 1 else 1.0


def calibration(evaluator: Evaluator, temperature: float) -> dict[str, float | None]:
    """Keys of summary.json: the temperature and, for one class, the expected calibration error that there was without it."""
    before = evaluator.histograms[0].calibration_error(temperature) if len(evaluator.histograms) == 1 else None
    return {"temperature": temperature, "uncalibrated_error": before}


def _joined(arrays: Sequence[Any], case: Case) -> npt.NDArray[Any]:
    """(H, W) of a picture, (D, H, W) of a volume's slices."""
    return np.asarray(arrays[0]) if case.slice is None else np.stack(arrays)


def _stacked(looks: Sequence[Look], case: Case) -> Look:
    """One look at a volume, from those at its slices; as it is where there is but one."""
    if case.slice is None or looks[0].probability.ndim == 4:
        return looks[0]
    rough = None if looks[0].rough is None else np.stack([look.rough for look in looks if look.rough is not None])
    places = [place for look in looks for place in look.places]
    return Look(np.stack([look.probability for look in looks], axis=1), (), rough, places)


def at_full_size(look: Look, shape: tuple[int, int]) -> Look:
    """A look in the height and width of the picture or volume itself, however large it was shown."""
    rough = None if look.rough is None else brought_back(look.rough, shape)
    return replace(look, probability=brought_back(look.probability, shape), rough=rough)


def faces(cases: Sequence[Case], code: LabelCode) -> dict[str, Case]:
    """For each name under which cases are measured the picture to show: of a volume the slice with most foreground."""
    return {name: max(group, key=lambda c: foreground_share(c, code)) for name, group in together(cases).items()}


def examples(dice: dict[str, float], cases: Sequence[Case], code: LabelCode, bundle: Bundle, masks: Path) -> list[Example]:
    """Best, median and worst of the tested cases, with picture, truth and prediction.

    Args:
        dice: of every tested case, averaged over classes.
    """
    order = sorted(dice, key=lambda case_id: dice[case_id])
    each, middle = (2 if len(order) > 3 else 1), (len(order) - 1) // 2
    chosen = {"worst": order[:each], "best": order[::-1][:each], "median": order[middle : middle + each]}
    by_id, shown, found = faces(cases, code), set(), []
    for role, names in chosen.items():
        for case_id in names:
            if case_id not in shown:
                shown.add(case_id)
                found.append(_example(by_id[case_id], dice[case_id], role, code, bundle, masks))
    return found


def _example(case: Case, dice: float, role: str, code: LabelCode, bundle: Bundle, masks: Path) -> Example:
    if case.slice is None:
        written, values = read_mask(masks / f"{case.id}.png"), bundle.label_values
    else:
        path = masks / f"{case.volume}{cached_volume(case.image).nameless().write.suffix}"
        every = np.arange(len(bundle.classes) + 1, dtype=np.uint8)
        written, values = read_volume_mask(path)[case.slice], tuple(volume_values(every, bundle)[1:].tolist())
    numbers = np.zeros(written.shape, np.uint8)
    for number, value in enumerate(values, 1):
        numbers[written == value] = number
    image: npt.NDArray[np.uint8] = working_pixels(load_picture(case), 3)
    truth = load_label(replace(case, tissue=bundle.recipe.tissue), code)
    return Example(case.id, dice, image, truth, numbers, load_valid(case, code), role)
