"""Learning from pictures of which only some pixels are labelled: scribbles, or what centre lines tell.

The loss is that of the labelled pixels alone; of the others it is asked that neighbours of like colour have like answers: the
pairwise term of the gated CRF (Obukhov et al. 2019, arXiv:1906.04651, eq. 4 and 5, Potts model, no gates), one of the
regularised losses for scribbles (Tang et al. 2018, arXiv:1803.09569).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from modicum.losses import Loss

_STEPS = (1, 2, 4)  # pixels to the neighbours that are compared, in four directions and their opposites
_FAR = 3.0  # standard deviation of the distance's Gaussian, in pixels
_COLOUR = 0.5  # and of the colours', in standard deviations of the training pictures
_PAIRS = [(dy * step, dx * step) for step in _STEPS for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1))]


@dataclass(frozen=True)
class Marks:
    """The loss of the pixels that are labelled, and the weighted disagreement of alike neighbours."""

    loss: Loss
    pairwise: float  # weight of the disagreement

    def cost(
        self, answer: torch.Tensor, target: torch.Tensor, valid: torch.Tensor | None, images: torch.Tensor
    ) -> torch.Tensor:
        """The cost of a batch.

        Args:
            answer: logits (N, K, H, W).
            target: class numbers (N, H, W).
            valid: (N, H, W) bool, the labelled pixels; None: all.
            images: (N, C, H, W), normalised.
        """
        cost = self.loss(answer, target) if valid is None else marked_alone(self.loss, answer, target, valid)
        return cost + self.pairwise * disagreement(answer, images) if self.pairwise else cost


def marked_alone(loss: Loss, answer: torch.Tensor, target: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """The loss of the labelled pixels of a batch, as if these were one picture; 0 without any."""
    if not valid.any():
        return answer.sum() * 0
    return loss(answer.movedim(1, -1)[valid].T.unsqueeze(0), target[valid].unsqueeze(0))  # (1, K, M) and (1, M)


def disagreement(answer: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Mean probability that two neighbours belong to different classes, each pair weighed by how alike and near they are.

    Args:
        answer: logits (N, K, H, W).
        images: (N, C, H, W), normalised.
    """
    found = answer.sigmoid() if answer.shape[1] == 1 else answer.softmax(1)
    costs = [_pair(found, images, dy, dx) for dy, dx in _PAIRS if dy < answer.shape[2] and abs(dx) < answer.shape[3]]
    return torch.stack(costs).mean()


def _pair(found: torch.Tensor, images: torch.Tensor, dy: int, dx: int) -> torch.Tensor:
    """The disagreement of all pixels with those `dy` below and `dx` to the right of them."""
    one, other = _beside(found, dy, dx)
    with torch.no_grad():
        here, there = _beside(images.float(), dy, dx)
        colour = (here - there).square().mean(1, keepdim=True) / _COLOUR**2
        alike = torch.exp(-0.5 * (colour + (dy**2 + dx**2) / _FAR**2))
    if found.shape[1] == 1:
        return (alike * (one + other - 2 * one * other)).mean()
    return (alike * (1 - (one * other).sum(1, keepdim=True))).mean()


def _beside(maps: torch.Tensor, dy: int, dx: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(N, C, h, w) of all pixels that have such a neighbour, and of those neighbours."""
    height, width = maps.shape[2] - dy, maps.shape[3] - abs(dx)
    left, right = max(0, -dx), max(0, dx)
    return maps[..., :height, left : left + width], maps[..., dy : dy + height, right : right + width]
