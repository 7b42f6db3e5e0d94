"""Declares the operators of torchvision's own binary, so that it can be imported beside a CPU build of PyTorch."""

from __future__ import annotations

import torch

_library = torch.library.Library("torchvision", "DEF")
_library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
_library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
