"""Every network, small enough to be trained in a test."""

from __future__ import annotations

from typing import Any

from modicum.networks import SOLID

PLAIN = {"widths": [8, 16, 32]}
SMALL: dict[str, dict[str, Any]] = {
    "attention_unet": {"encoder": PLAIN},
    "coarse_to_fine": {"size": 32, "inner": {"name": "unet", "encoder": PLAIN}},
    "convlstm_unet": {"encoder": PLAIN},
    "deeplabv3plus": {"encoder": "efficientnet_lite0", "width": 32},
    "fcn": {"encoder": {"widths": [8, 16, 32, 64]}},
    "hourglass": {"stacks": 2, "width": 16, "depth": 2},
    "manet": {"encoder": PLAIN, "attention": 8},
    "mask_rcnn": {"encoder": {"widths": [8, 16, 32, 64]}, "width": 16},
    "pspnet": {"encoder": PLAIN},
    "r2unet": {"encoder": {"name": "recurrent", "widths": [8, 16, 32]}},
    "segnet": {"encoder": PLAIN},
    "setr": {"encoder": {"name": "vit", "width": 32, "depth": 4, "heads": 4}, "width": 16},
    "unet": {"encoder": {"widths": [8, 16, 32, 64]}},
    "unet3d": {"widths": [4, 8, 16]},
    "unet_plus_plus": {"encoder": PLAIN, "deep_supervision": True},
    "wnet": {},
}


def small(name: str) -> dict[str, Any]:
    """The specification of a small network of that name."""
    return {"name": name, **SMALL[name]}


def available() -> list[str]:
    """The networks that can be built here and answer with maps; Mask R-CNN and those of volumes have tests of their own."""
    return [name for name in SMALL if name != "mask_rcnn" and name not in SOLID]
