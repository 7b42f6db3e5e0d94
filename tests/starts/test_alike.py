"""Weights are copied where networks are alike, and only there."""

from __future__ import annotations

import torch

from modicum.networks import NETWORKS
from modicum.starts import copy_alike

PLAIN = {"name": "unet", "encoder": {"widths": [4, 8, 16]}}


def trained(channels: int = 3, outputs: int = 1, spec: dict = PLAIN) -> torch.nn.Module:
    torch.manual_seed(1)
    network = NETWORKS.build(spec, channels, outputs)
    network.train()(torch.randn(2, channels, 16, 16))  # running statistics that are not those of a new network
    return network.eval()


def test_the_same_network_answers_the_same() -> None:
    old = trained()
    torch.manual_seed(2)
    new = NETWORKS.build(PLAIN, 3, 1).eval()
    begun = copy_alike(old.state_dict(), new)
    assert begun.copied == begun.parameters == sum(p.numel() for p in new.parameters())
    x = torch.randn(1, 3, 32, 32)
    assert torch.equal(old(x), new(x))


def test_one_more_channel_changes_nothing_at_first() -> None:
    old, x = trained(), torch.randn(1, 3, 32, 32)
    new = NETWORKS.build(PLAIN, 4, 1).eval()
    copy_alike(old.state_dict(), new)
    assert torch.allclose(new(torch.cat([x, torch.randn(1, 1, 32, 32)], dim=1)), old(x), atol=1e-5)


def test_both_parts_of_a_pair_begin_as_the_plain_network() -> None:
    old, x = trained(), torch.randn(1, 3, 32, 32)
    pair = NETWORKS.build({"name": "coarse_to_fine", "size": 32, "inner": PLAIN}, 3, 1).eval()
    begun = copy_alike(old.state_dict(), pair)
    assert begun.copied == 2 * sum(p.numel() for p in old.parameters())
    assert torch.equal(pair.coarse(x), old(x))  # type: ignore[operator]
    assert torch.allclose(pair.fine(torch.cat([x, torch.rand(1, 1, 32, 32)], dim=1)), old(x), atol=1e-5)  # type: ignore[operator]


def test_what_is_not_alike_stays() -> None:
    torch.manual_seed(3)
    new = NETWORKS.build({"name": "unet", "encoder": {"widths": [6, 12]}}, 3, 1)
    before = {k: v.clone() for k, v in new.state_dict().items()}
    begun = copy_alike(trained().state_dict(), new)
    assert begun.copied < 0.1 * begun.parameters
    for key, value in new.state_dict().items():
        if value.shape != trained().state_dict().get(key, torch.empty(0)).shape:
            assert torch.equal(value, before[key]), key


def test_another_number_of_outputs_keeps_its_own_last_layer() -> None:
    new = NETWORKS.build(PLAIN, 3, 4)
    begun = copy_alike(trained().state_dict(), new)
    last = sum(p.numel() for name, p in new.named_parameters() if name.startswith("out"))
    assert begun.copied == begun.parameters - last


def test_the_order_in_which_weights_come_does_not_matter() -> None:
    """A file gives them in any order; which layer sees the picture is known from the network."""
    old, x = trained(), torch.randn(1, 3, 32, 32)
    pair = NETWORKS.build({"name": "coarse_to_fine", "size": 32, "inner": PLAIN}, 3, 1).eval()
    copy_alike(dict(reversed(old.state_dict().items())), pair)
    assert torch.allclose(pair.fine(torch.cat([x, torch.rand(1, 1, 32, 32)], dim=1)), old(x), atol=1e-5)  # type: ignore[operator]
