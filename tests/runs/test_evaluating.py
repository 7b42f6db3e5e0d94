"""`modicum evaluate`, and what must never be overwritten or passed off as a test."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import modicum as md
from discs import TINY, write_boxes, write_discs
from modicum.datasets import discover
from modicum.errors import ModicumError
from modicum.images.digest import digest
from modicum.runs.evaluating import evaluate_bundle, evaluate_folders
from modicum.runs.predicting import predict
from modicum.runs.testing import examples
from modicum.runs.train import Run


def masks(folder: Path, values: dict[str, np.ndarray]) -> Path:
    folder.mkdir(parents=True)
    for name, mask in values.items():
        cv2.imwrite(str(folder / f"{name}.png"), mask)
    return folder


def half(value: int = 255, width: int = 8) -> np.ndarray:
    mask = np.zeros((16, 16), np.uint8)
    mask[:, :width] = value
    return mask


def test_pictures_that_trained_the_model_are_left_out(finished: Run, discs: Path, tmp_path: Path) -> None:
    model = finished.folder / "model.modicum"
    done, place = evaluate_bundle(model, discs, tmp_path / "new")
    assert done["test"]["dice"]["n"] == finished.summary["counts"]["test"]
    assert "left out" in done["notes"][0]
    assert done["test"]["dice"]["mean"] == pytest.approx(finished.summary["test"]["dice"]["mean"], abs=2e-3)
    assert "left out" in json.loads((place / "summary.json").read_text())["notes"][0]
    everything, _ = evaluate_bundle(model, discs, tmp_path / "all", "all")
    assert everything["test"]["dice"]["n"] == 14
    assert "took part in training" in everything["notes"][0]


def test_patients_whose_other_pictures_trained_the_model_are_left_out(finished: Run, discs: Path, tmp_path: Path) -> None:
    """Left and right eyes: the third that was never seen belongs to somebody who was."""
    seen = {*finished.bundle.provenance["seen"].values()}
    images = sorted((discs / "images").iterdir(), key=lambda p: digest(p) in seen)
    first_seen = next(i for i, p in enumerate(images) if digest(p) in seen)
    assert first_seen >= 3
    chosen = [images[0], images[1], images[2], images[first_seen]]
    for path, name in zip(chosen, ("1L", "1R", "2L", "2R"), strict=True):
        for kind, own in (("images", path), ("labels", next((discs / "labels").glob(f"{path.stem}.*")))):
            (tmp_path / "eyes" / kind).mkdir(parents=True, exist_ok=True)
            shutil.copy(own, tmp_path / "eyes" / kind / f"{name}{own.suffix}")
    done, _ = evaluate_bundle(finished.folder / "model.modicum", tmp_path / "eyes", tmp_path / "out")
    assert done["test"]["dice"]["n"] == 2
    assert "1 pictures were left out, because others of their patients took part in training" in done["notes"][1]
    done, _ = evaluate_bundle(finished.folder / "model.modicum", tmp_path / "eyes", tmp_path / "all", "all")
    assert done["test"]["dice"]["n"] == 4
    assert "1 of these 4 pictures are of patients that did" in done["notes"][1]


def test_a_model_of_another_object_says_so(finished: Run, discs: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(discs, tmp_path / "named"))
    bundle = replace(finished.bundle, classes=("disc",))
    bundle.save(tmp_path / "disc.modicum")
    (data / "classes.json").write_text('{"Disc": 255}')
    done, _ = evaluate_bundle(tmp_path / "disc.modicum", data, tmp_path / "same")
    assert not any("The model finds" in note for note in done["notes"])
    (data / "classes.json").write_text('{"vessel": 255}')
    done, _ = evaluate_bundle(tmp_path / "disc.modicum", data, tmp_path / "other")
    assert "The model finds 'disc', the labels show 'vessel'." in done["notes"]


def test_a_model_of_two_classes_is_not_measured_on_both_in_one(finished: Run, discs: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(discs, tmp_path / "united"))
    for path in (data / "labels").iterdir():
        cv2.imwrite(str(path), np.minimum(cv2.imread(str(path), 0), 1))
    replace(finished.bundle, classes=("disc", "cup"), label_values=(1, 2)).save(tmp_path / "two.modicum")
    with pytest.raises(ModicumError, match=r"the data have 1 class\(es\) \(foreground\), the model 2"):
        evaluate_bundle(tmp_path / "two.modicum", data, tmp_path / "out")


def test_a_run_folder_is_not_written_over(finished: Run, discs: Path) -> None:
    with pytest.raises(ModicumError, match="folder of a run"):
        evaluate_bundle(finished.folder / "model.modicum", discs, finished.folder)


def test_a_mask_never_replaces_its_picture(finished: Run, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    cv2.imwrite(str(picture), np.full((40, 40, 3), 9, np.uint8))
    before = picture.read_bytes()
    with pytest.raises(ModicumError, match="would replace"):
        predict(finished.bundle, [str(tmp_path)], tmp_path)
    assert picture.read_bytes() == before


def test_an_unreadable_case_is_told_and_the_others_are_measured(finished: Run, tmp_path: Path) -> None:
    data = write_discs(tmp_path / "other", 6, seed=9)
    broken = data / "images" / "case_02.png"
    broken.write_bytes(broken.read_bytes()[:200])
    done, _ = evaluate_bundle(finished.folder / "model.modicum", data, tmp_path / "out")
    assert done["test"]["dice"]["n"] == 5
    assert [Path(f["file"]).name for f in done["findings"]] == ["case_02.png"]


def test_folders_with_a_field_of_view(tmp_path: Path) -> None:
    true = masks(tmp_path / "true", {"a": half(width=4), "b": half(width=4)})
    found = masks(tmp_path / "found", {"a": half(1, 8), "b": half(1, 8)})
    fov = masks(tmp_path / "fov", {"a": half(width=6), "b": half(width=6)})
    assert evaluate_folders(found, true, None)["test"]["dice"]["mean"] == pytest.approx(2 / 3)
    inside = evaluate_folders(found, true, None, fov)
    assert inside["test"]["dice"]["mean"] == pytest.approx(0.8)
    assert "Only pixels inside the field of view count." in inside["notes"]


def test_probability_maps_are_not_taken_for_masks(tmp_path: Path) -> None:
    true = masks(tmp_path / "true", {"a": half(), "b": half()})
    ramp = np.tile(np.arange(0, 256, 16, dtype=np.uint8), (16, 1))
    with pytest.raises(ModicumError, match="no mask of two values"):
        evaluate_folders(masks(tmp_path / "found", {"a": ramp, "b": ramp}), true, None)


@pytest.mark.parametrize("values", [(1, 2, 3), (1, 1, 2)])
def test_numbered_objects_are_no_mask_however_small(tmp_path: Path, values: tuple[int, ...]) -> None:
    truth, numbered = np.zeros((200, 200), np.uint8), np.zeros((200, 200), np.uint8)
    for place, value in enumerate(values):
        truth[10:16, 40 * place : 40 * place + 6], numbered[10:16, 40 * place : 40 * place + 6] = 255, value
    found = masks(tmp_path / "found", {"a": numbered})
    with pytest.raises(ModicumError, match="numbered objects"):
        evaluate_folders(found, masks(tmp_path / "true", {"a": truth}), None)
    with pytest.raises(ModicumError, match=r"numbered objects|which no true mask does"):
        evaluate_folders(found, masks(tmp_path / "ones", {"a": truth // 255}), None)


def test_soft_borders_of_small_objects_are_no_probabilities(tmp_path: Path) -> None:
    soft = np.zeros((100, 100), np.uint8)
    soft[20:40, 20:40] = 255
    soft = cv2.GaussianBlur(soft, (3, 3), 0)
    found, true = masks(tmp_path / "found", {"a": soft}), masks(tmp_path / "true", {"a": (soft > 127) * np.uint8(255)})
    assert evaluate_folders(found, true, None)["test"]["dice"]["mean"] == 1


def test_pictures_and_volumes_are_not_averaged(tmp_path: Path) -> None:
    volumes = write_boxes(tmp_path / "volumes", 1) / "labels"
    cv2.imwrite(str(volumes / "a.png"), half())
    with pytest.raises(ModicumError, match=r"is a volume, a\.png a picture"):
        evaluate_folders(volumes, volumes, None)


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    true = masks(tmp_path / "true", {"a": half(), "b": half()})
    cv2.imwrite(str(true / "a.bmp"), half())
    with pytest.raises(ModicumError, match="same name"):
        evaluate_folders(masks(tmp_path / "found", {"a": half(), "b": half()}), true, None)


def two_classes(folder: Path, values: tuple[int, int], count: int, dtype: type = np.uint8) -> Path:
    data = write_discs(folder, count)
    for path in (data / "labels").iterdir():
        label = (cv2.imread(str(path), 0) > 0).astype(dtype) * values[0]
        middle = label.shape[1] // 2
        label[:, middle:][label[:, middle:] > 0] = values[1]
        cv2.imwrite(str(path), label)
    return data


def test_class_values_are_kept_and_must_agree(tmp_path: Path) -> None:
    """16-bit values come back as they were; data whose values mean something else are refused."""
    data = two_classes(tmp_path / "data", (500, 1000), 12, np.uint16)
    run = md.train(data, tmp_path / "run", recipe="small-whole", changes=TINY)
    written = cv2.imread(str(next((run.folder / "predictions").glob("*.png"))), cv2.IMREAD_UNCHANGED)
    assert set(np.unique(written)) <= {0, 500, 1000}
    assert written.max() >= 500
    slashed = replace(run.bundle, classes=("cup/disc", "rim"))
    predict(slashed, [str(data / "images" / "case_00.png")], tmp_path / "maps", probabilities=True)
    assert {p.name for p in (tmp_path / "maps" / "probabilities").iterdir()} == {"case_00_cup-disc.png", "case_00_rim.png"}
    other = two_classes(tmp_path / "other", (500, 2000), 4, np.uint16)
    with pytest.raises(ModicumError, match="2000"):
        evaluate_bundle(run.folder / "model.modicum", other, tmp_path / "out")


def test_folds_share_a_threshold_and_say_so(discs: Path, tmp_path: Path) -> None:
    run = md.train(discs, tmp_path / "run", recipe="small-whole", changes=[*TINY, "fit.epochs=2"], folds=2)
    assert run.summary["test"]["dice"]["n"] == 14
    assert run.summary["test"]["threshold"] == run.bundle.threshold
    assert any(f"{run.bundle.threshold:.3f}" in note for note in run.summary["protocol"])
    assert len(run.bundle.provenance["seen"]) == 14


def test_the_folder_of_a_run_that_died_at_once_is_taken_up(discs: Path, tmp_path: Path) -> None:
    place = tmp_path / "run"
    place.mkdir()
    (place / "recipe.yaml").write_text("name: x\n")
    (place / "environment.json.unfinished").write_text("{")
    run = md.train(discs, place, recipe="small-whole", changes=[*TINY, "fit.epochs=1"])
    assert (place / "report.html").exists()
    assert run.summary["counts"]["train"] > 0


def test_changed_labels_make_other_data(discs: Path, tmp_path: Path) -> None:
    """Of the same size in bytes."""
    data = write_discs(tmp_path / "data", 12)
    for path in [*(data / "labels").iterdir()]:
        cv2.imwrite(str(path.with_suffix(".bmp")), cv2.imread(str(path), 0))
        path.unlink()
    changes = [*TINY, "fit.epochs=1"]
    md.train(data, tmp_path / "run", recipe="small-whole", changes=changes)
    one = data / "labels" / "case_03.bmp"
    cv2.imwrite(str(one), cv2.flip(cv2.imread(str(one), 0), 1))
    with pytest.raises(ModicumError, match="other data"):
        md.train(data, tmp_path / "run", recipe="small-whole", changes=changes)


def test_other_classes_in_predictions_do_not_hide_the_one_that_is_asked_for(tmp_path: Path) -> None:
    truth, found = tmp_path / "truth", tmp_path / "found"
    mask = np.zeros((20, 20), np.uint8)
    mask[2:8, 2:8], mask[10:18, 10:18] = 1, 2
    for folder in (truth, found):
        folder.mkdir()
        cv2.imwrite(str(folder / "a.png"), mask)
    (truth / "classes.json").write_text('{"liver": 1}')
    assert evaluate_folders(found, truth, None)["test"]["dice"]["mean"] == 1


def test_masks_and_true_masks_may_end_differently(tmp_path: Path) -> None:
    mask = np.zeros((20, 20), np.uint8)
    mask[4:9] = 255
    for folder, ending in (("true", "_mask"), ("found", ""), ("other", "_seg")):
        (tmp_path / folder).mkdir()
        for name in ("case 1 Müller", "case 2"):
            cv2.imwrite(str(tmp_path / folder / f"{name}{ending}.png"), mask)
    for folder in ("found", "other"):
        dice = evaluate_folders(tmp_path / folder, tmp_path / "true", None)["test"]["dice"]
        assert (dice["mean"], dice["n"]) == (1, 2)
    cv2.imwrite(str(tmp_path / "other" / "case 2_gt.png"), mask)  # which of the two is meant is not known
    with pytest.raises(ModicumError, match="1 of 2 true masks"):
        evaluate_folders(tmp_path / "other", tmp_path / "true", None)


def test_the_report_says_when_the_run_began(finished: Run) -> None:
    began = json.loads((finished.folder / "environment.json").read_text())["started"]
    assert began in (finished.folder / "report.html").read_text("utf-8")


@pytest.mark.parametrize(("count", "roles"), [(1, ["worst"]), (2, ["worst", "best"]), (3, ["worst", "best", "median"])])
def test_no_picture_of_few_is_shown_under_a_wrong_name(finished: Run, discs: Path, count: int, roles: list[str]) -> None:
    data, place = discover(discs), finished.folder / "predictions"
    cases = [c for c in data.labelled if (place / f"{c.id}.png").exists()][:count]
    shown = examples(dict.fromkeys([c.id for c in cases], 0.0), cases, data.code, finished.bundle, place)
    assert [e.role for e in shown] == roles
    assert shown[0].case_id == cases[0].id  # among equals the first is the worst, as in words


def test_what_cannot_be_measured_is_told_with_what_to_do(finished: Run, discs: Path, tmp_path: Path) -> None:
    model = finished.folder / "model.modicum"
    with pytest.raises(ModicumError, match=r"'tset' is no part of a data set\. Did you mean 'test'"):
        evaluate_bundle(model, discs, tmp_path / "out", "tset")
    (tmp_path / "images").symlink_to(discs / "images")
    with pytest.raises(ModicumError, match=r"no picture here is labelled.*modicum predict"):
        evaluate_bundle(model, tmp_path, tmp_path / "out")
    with pytest.raises(ModicumError, match="not empty and is no evaluation"):
        evaluate_bundle(model, discs, discs)


def test_an_interrupted_evaluation_can_be_repeated(finished: Run, discs: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "predictions").mkdir(parents=True)
    evaluate_bundle(finished.folder / "model.modicum", discs, tmp_path / "out")
    evaluate_bundle(finished.folder / "model.modicum", discs, tmp_path / "out")


def test_a_prediction_says_what_to_look_at(
    finished: Run, discs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    black = tmp_path / "black.png"
    cv2.imwrite(str(black), np.zeros((48, 48, 3), np.uint8))
    deaf = replace(finished.bundle, threshold=1.0)
    predict(deaf, [str(black), str(discs)], tmp_path / "out")
    said = capsys.readouterr().err
    assert "Not segmented: 14 files that are labels or fields of view by name" in said
    assert "15 of 15 masks are empty, such as" in said
    assert "warning" not in said
    (volume,) = sorted((write_boxes(tmp_path / "volumes", 1) / "images").iterdir())
    predict(deaf, [str(volume)], tmp_path / "out")
    assert "the model has learned from pictures, and these are volumes" in capsys.readouterr().err
