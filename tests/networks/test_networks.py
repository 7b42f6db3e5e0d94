"""All networks: any size, gradients everywhere, one batch by heart, the same answers folded and in half precision."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from by_heart import learn
from modicum.errors import ModicumError
from modicum.inference import ready
from modicum.losses import LOSSES
from modicum.networks import NETWORKS
from networks.small import PLAIN, SMALL, available, small

UNET = small("unet")


def test_every_network_is_tested_here() -> None:
    assert set(SMALL) == set(NETWORKS)


@pytest.mark.parametrize("name", available())
@pytest.mark.parametrize(("channels", "outputs", "size"), [(1, 1, (64, 64)), (3, 4, (50, 71)), (2, 2, (33, 97))])
def test_the_answer_has_the_size_of_the_picture(name: str, channels: int, outputs: int, size: tuple[int, int]) -> None:
    network = NETWORKS.build(small(name), channels, outputs).eval()
    with torch.no_grad():
        answer = network(torch.randn(1, channels, *size))
    assert answer.shape == (1, outputs, *size)
    assert answer.isfinite().all()


@pytest.mark.parametrize("size", [(3, 5), (1, 1)])
def test_even_a_picture_smaller_than_one_step(size: tuple[int, int]) -> None:
    network = NETWORKS.build({"name": "unet", "encoder": {"widths": [4] * 6}}, 2, 3).eval()  # halves five times
    assert network(torch.randn(2, 2, *size)).shape == (2, 3, *size)


def test_a_unet_of_one_size_is_a_row_of_convolutions() -> None:
    answer = NETWORKS.build({"name": "unet", "encoder": {"widths": [8]}}, 3, 2)(torch.rand(2, 3, 17, 20))
    assert answer.shape == (2, 2, 17, 20)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"name": "unet", "encoder": {"name": "vit", "width": 32, "depth": 4, "heads": 5}}, "cannot be divided among 5 heads"),
        ({"name": "deeplabv3plus", "encoder": {"widths": [4, 8, 8]}, "rates": [0, 6, 12]}, "rates"),
    ],
)
def test_what_cannot_be_built_is_said(spec: dict, said: str) -> None:
    with pytest.raises(ModicumError, match=said):
        NETWORKS.build(spec, 3, 1)


@pytest.mark.parametrize("name", available())
def test_gradients_reach_every_parameter(name: str) -> None:
    torch.manual_seed(0)
    network = NETWORKS.build(small(name), 2, 3)
    answer = network(torch.randn(4, 2, 64, 64))
    (answer.float() * torch.randn_like(answer)).sum().backward()
    without = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not without


@pytest.mark.parametrize("name", [n for n in available() if n != "hourglass"])  # which finds centres
def test_one_batch_is_learned_by_heart(name: str) -> None:
    torch.manual_seed(1)
    network = NETWORKS.build(small(name), 1, 1)
    for layer in network.modules():
        if isinstance(layer, nn.Dropout | nn.Dropout2d):
            layer.p = 0.0
    target = torch.zeros(2, 64, 64)
    target[0, 8:40, 16:48], target[1, 24:56, 8:32] = 1, 1
    images = target[:, None] + 0.1 * torch.randn(2, 1, 64, 64)
    dice = LOSSES.build("dice_ce")

    def all_answers(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return sum(dice(one, target) for one in logits.split(1, dim=1)) / logits.shape[1]

    pair = name == "coarse_to_fine"  # where its fine network looks leaps while the coarse one learns
    assert learn(network, images, target, all_answers, rate=1e-2, steps=240 if pair else 120, falls=pair) < 0.15


@pytest.mark.parametrize("name", available())
def test_half_precision_agrees(name: str) -> None:
    torch.manual_seed(0)
    network = NETWORKS.build(small(name), 3, 1)
    with torch.no_grad():
        for _ in range(20):
            network(torch.randn(8, 3, 64, 64))  # statistics for batch norm
        network.eval()
        images = torch.randn(2, 3, 64, 64)
        exact = network(images)
        with torch.autocast("cpu", torch.bfloat16):
            half = network(images).float()
    assert (exact - half).abs().mean() < 0.05 * exact.std() + 0.01


@pytest.mark.parametrize("name", available())
@pytest.mark.parametrize("size", [(64, 64), (61, 50)])
def test_made_ready_it_answers_the_same(name: str, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = NETWORKS.build(small(name), 3, 1)
    network(torch.randn(8, 3, 64, 64))  # running statistics away from their start
    images = torch.randn(2, 3, *size)
    with torch.no_grad():
        assert torch.allclose(ready(network)(images), network.eval()(images), atol=1e-3)


def test_batch_norm_is_folded_away() -> None:
    for name in ("unet", "attention_unet", "fcn", "unet_plus_plus"):
        folded = ready(NETWORKS.build(small(name), 3, 1))
        assert not any(isinstance(layer, nn.BatchNorm2d) for layer in folded.modules()), name


@pytest.mark.parametrize("name", available())
def test_its_weights_travel(name: str) -> None:
    torch.manual_seed(0)
    one, other = (NETWORKS.build(small(name), 2, 3).eval() for _ in range(2))
    images = torch.randn(1, 2, 64, 64)
    with torch.no_grad():
        assert not torch.equal(one(images), other(images))
        other.load_state_dict(one.state_dict())
        assert torch.equal(one(images), other(images))


def test_what_is_missing_to_a_multiple_is_mirrored_and_cut_off() -> None:
    torch.manual_seed(0)
    network = NETWORKS.build(UNET, 1, 1).eval()
    images = torch.randn(1, 1, 29, 42)
    by_hand = torch.nn.functional.pad(images, (0, 6, 0, 3), mode="reflect")
    assert torch.equal(network(images), network(by_hand)[..., :29, :42])


@pytest.mark.parametrize("name", list(LOSSES))
@pytest.mark.parametrize("outputs", [1, 3])
def test_every_loss_takes_the_answer_to_a_padded_picture(name: str, outputs: int) -> None:
    network = NETWORKS.build({"name": "unet", "encoder": {"widths": [4, 4, 4]}}, 1, outputs)
    target = torch.randint(0, max(2, outputs), (2, 21, 30), dtype=torch.uint8)
    LOSSES.build(name)(network(torch.randn(2, 1, 21, 30)), target).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_padding_gives_no_parameter_another_name() -> None:
    names = {key.split(".")[0] for key in NETWORKS.build(UNET, 1, 1).state_dict()}
    assert names == {"encoder", "up", "out"}


@pytest.mark.parametrize(("name", "answers"), [("wnet", 2), ("unet_plus_plus", 2), ("hourglass", 2), ("unet", 1)])
def test_several_answers_only_while_it_trains(name: str, answers: int) -> None:
    network = NETWORKS.build(small(name), 1, 3)
    images = torch.randn(2, 1, 64, 64)
    assert network.train()(images).shape[1] == answers * 3
    assert network.eval()(images).shape[1] == 3


def test_attention_weighs_every_pixel_between_nothing_and_all() -> None:
    network = NETWORKS.build({"name": "attention_unet", "encoder": PLAIN}, 1, 1).eval()
    seen = []
    for up in network.up:
        up.gate.weight.register_forward_hook(lambda *args: seen.append(args[2]))
    network(torch.randn(1, 1, 32, 32))
    assert [tuple(w.shape) for w in seen] == [(1, 1, 16, 16), (1, 1, 32, 32)]
    assert all(w.min() >= 0 and w.max() <= 1 for w in seen)
