"""The bundle on disk: whole or not at all, and words for what cannot be read."""

from __future__ import annotations

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
from modicum.recipes import checked

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
