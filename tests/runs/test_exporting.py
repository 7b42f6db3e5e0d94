"""A bundle as an ONNX graph: the same probabilities without Modicum, and words for whoever runs it."""

from __future__ import annotations

import builtins
import json
import re
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from modicum.bundle import Bundle, outputs_for
from modicum.cli.main import app
from modicum.errors import ModicumError
from modicum.geometry import resize, sample
from modicum.images.intensity import Intensity
from modicum.networks import NETWORKS
from modicum.recipes import Recipe, checked, load
from modicum.runs.exporting import export
from modicum.views import VIEWS

PLAIN = {"name": "unet", "encoder": {"widths": [4, 8]}}
LITE = {"name": "deeplabv3plus", "encoder": "efficientnet_lite0", "width": 16}
SIX = {"name": "whole", "size": [48, 72]}  # PSPNet pools 6 x 6 areas, for ONNX all of one size
WHOLE = {"name": "whole", "size": [32, 48]}
PIXELS = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)

needs_onnx = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("onnx", "onnxruntime")),
    reason="onnx and onnxruntime are not installed: pip install 'modicum[onnx]'",
)


def made(network: dict[str, Any], *, classes: int = 1, seed: int = 0, channels: int = 3, **keys: Any) -> Bundle:
    """A bundle with weights that nobody has trained, whose answers are neither all 0 nor all 1."""
    torch.manual_seed(seed)
    recipe = checked({"network": network, "view": WHOLE, **keys.pop("axes", {})})
    net = NETWORKS.build(recipe.network, channels, outputs_for(classes))
    with torch.no_grad():
        for _ in range(20):  # its batch norms have seen something
            net.train()(torch.randn(4, channels, *WHOLE["size"]))
        last = [m for m in net.modules() if isinstance(m, nn.Conv2d) and m.out_channels == outputs_for(classes)][-1]
        last.weight /= net.eval()(torch.randn(4, channels, *WHOLE["size"])).std()  # answers that are not all the same
    intensity = Intensity((0.5, 0.4, 0.3)[:channels], (0.2, 0.25, 0.3)[:channels])
    names = tuple("abc"[:classes])
    return replace(Bundle(recipe, net.state_dict(), names, intensity, 0.4, tuple(range(1, classes + 1))), **keys)


