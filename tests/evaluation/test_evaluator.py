"""Cases in, table and summary out: one class, several, with and without probabilities, patients and subgroups."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn import metrics as sk

from modicum.errors import ModicumError
from modicum.evaluation import Evaluator, dice_by_case


def case(seed: int, classes: int = 1, shape: tuple[int, ...] = (24, 31)) -> tuple[np.ndarray, np.ndarray]:
    """(probability (K, H, W), truth (H, W)): believable, with errors."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes + 1, shape).astype(np.uint8)
    scores = np.stack([(truth == k) * 0.7 + rng.random(shape) for k in range(classes + 1)])
    probability = scores / scores.sum(0)
    return probability[1:].astype(np.float32), truth


def decided(probability: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """Class numbers of maps (K, ...): by the threshold for one class, else the most probable."""
    if len(probability) == 1:
        return (probability[0] >= threshold).astype(np.uint8)
    return np.concatenate([1 - probability.sum(0, keepdims=True), probability]).argmax(0).astype(np.uint8)


def filled(classes: int = 1, count: int = 6, threshold: float = 0.5) -> Evaluator:
    evaluator = Evaluator([f"class {k}" for k in range(1, classes + 1)], [threshold] * classes)
    for i in range(count):
        probability, truth = case(i, classes)
        group = {"camera": "AB"[i % 2], "age": str(i), "centre": "one"}
        found = decided(probability, threshold)
        evaluator.add(f"case{i}", probability, truth, prediction=found, patient=f"p{i // 2}", attributes=group)
    return evaluator


def test_one_class_by_hand():
    summary, table = filled().summary(), filled().table()
    dice, auc, pixels = [], [], [[], [], []]
    for i in range(6):
        probability, truth = case(i)
        dice.append(sk.f1_score(truth.ravel(), probability[0].ravel() >= 0.5))
        auc.append(sk.roc_auc_score(truth.ravel(), probability[0].ravel()))
        for kept, new in zip(pixels, (truth, probability[0] >= 0.5, probability[0]), strict=True):
            kept.append(new.ravel())
    truth, found, probability = (np.concatenate(p) for p in pixels)
    assert table["dice"].tolist() == pytest.approx(dice)
    assert summary["dice"]["mean"] == pytest.approx(np.mean(dice))
    assert summary["dice"]["sd"] == pytest.approx(np.std(dice, ddof=1))
    assert summary["dice"]["n"] == 6
    assert summary["pooled"]["dice"] == pytest.approx(sk.f1_score(truth, found))
    assert summary["pooled"]["specificity"] == pytest.approx(sk.recall_score(1 - truth, ~found))
    assert summary["auc"]["mean"] == pytest.approx(np.mean(auc), abs=1e-3)
    assert summary["auc"]["pooled"] == pytest.approx(sk.roc_auc_score(truth, probability), abs=1e-3)
    assert summary["threshold"] == 0.5
    assert "by_class" not in summary


def test_the_threshold_is_told():
    strict, lenient = filled(threshold=0.8).summary(), filled(threshold=0.2).summary()
    assert (strict["threshold"], lenient["threshold"]) == (0.8, 0.2)


def test_several_classes_by_hand():
    summary, table = filled(3).summary(), filled(3).table()
    probability, truth = case(0, 3)
    found = np.concatenate([1 - probability.sum(0, keepdims=True), probability]).argmax(0)
    each = sk.f1_score(truth.ravel(), found.ravel(), average=None, labels=[1, 2, 3])
    assert table.loc[table["case"] == "case0", "dice"].tolist() == pytest.approx(list(each))
    assert list(summary["by_class"]) == ["class 1", "class 2", "class 3"]
    over_classes = table.groupby("case")["dice"].mean()
    assert summary["dice"]["mean"] == pytest.approx(over_classes.mean())
    assert summary["dice"]["n"] == 6
    assert summary["by_class"]["class 2"]["dice"]["n"] == 6
    pooled = [c["pooled"]["dice"] for c in summary["by_class"].values()]
    assert summary["pooled"]["dice"] == pytest.approx(np.mean(pooled))
    assert 0.5 < summary["auc"]["pooled"] <= 1
    assert summary["threshold"] is None


def test_masks_are_measured_by_the_prediction_and_curves_by_the_map():
    probability, truth = case(0)
    evaluator = Evaluator(["object"])
    evaluator.add("a", probability, truth, prediction=truth)
    summary = evaluator.summary()
    assert summary["dice"]["mean"] == 1
    assert summary["auc"]["pooled"] < 1


def test_masks_alone_have_no_auc():
    truth = case(0)[1]
    evaluator = Evaluator(["object"])
    evaluator.add("a", None, truth, prediction=truth)
    evaluator.add("b", None, truth, prediction=np.zeros_like(truth))
    summary = evaluator.summary()
    assert [evaluator.table()["dice"].tolist(), evaluator.histograms] == [[1, 0], []]
    assert "auc" not in summary and summary["threshold"] is None
    assert (summary["hd95"]["n"], summary["hd95"]["undefined"]) == (1, 1)


def test_masks_and_maps_mixed_have_no_pooled_curve():
    evaluator = filled(count=2)
    evaluator.add("mask", None, case(9)[1], prediction=case(9)[1])
    assert evaluator.histograms == []
    assert "pooled" not in evaluator.summary()["auc"]
    assert evaluator.summary()["auc"]["n"] == 2


def test_patients_are_resampled_together():
    together, apart = Evaluator(["object"]), Evaluator(["object"])
    for i in range(4):
        truth = np.zeros((8, 8), np.uint8)
        truth[2:6, 2:6] = 1
        prediction = truth.copy()
        prediction[2 : 2 + i, 2:6] = 0
        together.add(str(i), None, truth, prediction=prediction, patient="the only one")
        apart.add(str(i), None, truth, prediction=prediction)
    assert together.summary()["dice"]["ci95"] == [None, None]
    assert None not in apart.summary()["dice"]["ci95"]


def test_subgroups_are_columns_with_a_few_values():
    groups = filled(count=14).summary()["by_subgroup"]
    assert list(groups) == ["camera", "age"]  # there is one centre
    assert [part["dice"]["n"] for part in groups["age"].values()] == [5, 4, 5]
    assert groups["camera"]["A"]["dice"]["n"] == 7


def test_pixels_outside_the_field_of_view_do_not_count():
    probability, truth = case(0)
    valid = np.zeros(truth.shape, bool)
    valid[:, :15] = True
    one, other = Evaluator(["object"]), Evaluator(["object"])
    found = decided(probability)
    one.add("a", probability, truth, prediction=found, valid=valid)
    other.add("a", probability[:, :, :15], truth[:, :15], prediction=found[:, :15])
    assert one.summary() == other.summary()


def test_summary_is_plain_json():
    evaluator = Evaluator(["object"])
    evaluator.add("a", np.zeros((1, 4, 4), np.float16), np.ones((4, 4), np.uint8), prediction=np.zeros((4, 4), np.uint8))
    text = json.dumps(evaluator.summary(), allow_nan=False)
    assert json.loads(text)["hd95"]["mean"] is None
    json.dumps(filled(2).summary(), allow_nan=False)


def test_pictures_without_the_object_are_counted():
    evaluator = Evaluator(["object"])
    empty = np.zeros((4, 4), np.uint8)
    evaluator.add("empty", None, empty, prediction=empty)
    evaluator.add("full", None, empty + 1, prediction=empty + 1)
    assert evaluator.summary()["without_object"] == 1


def rare() -> Evaluator:
    """An organ in nine of ten pictures, half found in one, and in three a tumour that is never found; one picture is blank."""
    evaluator = Evaluator(["organ", "tumour", "cyst"])
    for i in range(10):
        truth = np.zeros((16, 16), np.uint8)
        truth[2:10, 2:10] = i < 9
        found = np.where(truth & (np.arange(16) < 6 if i == 0 else True), 1, 0).astype(np.uint8)
        truth[12:14, 12:14] = 2 * (i < 3)
        evaluator.add(f"c{i}", None, truth, prediction=found, attributes={"scanner": "AB"[i % 2]})
    return evaluator


def test_not_to_find_what_is_not_there_is_no_merit_among_several_classes():
    summary, table = rare().summary(), rare().table()
    half = 2 * 32 / (32 + 64)
    cases = [half / 2, 0.5, 0.5, 1, 1, 1, 1, 1, 1, 1]  # the blank one as if there were one class
    assert summary["dice"]["mean"] == pytest.approx(np.mean(cases))
    assert summary["dice"]["n"] == 10
    assert (summary["by_class"]["tumour"]["dice"]["mean"], summary["by_class"]["tumour"]["dice"]["n"]) == (0, 3)
    assert summary["by_class"]["organ"]["dice"]["mean"] == pytest.approx((8 + half) / 9)
    assert (summary["by_class"]["cyst"]["dice"]["mean"], summary["by_class"]["cyst"]["pooled"]["dice"]) == (None, None)
    assert summary["by_class"]["cyst"]["without_object"] == 10
    assert summary["by_class"]["cyst"]["specificity"]["mean"] == 1
    assert summary["pooled"]["dice"] == pytest.approx((2 * 544 / (544 + 576) + 0) / 2)
    assert summary["by_subgroup"]["scanner"]["A"]["dice"]["mean"] == pytest.approx(np.mean(cases[::2]))
    assert table["dice"].isna().sum() == 1 + 7 + 10
    assert dice_by_case(table).tolist() == pytest.approx(cases)


def test_a_picture_without_a_pixel_that_counts_has_no_figure_of_any_class():
    evaluator, truth = rare(), np.ones((16, 16), np.uint8)
    evaluator.add("outside", None, truth, prediction=truth, valid=np.zeros((16, 16), bool))
    assert (evaluator.summary()["dice"]["n"], evaluator.summary()["dice"]["undefined"]) == (10, 1)
    assert dice_by_case(evaluator.table()).isna().tolist() == [False] * 10 + [True]


def test_volumes_work_as_well():
    probability, truth = case(0, 2, (6, 12, 10))
    evaluator = Evaluator(["a", "b"])
    evaluator.add("volume", probability, truth, prediction=decided(probability))
    assert 0.5 < evaluator.summary()["dice"]["mean"] < 1


def test_an_attribute_may_be_called_like_a_metric():
    probability, truth = case(0)
    evaluator = Evaluator(["object"])
    evaluator.add("a", probability, truth, prediction=truth, attributes={"dice": "six", "case": "x"})
    assert evaluator.table()["dice (attribute)"].tolist() == ["six"]
    assert evaluator.table()["case"].tolist() == ["a"]


def test_an_empty_evaluator():
    assert Evaluator(["object"]).table().empty
    with pytest.raises(ModicumError, match="no picture"):
        Evaluator(["object"]).summary()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"probability": np.zeros((1, 4, 5)), "truth": np.zeros((4, 4), np.uint8)}, "5x4, the true mask 4x4"),
        ({"probability": np.zeros((2, 4, 4)), "truth": np.zeros((4, 4), np.uint8)}, "2 probability maps for 1 classes"),
        ({"probability": np.zeros((1, 4, 4)), "truth": np.full((4, 4), 3, np.uint8)}, "holds class 3"),
        (
            {"probability": None, "truth": np.zeros((4, 4), np.uint8), "prediction": np.zeros((2, 2), np.uint8)},
            "prediction is 2x2",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_the_case(arguments, words):
    with pytest.raises(ModicumError, match=words) as error:
        Evaluator(["object"]).add("eye 7", **{"prediction": np.zeros((4, 4), np.uint8), **arguments})
    assert "eye 7" in str(error.value)


def test_a_refused_case_leaves_nothing_behind():
    evaluator = filled(count=2)
    before = evaluator.summary()
    bad = np.full((1, 4, 4), np.nan, np.float32)
    with pytest.raises(ModicumError, match="not a number"):
        evaluator.add("bad", bad, np.zeros((4, 4), np.uint8), prediction=np.zeros((4, 4), np.uint8))
    assert evaluator.summary() == before


def test_misuse_by_a_programmer():
    probability, truth = case(0)
    evaluator = Evaluator(["object"])
    evaluator.add("a", probability, truth, prediction=truth)
    with pytest.raises(ValueError, match="before"):
        evaluator.add("a", probability, truth, prediction=truth)
    with pytest.raises(ValueError, match="class"):
        Evaluator([])
    with pytest.raises(ValueError, match="thresholds"):
        Evaluator(["a", "b"], [0.5])


def test_a_missed_class_leaves_no_distance() -> None:
    """The other class lies exactly; its distance of 0 would hide that one was missed."""
    truth = np.zeros((20, 20), np.uint8)
    truth[2:6, 2:6], truth[10:14, 10:14] = 1, 2
    evaluator = Evaluator(["a", "b"])
    evaluator.add("missed", None, truth, prediction=np.where(truth == 1, 1, 0).astype(np.uint8))
    evaluator.add("found", None, truth, prediction=truth)
    evaluator.add("only a", None, np.minimum(truth, 1) * (truth < 2), prediction=np.minimum(truth, 1) * (truth < 2))
    distance = evaluator.summary()["hd95"]
    assert (distance["mean"], distance["n"], distance["undefined"]) == (0.0, 2, 1)


def test_volumes_without_a_class_say_nothing_of_its_size() -> None:
    """Nine volumes of ten hold no cyst: agreement that there is none is no agreement of sizes."""
    evaluator = Evaluator(["organ", "cyst"])
    for number in range(10):
        truth = np.zeros((3, 12, 12), np.uint8)
        truth[:, 2 : 6 + number % 3, 2:6] = 1
        truth[:, 8:10, 8:10] = 2 if number == 0 else 0
        evaluator.add(str(number), None, truth, prediction=truth, spacing=(2.0, 1.0, 1.0))
    sizes = evaluator.summary()["volume_agreement"]
    assert (sizes["organ"]["n"], sizes["cyst"]["n"]) == (10, 1)


def test_a_picture_in_which_no_pixel_counts_is_not_without_the_object() -> None:
    evaluator, nothing = Evaluator(["a"]), np.zeros((5, 5), np.uint8)
    for name, valid in (("unknown", nothing > 0), ("empty", None)):
        evaluator.add(name, None, nothing, prediction=nothing, valid=valid)
    assert evaluator.summary()["without_object"] == 1
