"""The bundle on disk: whole or not at all, and words for what cannot be read."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from modicum.bundle import FORMAT, Bundle
from modicum.errors import ModicumError
from modicum.images.intensity import Intensity
from modicum.inference.trust import Trust
from modicum.networks import NETWORKS
from modicum.recipes import checked, load

SMALL = {"name": "unet", "encoder": {"widths": [2, 4]}}


@pytest.fixture
def bundle() -> Bundle:
    weights = NETWORKS.build(SMALL, 1, 1).state_dict()
    return Bundle(checked({"network": SMALL}), weights, ("disc",), Intensity((0.5,), (0.2,)), 0.4, (255,))


def test_a_bundle_comes_back_as_it_was(bundle: Bundle, tmp_path: Path) -> None:
    bundle.save(tmp_path / "model.modicum")
    again = Bundle.load(tmp_path / "model.modicum")
    assert (again.recipe, again.classes, again.intensity, again.threshold) == (
        bundle.recipe,
        bundle.classes,
        bundle.intensity,
        bundle.threshold,
    )
    assert all(torch.equal(again.weights[key], value) for key, value in bundle.weights.items())
    assert [p.name for p in tmp_path.iterdir()] == ["model.modicum"]


def test_what_it_says_of_itself_comes_back_and_older_bundles_say_nothing(bundle: Bundle, tmp_path: Path) -> None:
    trust = Trust((1.0, 2.0), (0.5, 0.0), 1.2, {"foreground": (0.1, 0.2)}, (0.0, 1.0, 0.5, 0.0, 0.0))
    replace(bundle, temperature=1.5, trust=trust).save(tmp_path / "model.modicum")
    again = Bundle.load(tmp_path / "model.modicum")
    assert (again.temperature, again.trust) == (1.5, trust)
    with zipfile.ZipFile(tmp_path / "model.modicum") as new, zipfile.ZipFile(tmp_path / "old.modicum", "w") as old:
        for name in new.namelist():
            content = new.read(name)
            if name == "bundle.json":
                about = {k: v for k, v in json.loads(content).items() if k not in ("temperature", "trust")}
                content = json.dumps(about).encode()
            old.writestr(name, content)
    older = Bundle.load(tmp_path / "old.modicum")
    assert (older.temperature, older.trust) == (1.0, None)


def test_a_full_disk_leaves_the_old_bundle_and_nothing_else(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.modicum"
    bundle.save(path)
    before, write = path.read_bytes(), zipfile.ZipFile.writestr

    def full(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
        if name == "weights.safetensors":
            raise OSError(28, "No space left on device")
        write(archive, name, data)

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(ModicumError, match="No space left"):
        bundle.save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["model.modicum"]
    assert path.read_bytes() == before


def test_a_bundle_of_a_later_format_asks_for_an_update_whatever_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "model.modicum"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bundle.json", json.dumps({"format": FORMAT + 1}))
        archive.writestr("several-weights.safetensors", b"")
    with pytest.raises(ModicumError, match="Update Modicum"):
        Bundle.load(path)


@pytest.mark.parametrize("about", ["[1]", "{}", '{"format": "new"}', f'{{"format": {FORMAT}}}', "{"])
def test_what_is_no_bundle_is_told(tmp_path: Path, about: str) -> None:
    path = tmp_path / "model.modicum"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bundle.json", about)
    with pytest.raises(ModicumError, match="damaged"):
        Bundle.load(path)


def forged(path: Path, name: str, content: bytes) -> Path:
    """The bundle with an entry of its archive replaced, checksums set right."""
    with zipfile.ZipFile(path) as archive:
        entries = {n: archive.read(n) for n in archive.namelist()} | {name: content}
    about = json.loads(entries["bundle.json"])
    if isinstance(about.get("weights_sha256"), str):
        entries["bundle.json"] = json.dumps(
            {**about, "weights_sha256": hashlib.sha256(entries["weights.safetensors"]).hexdigest()}
        ).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for entry, data in entries.items():
            archive.writestr(entry, data)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [("weights.safetensors", b"\0"), ("recipe.yaml", b"network: a: b"), ("recipe.yaml", b"\x0c"), ("recipe.yaml", b"[")],
)
def test_a_damaged_part_is_told(bundle: Bundle, tmp_path: Path, name: str, content: bytes) -> None:
    bundle.save(tmp_path / "model.modicum")
    with pytest.raises(ModicumError, match=r"model\.modicum: cannot be read as a Modicum bundle.*damaged"):
        Bundle.load(forged(tmp_path / "model.modicum", name, content))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("threshold", None),
        ("temperature", 0),
        ("temperature", []),
        ("intensity", {"mean": [0.5]}),
        ("intensity", {"mean": [0.5, 0.5], "sd": [0.2]}),
        ("classes", 3),
        ("label_values", [float("nan")]),
        ("label_values", []),
        ("trust", True),
        ("trust", {"mean": [1.0], "sd": [1.0, 2.0], "reach": 1.0, "shapes": {"pieces": [0, 1]}}),
        ("trust", {"mean": [1.0], "sd": [1.0], "reach": 0.0, "shapes": {"pieces": [0, 1]}}),
        ("trust", {"mean": [1.0], "sd": [1.0], "reach": 1.0, "shapes": {"pieces": [0, 1]}, "weights": [1.0]}),
        ("trust", {"mean": [1.0], "sd": [1.0], "reach": 1.0, "shapes": {"pieces": [0, 1]}, "weights": []}),
    ],
)
def test_a_wrong_value_is_told_when_it_is_read_and_not_in_the_middle_of_a_prediction(
    bundle: Bundle, tmp_path: Path, key: str, value: object
) -> None:
    path = tmp_path / "model.modicum"
    bundle.save(path)
    with zipfile.ZipFile(path) as archive:
        about = json.loads(archive.read("bundle.json"))
    with pytest.raises(ModicumError, match=f"damaged|{key}"):
        Bundle.load(forged(path, "bundle.json", json.dumps({**about, key: value}).encode()))


def test_weights_of_another_network_are_told(bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "model.modicum"
    replace(bundle, weights=NETWORKS.build({"name": "unet", "encoder": {"widths": [2, 8]}}, 1, 1).state_dict()).save(path)
    with pytest.raises(ModicumError, match="do not fit"):
        Bundle.load(path).segmenter()


@pytest.mark.parametrize(
    ("view", "augmentation", "flips"),
    [
        ("whole", "strong", ((-2,), (-1,), (-2, -1))),
        ("whole", "{name: strong, any_rotation: false}", ((-1,),)),  # never seen upside down
        ("whole", "none", ()),
        ("patches", "depth", ((-1,),)),
        ("polar", "depth", ((-2,),)),
        ("polar", "none", ()),
    ],
)
def test_only_flips_that_the_training_has_shown_are_averaged(view: str, augmentation: str, flips: tuple) -> None:
    recipe = load(f"small-{view}", [f"fit.augmentation={augmentation}", "network.encoder.widths=[4,8]"])
    network = NETWORKS.build(recipe.network, 3, 1)
    bundle = Bundle(recipe, network.state_dict(), ("disc",), Intensity((0.5,) * 3, (0.2,) * 3), 0.5, (255,))
    assert bundle.segmenter().flips == flips
    assert bundle.segmenter(flips=False).flips == ()


def test_a_folder_without_a_model_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(ModicumError, match=r"there is no model\.modicum in this folder"):
        Bundle.load(tmp_path)