def run(file: Path, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The graph's answer (K, h, w) to working pixels (h, w, C), by a program that is not Modicum."""
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(file, providers=["CPUExecutionProvider"])
    found: npt.NDArray[np.float32] = session.run(None, {"pixels": pixels.transpose(2, 0, 1)[None].astype(np.float32)})[0][0]
    return found


def resized(size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    return np.asarray(sample(PIXELS, resize((70, 90), size)), np.uint8)


@needs_onnx
@pytest.mark.parametrize(
    "bundle",
    [
        pytest.param(lambda: made(PLAIN), id="unet"),
        pytest.param(lambda: made(PLAIN, temperature=1.7), id="temperature"),
        pytest.param(lambda: made(PLAIN, classes=3, temperature=0.6), id="three classes"),
        pytest.param(lambda: made(LITE), id="deeplabv3plus"),
        pytest.param(lambda: made({"name": "pspnet", "encoder": {"widths": [4, 8, 16]}}, axes={"view": SIX}), id="fixed size"),
        pytest.param(
            lambda: replace(made(PLAIN, classes=3), others=(made(PLAIN, classes=3, seed=1, temperature=2.0),)), id="ensemble"
        ),
    ],
)
def test_the_graph_answers_as_the_bundle(bundle: Any, tmp_path: Path) -> None:
    bundle = bundle()
    export(bundle, tmp_path / "model.onnx")
    shown = resized(VIEWS.build(bundle.recipe.view).size)
    own = bundle.segmenter().probabilities(shown)
    assert own.std() > 0.03, "an answer that could be wrong"
    np.testing.assert_allclose(run(tmp_path / "model.onnx", shown), own, atol=1e-3)


@needs_onnx
def test_of_patches_any_size_and_a_pictures_own_brightness(tmp_path: Path) -> None:
    axes = {"view": {"name": "patches", "size": 32}, "images": {"normalise": "picture"}}
    bundle = made(PLAIN, axes=axes, intensity=Intensity((0.5,) * 3, (0.2,) * 3, per_picture=True))
    about = export(bundle, tmp_path / "model.onnx", flips=False)
    assert about["any_size"] and about["input"]["shape"] == ["n", 3, "height", "width"]
    network = bundle.network().eval()
    for part in (PIXELS, PIXELS[:64, :80], PIXELS[5:38, :41]):
        values = part / 255
        images = torch.from_numpy((values - values.mean((0, 1))) / values.std((0, 1))).permute(2, 0, 1).float()[None]
        own = network(images).sigmoid().detach()[0]
        np.testing.assert_allclose(run(tmp_path / "model.onnx", part), own, atol=1e-3)


@needs_onnx
def test_what_to_do_before_and_after_is_beside_the_graph_and_in_it(tmp_path: Path) -> None:
    axes = {
        "images": {"grey": True, "prepare": ["clahe"]},
        "finish": {"steps": ["largest"], "flips": False},
    }
    bundle = made(PLAIN, channels=1, axes=axes, low=0.2, intensity=Intensity((0.5,), (0.2,), grey=True))
    about = export(replace(bundle, provenance={"seen": {"patient-7": "1"}}), tmp_path / "model.onnx")
    assert json.loads((tmp_path / "model.json").read_text("utf-8")) == about
    onnx = pytest.importorskip("onnx")
    model = onnx.load(tmp_path / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    told = {prop.key: prop.value for prop in model.metadata_props}
    assert told.keys() == about.keys()
    assert json.loads(told["size"]) == [32, 48] and json.loads(told["classes"]) == ["a"]
    assert about["channels"] == ["grey"] and "luminance" in about["grey"]
    assert (about["threshold"], about["low"]) == (0.4, 0.2)
    assert about["input"] == {"name": "pixels", "type": "float32", "shape": ["n", 1, "height", "width"], "range": [0, 255]}
    assert about["prepare"][0]["name"] == "clahe" and about["finish_steps"][0]["name"] == "largest"
    assert "32 x 48 (height x width)" in about["resizing"]
    assert about["greatest_difference_in_a_check"] < 1e-3
    content = (tmp_path / "model.onnx").read_bytes()
    assert b"patient-7" not in content and not re.search(rb"/[a-z]+/[a-z-]+/|\.py\b", content), "neither patients nor places"


@needs_onnx
def test_slices_of_volumes_say_what_their_channels_are(tmp_path: Path) -> None:
    axes = {"images": {"window": [-160, 240], "neighbours": 1, "depth": True, "spacing": [1.5, 2]}, "finish": {"flips": False}}
    four = Intensity((0.5,) * 4, (0.2,) * 4)
    about = export(replace(made(PLAIN, channels=4, axes=axes), intensity=four), tmp_path / "model.onnx")
    assert [c.split(",")[0] for c in about["channels"]] == ["slice -1", "slice +0", "slice +1", "how high the slice lies"]
    assert "from -160.0 (0) to 240.0 (255)" in about["values"] and about["spacing_mm"] == [1.5, 2]


def _recipe(name: str, **keys: Any) -> Recipe:
    return load(name, [f"{key}={value}" for key, value in keys.items()])


def test_what_is_no_single_graph_is_refused(tmp_path: Path) -> None:
    plain = made(PLAIN)
    refused = {
        "classical method": replace(plain, recipe=_recipe("otsu")),
        "finds the objects": replace(plain, recipe=_recipe("small-crops"), localiser=plain),
        "'mask_rcnn'": replace(plain, recipe=_recipe("mask-rcnn")),
        "blocks of slices": replace(plain, recipe=_recipe("small-3d")),
        "do not see the same": replace(plain, others=(made(PLAIN, axes={"view": {"name": "whole", "size": 64}}),)),
    }
    for why, bundle in refused.items():
        with pytest.raises(ModicumError, match=why) as error:
            export(bundle, tmp_path / "model.onnx")
        assert error.value.remedy
    assert not list(tmp_path.iterdir())


@needs_onnx
def test_a_network_that_onnx_cannot_express_is_refused_in_a_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    network = {"name": "coarse_to_fine", "size": 16, "inner": PLAIN}
    with pytest.raises(ModicumError, match="'coarse_to_fine' cannot be written as ONNX") as error:
        export(made(network), tmp_path / "model.onnx")
    assert "\n" not in str(error.value) and capfd.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())


@needs_onnx
def test_a_graph_that_answers_otherwise_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modicum.runs.exporting._difference", lambda *_: 0.01)
    with pytest.raises(ModicumError, match=r"differ by up to 0\.01"):
        export(made(PLAIN), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_without_the_packages_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "onnx":
            raise ImportError(name=name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ModicumError, match=r"needs onnx\. pip install 'modicum\[onnx\]'"):
        export(made(PLAIN), tmp_path / "model.onnx")


@needs_onnx
def test_the_command_writes_beside_the_bundle_and_replaces_nothing_else(tmp_path: Path) -> None:
    made(PLAIN).save(tmp_path / "model.modicum")
    done = CliRunner().invoke(app, ["export", str(tmp_path), "--to", "onnx", "--no-flips"], catch_exceptions=False)
    assert done.exit_code == 0 and "pixels n x 3 x height x width" in done.stdout
    assert {p.name for p in tmp_path.iterdir()} == {"model.modicum", "model.onnx", "model.json"}
    (tmp_path / "summary.json").write_text("mine")
    for out, why in (("summary.onnx", "summary.json would be replaced"), ("model.bin", "must end in .onnx")):
        with pytest.raises(ModicumError, match=re.escape(why)):
            CliRunner().invoke(app, ["export", str(tmp_path), "--out", str(tmp_path / out)], catch_exceptions=False)
    assert (tmp_path / "summary.json").read_text() == "mine"
    with pytest.raises(ModicumError, match="no export to 'tflite'"):
        CliRunner().invoke(app, ["export", str(tmp_path), "--to", "tflite"], catch_exceptions=False)
