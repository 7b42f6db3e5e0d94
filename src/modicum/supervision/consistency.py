"""Learning from unlabelled pictures while training: what the averaged weights are sure of must hold under strong changes.

The core of FixMatch (Sohn et al. 2020, arXiv:2001.07685, eq. 4) as UniMatch uses it for segmentation (Yang et al. 2023,
arXiv:2208.09910, eq. 3), with CutMix (French et al. 2020, arXiv:1906.01916) and the averaged weights as teacher (Tarvainen and
Valpola 2017, arXiv:1703.01780).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import torch

from modicum.losses import Loss, leave_out
from modicum.supervision.table import Consistency
from modicum.training.batches import Looks

_AREA, _ASPECT = (0.02, 0.4), (0.3, 1 / 0.3)  # of a pasted rectangle, as in UniMatch
_SWINGING = 10  # epochs in which a network that was trained before loses what it must first regain
_EPOCHS = 3  # whose median Dice is compared with the best one


class Agreement:
    """The loss of unlabelled pictures, and how many of their pixels taught."""

    def __init__(self, settings: Consistency, loss: Loss, outputs: int) -> None:
        self.settings, self.loss, self.outputs = settings, loss, outputs
        self._sure = torch.zeros(max(2, outputs))  # pixels that taught, by class
        self._seen = 0

    def cost(
        self,
        network: Callable[[torch.Tensor], Any],
        teacher: Callable[[torch.Tensor], torch.Tensor],
        looks: Looks,
        progress: float,
    ) -> torch.Tensor:
        """The weighted loss of a batch.

        Args:
            network: that is trained; one with several answers is supervised in each.
            teacher: images (M, C, H, W) -> logits of the averaged weights.
            looks: at M pictures.
            progress: of the training, 0 to 1.
        """
        with torch.no_grad():
            label, sure = self._taught(teacher(looks.weak).float(), looks.valid)
            strong, label, sure = cut_mix(self.settings.cutmix, looks.strong, label, sure)
        answers = network(strong).float().split(self.outputs, dim=1)
        costs = [self.loss(*leave_out(answer, label, sure)) for answer in answers]
        return self._weight(progress) * torch.stack(costs).mean()

    def shares(self) -> tuple[float, ...]:
        """The share of all unlabelled pixels that taught each class, background first, since the last time this was asked."""
        found = tuple((self._sure / max(1, self._seen)).tolist())
        self._sure, self._seen = torch.zeros_like(self._sure), 0
        return found

    def stopped(self, dice: Sequence[float]) -> bool:
        """Whether the unlabelled pictures teach no more: the validation Dice once fell too far below its best.

        Args:
            dice: of every epoch so far; none where no pictures were set aside for validation.
        """
        best = 0.0
        for epoch in range(_SWINGING, len(dice) - _EPOCHS + 1):
            if best - median(dice[epoch : epoch + _EPOCHS]) > self.settings.tolerance:
                return True
            best = max(best, dice[epoch])
        return False

    def _weight(self, progress: float) -> float:
        """Grown from 0 as exp(-5 (1 - t)^2) (Laine and Aila 2017)."""
        warm_up = self.settings.warm_up
        t = min(1.0, progress / warm_up) if warm_up else 1.0
        return float(self.settings.weight * torch.exp(torch.tensor(-5.0 * (1 - t) ** 2)))

    def _taught(self, logits: torch.Tensor, valid: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Class numbers (M, H, W) of the teacher, and where it is sure, among the pixels that count."""
        if self.outputs == 1:
            found = logits[:, 0].sigmoid()
            label, most = (found > 0.5).to(torch.uint8), torch.maximum(found, 1 - found)
        else:
            most, number = logits.softmax(dim=1).max(dim=1)
            label = number.to(torch.uint8)
        sure = most >= self.settings.confidence
        if valid is not None:
            sure = sure & valid
        self._sure += torch.bincount(label[sure].flatten().long(), minlength=len(self._sure)).cpu()
        self._seen += label.numel() if valid is None else int(valid.sum())
        return label, sure


def cut_mix(
    probability: float, images: torch.Tensor, label: torch.Tensor, sure: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Into each picture (M, C, H, W), with a probability, a rectangle of the next one, with its label and sureness (M, H, W).

    Randomness is torch's, which the loop seeds.
    """
    height, width = images.shape[-2:]
    pasted = torch.zeros(label.shape, dtype=torch.bool)
    for place in range(len(images)):
        draw, area, aspect, top, left = torch.rand(5).tolist()
        if draw >= probability:
            continue
        area = (_AREA[0] + area * (_AREA[1] - _AREA[0])) * height * width
        aspect = _ASPECT[0] * (_ASPECT[1] / _ASPECT[0]) ** aspect
        high, wide = min(height, round((area * aspect) ** 0.5)), min(width, round((area / aspect) ** 0.5))
        y, x = int(top * (height - high + 1)), int(left * (width - wide + 1))
        pasted[place, y : y + high, x : x + wide] = True
    pasted = pasted.to(images.device)
    return (
        torch.where(pasted[:, None], images.roll(1, 0), images),
        torch.where(pasted, label.roll(1, 0), label),
        torch.where(pasted, sure.roll(1, 0), sure),
    )
