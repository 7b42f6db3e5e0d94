"""From scribbles to a model: only marked pixels teach and are measured; full labels of test pictures are measured in full."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

import modicum as md
from discs import TINY, write_discs
from modicum.errors import ModicumError
from modicum.recipes import load
from modicum.supervision import SUPERVISIONS
from modicum.supervision.weak import weakened
from modicum.views import TrainingPicture

LONGER = [*TINY, "fit.epochs=30", "fit.rate=0.02"]


@pytest.fixture(scope="module")
def marks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Discs whose labels are scribbles (0, 1, else 255), but for those of the test pictures, which are full."""
    folder = write_discs(tmp_path_factory.mktemp("marks"), 14)
    (folder / "classes.json").write_text('{"background": 0, "disc": 1, "unmarked": 255}')
    names = [f"case_{n:02d}" for n in range(14)]
    (folder / "split.json").write_text(json.dumps({"train": names[:7], "val": names[7:10], "test": names[10:]}))
    for number, path in enumerate(sorted((folder / "labels").iterdir())):
        full = (cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 0).astype(np.uint8)
        picture = TrainingPicture(path.stem, np.zeros((48, 48, 1), np.uint8), full)
        drawn = weakened(picture, SUPERVISIONS.build("scribbles"), 0)
        assert drawn.valid is not None
        cv2.imwrite(str(path), np.where(drawn.valid > 0, full, 255) if number < 10 else full)
    return folder


def test_a_model_learns_from_scribbles_alone(marks: Path, tmp_path: Path) -> None:
    run = md.train(marks, tmp_path / "run", recipe="small-scribbles", changes=LONGER)
    kinds = {f.kind for f in run.findings}
    assert run.summary["test"]["dice"]["mean"] > 0.8
    assert "partly-marked" in kinds
    assert not kinds & {"measured-in-part", "scribbles-simulated"}
    dice = [float(line.split(",")[4]) for line in (run.folder / "metrics.csv").read_text().splitlines()[1:]]
    assert dice[-1] > 0.9, "measured on marked pixels"


def test_pictures_without_any_mark_teach_nothing(marks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = shutil.copytree(marks, tmp_path / "data")
    names = [f"case_{n:02d}" for n in range(14)]
    for name in (*names[:6], names[7]):  # and one of the validation pictures
        cv2.imwrite(str(data / "labels" / f"{name}.png"), np.full((48, 48), 255, np.uint8))
    run = md.train(data, tmp_path / "run", recipe="small-scribbles", changes=TINY)
    assert "6 of 7 have no marked pixel" in capsys.readouterr().err
    assert run.bundle.provenance["training_cases"] == 1
    assert run.bundle.threshold > 0.01, "what says nothing chooses no threshold"
    (data / "split.json").write_text(json.dumps({"train": names[:6], "val": names[6:10], "test": names[10:]}))
    with pytest.raises(ModicumError, match="no pixel of the training pictures is marked"):
        md.train(data, tmp_path / "none", recipe="small-scribbles", changes=TINY)


def test_what_is_measured_on_marks_is_called_so(marks: Path, tmp_path: Path) -> None:
    names = [f"case_{n:02d}" for n in range(14)]
    for source in marks.rglob("*.*"):
        there = tmp_path / "data" / source.relative_to(marks)
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(source.read_bytes())
    parts = {"train": names[:6], "val": names[10:], "test": names[6:10]}
    (tmp_path / "data" / "split.json").write_text(json.dumps(parts))
    run = md.train(tmp_path / "data", tmp_path / "run", recipe="small-scribbles", changes=TINY)
    (told,) = [f for f in run.findings if f.kind == "measured-in-part"]
    assert "4 of 4 test pictures" in told.message
    assert "measured-in-part" in {f["kind"] for f in run.summary["findings"]}
    assert told.message in (run.folder / "report.html").read_text("utf-8")


def test_auto_sees_that_labels_are_scribbles(marks: Path, tmp_path: Path) -> None:
    run = md.train(marks, tmp_path / "run", changes=[*TINY, "fit.budget=null"])
    assert run.bundle.recipe.labels == "scribbles"
    assert run.bundle.trust is None


def test_scribbles_are_drawn_into_full_labels_and_that_is_said(discs: Path, tmp_path: Path) -> None:
    run = md.train(discs, tmp_path / "run", recipe="small-whole", changes=[*TINY, "supervision=scribbles"])
    assert "scribbles-simulated" in {f.kind for f in run.findings}


def test_centre_lines_train(discs: Path, tmp_path: Path) -> None:
    changes = ["network.encoder.widths=[4,8]", "view.size=32", "fit.epochs=2", "fit.batch_size=4", "fit.precision=32-true"]
    run = md.train(discs, tmp_path / "run", recipe="small-centre-lines", changes=changes)
    assert run.bundle.recipe.labels == "centre_lines"
    assert np.isfinite(run.summary["test"]["dice"]["mean"])


@pytest.mark.parametrize("change", ["fit.loss=cldice", "view=polar", "network=mask_rcnn"])
def test_what_needs_whole_objects_is_refused(change: str) -> None:
    with pytest.raises(ModicumError, match="scribbles do not show"):
        load("small-whole", [change, "supervision=scribbles"])


def test_what_needs_whole_objects_is_refused_for_such_labels(marks: Path, tmp_path: Path) -> None:
    with pytest.raises(ModicumError, match="unmarked pixels do not show"):
        md.train(marks, tmp_path / "run", recipe="small-whole", changes=[*TINY, "fit.loss=cldice"])


def test_predictions_of_such_a_model_are_measured_against_marks(marks: Path, tmp_path: Path) -> None:
    from modicum.runs.evaluating import evaluate_bundle

    run = md.train(marks, tmp_path / "run", recipe="small-scribbles", changes=TINY)
    found, _ = evaluate_bundle(run.folder / "model.modicum", marks, tmp_path / "out", "val")
    assert "measured-in-part" in {f["kind"] for f in found["findings"]}


def test_anybodys_masks_are_measured_on_marked_pixels_alone(tmp_path: Path) -> None:
    from modicum.runs.evaluating import evaluate_folders

    for sub in ("labels", "found"):
        (tmp_path / sub).mkdir()
    (tmp_path / "classes.json").write_text('{"disc": 1, "unmarked": 255}')
    true, found = np.full((20, 20), 255, np.uint8), np.zeros((20, 20), np.uint8)
    true[:4], true[4:8], found[:10] = 1, 0, 255
    for name in ("a", "b"):
        cv2.imwrite(str(tmp_path / "labels" / f"{name}.png"), true)
        cv2.imwrite(str(tmp_path / "found" / f"{name}.png"), found)
    done = evaluate_folders(tmp_path / "found", tmp_path / "labels", None)
    assert done["test"]["dice"]["mean"] == pytest.approx(2 * 4 / (8 + 4))
