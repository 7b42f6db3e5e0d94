"""Encoders: sizes of their maps, published parameter counts and names, dilation, and every decoder on every encoder."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from modicum.errors import ModicumError
from modicum.networks import ENCODERS, NETWORKS
from modicum.networks.encoders import dilate

QUICK: dict[str, dict[str, Any]] = {"vit": {"width": 32, "depth": 4, "heads": 4}, "swin": {"width": 12, "window": 4}}
NO_ENCODER = {"coarse_to_fine", "hourglass", "mask_rcnn", "unet3d", "wnet"}


def spec(name: str) -> dict[str, Any]:
    return {"name": name, **QUICK.get(name, {})}


@pytest.mark.parametrize("name", list(ENCODERS))
def test_maps_are_as_large_and_wide_as_it_says(name: str) -> None:
    device = "cpu" if name == "swin" else "meta"  # on which nothing is computed, only shapes
    with torch.device(device):
        encoder = ENCODERS.build(spec(name), 2).eval()
        side = 2 * encoder.divisor
        maps = encoder(torch.zeros(1, 2, side, 3 * side))
    expected = [(1, w, side // r, 3 * side // r) for w, r in zip(encoder.widths, encoder.reductions, strict=True)]
    assert [tuple(m.shape) for m in maps] == expected
    assert encoder.reductions[0] in (1, 2)
    assert all(b == 2 * a for a, b in zip(encoder.reductions, encoder.reductions[1:], strict=False))


@pytest.mark.parametrize("encoder", list(ENCODERS))
@pytest.mark.parametrize("network", [n for n in NETWORKS if n not in NO_ENCODER])
def test_every_decoder_takes_every_encoder(network: str, encoder: str) -> None:
    with torch.device("cpu" if encoder == "swin" else "meta"):
        built = NETWORKS.build({"name": network, "encoder": spec(encoder)}, 3, 2).eval()
        with torch.no_grad():
            assert built(torch.zeros(1, 3, 70, 64)).shape == (1, 2, 70, 64)


PUBLISHED = [
    ("resnet18", 11_689_512 - 513_000),  # torchvision's counts, less those of the classifier
    ("resnet34", 21_797_672 - 513_000),
    ("resnet50", 25_557_032 - 2_049_000),
    ("resnet101", 44_549_160 - 2_049_000),
    ("resnet152", 60_192_808 - 2_049_000),
    ("vgg16_bn", 138_365_992 - 123_642_856),
    ("efficientnet_lite0", 4_652_008 - 320 * 1280 - 2 * 1280 - 1_281_000),  # less the last 1x1 convolution and its norm
]


@pytest.mark.parametrize(("name", "parameters"), PUBLISHED)
def test_published_parameter_counts_of_encoders(name: str, parameters: int) -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in ENCODERS.build(name, 3).parameters()) == parameters


def missing_biases(network: nn.Module) -> int:
    """Biases that other code gives to convolutions before batch norm, which takes them out again."""
    return sum(layer.out_channels for layer in network.modules() if isinstance(layer, nn.Conv2d) and layer.bias is None)


@pytest.mark.parametrize(
    ("name", "channels", "outputs", "parameters", "with_biases"),
    [
        ({"name": "unet", "encoder": {"widths": [8, 16, 32, 64]}}, 3, 1, 121_177, False),  # the prototype of PEERS.md
        ("unet", 3, 2, 31_037_698, False),  # milesial/Pytorch-UNet, transposed up-sampling
        ("attention_unet", 3, 1, 34_878_573, True),  # AttU_Net of LeeJunHyun/Image_Segmentation
        ("r2unet", 3, 1, 39_091_393, True),  # R2U_Net of the same
        ("wnet", 3, 1, 68_482, False),  # agaldran/lwnet
        (
            {"name": "unet_plus_plus", "encoder": {"widths": [32, 64, 128, 256, 512]}},
            3,
            1,
            9_163_329,
            True,
        ),  # 4uiiurz1's NestedUNet
    ],
    ids=str,
)
def test_published_parameter_counts(
    name: str | dict[str, Any], channels: int, outputs: int, parameters: int, with_biases: bool
) -> None:
    with torch.device("meta"):
        network = NETWORKS.build(name, channels, outputs)
    ours = sum(p.numel() for p in network.parameters())
    assert ours + (missing_biases(network) if with_biases else 0) == parameters


def test_segnet_has_the_papers_29_45_million_parameters() -> None:
    with torch.device("meta"):
        network = NETWORKS.build("segnet", 3, 12)  # as many classes as CamVid has, with the rest
    assert round((sum(p.numel() for p in network.parameters()) + missing_biases(network)) / 1e6, 2) == 29.45


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "efficientnet_lite0", "vgg16_bn", "plain"])
@pytest.mark.parametrize("last", [1, 2])
def test_dilation_keeps_the_size_and_the_weights(name: str, last: int) -> None:
    torch.manual_seed(0)
    encoder = ENCODERS.build(name, 1).eval()
    weights = {k: v.shape for k, v in encoder.state_dict().items()}
    before, reductions = encoder(torch.ones(1, 1, 64, 64)), encoder.reductions
    dilate(encoder, last)
    after = encoder(torch.ones(1, 1, 64, 64))
    assert {k: v.shape for k, v in encoder.state_dict().items()} == weights
    assert encoder.reductions == (*reductions[:-last], *[reductions[-last - 1]] * last)
    assert [m.shape[2] for m in after] == [64 // r for r in encoder.reductions]
    for one, other in zip(before[:-last], after[:-last], strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
@pytest.mark.parametrize("last", [1, 2])
def test_dilation_computes_what_strides_did_and_more_between(name: str, last: int) -> None:
    """At every second (fourth) place of the dilated map stands exactly what the strided encoder computes there."""
    torch.manual_seed(0)
    encoder = ENCODERS.build(name, 1).eval()
    x = torch.randn(1, 1, 64, 64)
    with torch.no_grad():
        strided = encoder(x)[-1]
        dilate(encoder, last)
        dilated = encoder(x)[-1]
    assert torch.allclose(dilated[..., :: 2**last, :: 2**last], strided, rtol=1e-3, atol=1e-4 * float(strided.abs().max()))


def test_a_dropout_drops_whole_channels_of_the_smallest_map_while_it_trains() -> None:
    encoder = ENCODERS.build({"name": "plain", "widths": [4, 64]}, 1)
    encoder.dropout.p = 0.5
    low = encoder(torch.rand(1, 1, 8, 8))[-1]
    assert 0.2 < float((low.flatten(2).abs().sum(dim=2) == 0).float().mean()) < 0.8
    assert (encoder.eval()(torch.rand(1, 1, 8, 8))[-1].flatten(2).abs().sum(dim=2) > 0).float().mean() > 0.6


@pytest.mark.parametrize(("decoder", "side"), [([16, 8, 8, 8, 4], 64), ([16, 8, 8, 8], 32)])
def test_a_decoder_may_stop_at_half_the_size(decoder: list[int], side: int) -> None:
    network = NETWORKS.build({"name": "unet", "encoder": "resnet18", "decoder": decoder}, 1, 1).eval()
    seen = []
    network.out.register_forward_hook(lambda *args: seen.append(args[1][0].shape[2]))
    assert network(torch.zeros(1, 1, 64, 64)).shape == (1, 1, 64, 64)
    assert seen == [side]


@pytest.mark.parametrize("decoder", [[8, 8, 8], [8] * 6])
def test_a_decoder_that_does_not_fit_is_told(decoder: list[int]) -> None:
    with pytest.raises(ModicumError, match="halves the picture 5 times"):
        NETWORKS.build({"name": "unet", "encoder": "resnet18", "decoder": decoder}, 1, 1)


def test_depthwise_convolutions_are_trained_in_float_on_a_cpu() -> None:
    """Their gradients are then those of float32, which bfloat16's are not."""
    torch.manual_seed(0)
    block = ENCODERS.build("efficientnet_lite0", 1)._blocks[2]
    x = torch.randn(2, 24, 16, 16).to(torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        kept = block._each_for_itself(torch.randn(2, 144, 16, 16).to(torch.bfloat16))
        block(x).float().sum().backward()
    assert kept.dtype == torch.bfloat16  # what follows is in half precision again
    assert block._depthwise_conv.weight.grad.abs().sum() > 0
