"""ImageNet starts: real weights that recognise photographs, the reference's features, downloads with checksums."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from skimage import data
from sklearn.datasets import load_sample_image
from torch.nn import functional as F

from modicum.errors import ModicumError
from modicum.networks import ENCODERS, NETWORKS
from modicum.starts import PUBLISHED, begin_as_imagenet, expected_scale
from modicum.starts.imagenet import Published, for_channels, published_weights, read_weights

LITE = [f"efficientnet_lite{n}" for n in (0, 1, 2)]


@pytest.fixture(params=LITE)
def lite(request: pytest.FixtureRequest) -> str:
    pytest.importorskip(PUBLISHED[request.param].package, reason="install modicum[imagenet]")
    return str(request.param)


def photograph(name: str) -> torch.Tensor:
    """The middle of a photograph, (1, 3, 224, 224), normalised as EfficientNet-Lite expects."""
    picture = load_sample_image(f"{name}.jpg") if name == "china" else getattr(data, name)()
    side = min(picture.shape[:2])
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    small = cv2.resize(picture[top : top + side, left : left + side], (224, 224), interpolation=cv2.INTER_AREA)
    mean, sd = expected_scale("efficientnet_lite0", 3)
    return torch.from_numpy((small.astype(np.float32) / 255 - mean) / sd).float().permute(2, 0, 1)[None]


@pytest.mark.parametrize(("name", "classes"), [("coffee", {967}), ("chelsea", {281, 282, 285}), ("china", {698})])
def test_photographs_are_recognised(name: str, classes: set[int], lite: str) -> None:
    """An espresso, a cat and a palace: the encoder with the published head that Modicum leaves out."""
    weights = published_weights(lite)
    encoder = ENCODERS.build(lite, 3).eval()
    begin_as_imagenet(encoder, lite, 3)
    with torch.no_grad():
        x = F.conv2d(encoder(photograph(name))[-1], weights["_conv_head.weight"])
        norm = (weights[f"_bn1.{k}"] for k in ("running_mean", "running_var", "weight", "bias"))
        x = F.batch_norm(x, *norm, eps=1e-3).clamp(0, 6).mean(dim=(2, 3))
        found = F.linear(x, weights["_fc.weight"], weights["_fc.bias"]).argmax().item()
    assert found in classes


@pytest.mark.parametrize("size", [(224, 224), (96, 160)])
def test_features_are_those_of_the_reference(lite: str, size: tuple[int, int]) -> None:
    reference = pytest.importorskip("efficientnet_lite_pytorch").EfficientNet
    file = str(PUBLISHED[lite].installed)
    theirs = reference.from_pretrained(lite.replace("_", "-"), weights_path=file, image_size=size).eval()
    ours = ENCODERS.build(lite, 3).eval()
    begin_as_imagenet(ours, lite, 3)
    x = torch.randn(2, 3, *size)
    with torch.no_grad():
        wanted = theirs._swish(theirs._bn0(theirs._conv_stem(x)))
        for block in theirs._blocks:
            wanted = block(wanted)
        assert torch.allclose(ours(x)[-1], wanted, atol=1e-4)


def test_every_encoder_of_a_network_gets_them() -> None:
    pytest.importorskip(PUBLISHED["efficientnet_lite0"].package)
    network = NETWORKS.build({"name": "coarse_to_fine", "inner": {"name": "unet", "encoder": "efficientnet_lite0"}}, 3, 1)
    done = begin_as_imagenet(network, "efficientnet_lite0", 3)
    coarse, fine = network.coarse.encoder, network.fine.encoder
    assert torch.equal(coarse._blocks[3]._bn1.weight, fine._blocks[3]._bn1.weight)
    assert torch.equal(fine._conv_stem.weight[:, :3], coarse._conv_stem.weight)
    assert not fine._conv_stem.weight[:, 3:].any()  # at first the coarse mask changes nothing
    assert 0 < done.copied < done.parameters


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_other_channels_than_three(channels: int) -> None:
    pytest.importorskip(PUBLISHED["efficientnet_lite0"].package)
    grey = torch.randn(1, 1, 64, 64)
    answers = []
    for number in (3, channels):
        encoder = ENCODERS.build("efficientnet_lite0", number).eval()
        begin_as_imagenet(encoder, "efficientnet_lite0", number)
        with torch.no_grad():
            answers.append(encoder._conv_stem(grey.expand(-1, number, -1, -1)))
    if channels == 1:
        assert torch.allclose(*answers, atol=1e-4)  # a grey picture is answered as the same picture in colour
    assert 0.5 < float(answers[1].std() / answers[0].std()) < 2


def test_a_first_layer_for_two_channels_keeps_the_colours_in_turn() -> None:
    weight = torch.randn(4, 3, 3, 3)
    assert torch.allclose(for_channels(weight, 2), weight[:, :2] * 1.5)
    assert torch.allclose(for_channels(weight, 3), weight)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A folder, and the address at which a local server offers it; downloads are kept in another folder."""
    folder = tmp_path / "hub"
    folder.mkdir()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    handler.log_message = lambda *args: None
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def offered(folder: Path, monkeypatch: pytest.MonkeyPatch, spoil: bool = False) -> dict[str, torch.Tensor]:
    """A checkpoint of ResNet-18 as it is published: with a classifier, and its checksum in its name."""
    torch.manual_seed(1)
    weights = {**ENCODERS.build("resnet18", 3).state_dict(), "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}
    file = folder / "resnet18.pth"
    torch.save(weights, file)
    digits = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    named = file.rename(folder / f"resnet18-{digits}.pth")
    if spoil:
        named.write_bytes(named.read_bytes()[:-1] + b"!")
    monkeypatch.setitem(PUBLISHED, "resnet18", Published(named.name))
    return weights


def test_download_with_checksum(hub: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, address = hub
    weights = offered(folder, monkeypatch)
    found = published_weights("resnet18", address)
    assert torch.equal(found["layer4.1.conv2.weight"], weights["layer4.1.conv2.weight"])
    next(folder.iterdir()).unlink()
    assert published_weights("resnet18", address).keys() == weights.keys()  # from the cache


def test_a_download_that_was_changed_on_its_way_is_refused(hub: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, address = hub
    offered(folder, monkeypatch, spoil=True)
    with pytest.raises(ModicumError, match="invalid hash"):
        published_weights("resnet18", address)


def test_without_a_network_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(ModicumError, match=r"start\.file.*efficientnet_lite0"):
        published_weights("resnet34", "http://127.0.0.1:9/")


def test_weights_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = offered(tmp_path, monkeypatch)
    network = NETWORKS.build({"name": "unet", "encoder": "resnet18"}, 1, 1)
    begin_as_imagenet(network, "resnet18", 1, next(tmp_path.iterdir()))
    assert torch.allclose(network.encoder.conv1.weight, weights["conv1.weight"].sum(dim=1, keepdim=True))
    assert torch.equal(network.encoder.layer3[1].bn2.bias, weights["layer3.1.bn2.bias"])


def test_files_that_are_no_weights(tmp_path: Path) -> None:
    with pytest.raises(ModicumError, match="no such file"):
        read_weights(tmp_path / "none.pth")
    (tmp_path / "text.pth").write_text("not weights")
    with pytest.raises(ModicumError, match="cannot be read"):
        read_weights(tmp_path / "text.pth")
    (tmp_path / "empty.pth").touch()
    with pytest.raises(ModicumError, match="cannot be read"):
        read_weights(tmp_path / "empty.pth")
    torch.save(torch.nn.Linear(2, 2), tmp_path / "pickle.pth")  # code, not plain weights
    with pytest.raises(ModicumError, match="cannot be read"):
        read_weights(tmp_path / "pickle.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(ModicumError, match="no weights by name"):
        read_weights(tmp_path / "list.pth")


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save(ENCODERS.build("resnet18", 3).state_dict(), tmp_path / "18.pth")
    with pytest.raises(ModicumError, match=r"another network.*layer1\.2"):
        begin_as_imagenet(NETWORKS.build({"name": "unet", "encoder": "resnet34"}, 3, 1), "resnet34", 3, tmp_path / "18.pth")
