"""Mask R-CNN (He et al. 2017), torchvision's: finds each object's box and segments it, in one network.

torchvision is an optional extra. It is imported when such a network is built, and nowhere else.
"""

from __future__ import annotations

from typing import Annotated, Any

import cv2
import numpy as np
import torch
from pydantic import Field
from torch import nn

from modicum.errors import ModicumError
from modicum.networks.encoders import ENCODERS, EncoderSpec
from modicum.networks.table import NETWORKS

_SURE = 1e-4  # a probability is at least so far from 0 and 1


class _Pyramid(nn.Module):
    """The encoder's maps from a quarter of the size on, each with the same number of channels (torchvision's backbone)."""

    def __init__(self, encoder: nn.Module, pyramid: nn.Module, skipped: int, width: int) -> None:
        super().__init__()
        self.encoder, self.pyramid, self.skipped = encoder, pyramid, skipped
        self.out_channels = width

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        maps = self.encoder(x)[self.skipped :]
        named: dict[str, torch.Tensor] = self.pyramid({str(number): one for number, one in enumerate(maps)})
        return named


@NETWORKS.register("mask_rcnn", "He et al. 2017, arXiv:1703.06870; SYSTEMS B7")
class MaskRCNN(nn.Module):
    """Mask R-CNN: proposals, boxes and masks of single objects; its answer is their union, each weighed by its score.

    It has a loss of its own (`cost`), for which each connected component of a class is one object; a recipe's loss is only
    looked at in validation. It wants `fit.precision: 32-true`.

    Args:
        channels: of the picture.
        outputs: channels of the answer (logits).
        encoder: by name, or by name and options.
        width: channels of the feature pyramid.
        objects: most objects in a picture.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        *,
        encoder: EncoderSpec = "resnet50",
        width: Annotated[int, Field(ge=8)] = 256,
        objects: Annotated[int, Field(ge=1)] = 200,
    ) -> None:
        detection, ops = _torchvision()
        super().__init__()
        self.outputs = outputs
        body = ENCODERS.build(encoder, channels)
        skipped = sum(r < 4 for r in body.reductions)
        widths = body.widths[skipped:]
        pyramid = ops.FeaturePyramidNetwork(widths, width)
        sizes = tuple((4 * reduction, 8 * reduction) for reduction in body.reductions[skipped:])  # of anchors, in pixels
        names = [str(number) for number in range(len(widths))]
        self.detector = detection.MaskRCNN(
            _Pyramid(body, pyramid, skipped, width),
            num_classes=max(2, outputs),
            min_size=1,  # pictures keep their size
            max_size=1 << 16,
            image_mean=[0.0] * channels,
            image_std=[1.0] * channels,
            rpn_anchor_generator=detection.rpn.AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(widths)),
            box_roi_pool=ops.MultiScaleRoIAlign(names, output_size=7, sampling_ratio=2),
            mask_roi_pool=ops.MultiScaleRoIAlign(names, output_size=14, sampling_ratio=2),
            box_detections_per_img=objects,
        )
        self.detector.transform.forward = _unresized(self.detector.transform)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (N, outputs, H, W) of pictures (N, channels, H, W); in training, the cost as if these were empty."""
        if self.training:
            return self.cost(x, x.new_zeros(x.shape[0], *x.shape[2:], dtype=torch.uint8))
        classes = max(1, self.outputs - 1)
        probability = x.new_zeros(x.shape[0], classes, *x.shape[2:])
        for place, found in zip(probability, self.detector(list(x)), strict=True):
            for label, score, mask in zip(found["labels"], found["scores"], found["masks"], strict=True):
                place[label - 1] = torch.maximum(place[label - 1], score * mask[0])
        return _logits(probability, self.outputs)

    def cost(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """The sum of Mask R-CNN's five losses for pictures (N, channels, H, W) and class numbers (N, H, W)."""
        losses: dict[str, torch.Tensor] = self.detector(list(x), [_objects(one) for one in target])
        return torch.stack(list(losses.values())).sum()


def _torchvision() -> tuple[Any, Any]:
    """torchvision's detection models and operators.

    Raises:
        ModicumError: it is not installed, or does not fit PyTorch.
    """
    try:
        from torchvision import ops
        from torchvision.models import detection

        ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)  # its compiled part may be of another PyTorch
    except (ImportError, RuntimeError, AttributeError, OSError) as error:
        raise ModicumError(
            f"the network 'mask_rcnn' needs torchvision, which cannot be loaded here ({str(error).splitlines()[0][:80]}).",
            remedy="pip install 'modicum[detection]' beside a PyTorch that it was made for; --recipe small-crops, which finds "
            "and then segments each object too, needs nothing more.",
        ) from None
    return detection, ops


def _unresized(transform: Any) -> Any:
    """torchvision's way of making a batch, without its resizing and normalisation: pictures come as the network wants them."""
    from torchvision.models.detection.image_list import ImageList

    def forward(images: list[torch.Tensor], targets: Any = None) -> tuple[Any, Any]:
        sizes = [(image.shape[1], image.shape[2]) for image in images]
        return ImageList(transform.batch_images(images, size_divisible=32), sizes), targets

    return forward


def _objects(target: torch.Tensor) -> dict[str, torch.Tensor]:
    """Boxes (K, 4) as x, y, x, y, classes (K,) and masks (K, H, W) of the 8-connected components of class numbers (H, W)."""
    boxes, labels, masks = [], [], []
    numbers = target.cpu().numpy()
    for label in np.unique(numbers[numbers > 0]):
        count, components, stats, _ = cv2.connectedComponentsWithStats((numbers == label).astype(np.uint8), connectivity=8)
        for number in range(1, count):
            left, top, width, height, _ = stats[number]
            boxes.append([left, top, left + width, top + height])
            labels.append(int(label))
            masks.append(components == number)
    found = {
        "boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        "labels": torch.tensor(labels, dtype=torch.int64),
        "masks": torch.from_numpy(np.stack(masks) if masks else np.zeros((0, *numbers.shape), bool)).to(torch.uint8),
    }
    return {name: value.to(target.device) for name, value in found.items()}


def _logits(probability: torch.Tensor, outputs: int) -> torch.Tensor:
    """Logits (N, outputs, H, W) of the classes' probabilities (N, K, H, W), which need not add up to less than one."""
    probability = probability.clamp(_SURE, 1 - _SURE)
    if outputs == 1:
        return probability.logit()
    background = 1 - probability.amax(dim=1, keepdim=True)
    return torch.cat([background, probability], dim=1).log()
