"""Supervision by labelled pictures: random views of them, recoloured, in batches."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial

import cv2
import numpy as np
import numpy.typing as npt
import torch

from modicum.augment import Policy, borrowed_levels, random_detail, random_levels, random_map
from modicum.geometry import sample
from modicum.images.intensity import Intensity
from modicum.training.batches import Batch
from modicum.views import TrainingPicture, View

_LEVELS = np.linspace(0, 1, 256, dtype=np.float32)[:, None]


class LabelledPictures:
    """Batches of augmented views. Picture and randomness of each sample follow from the seed and its number alone."""

    def __init__(
        self,
        pictures: Sequence[TrainingPicture],
        policy: Policy,
        *,
        view: View,
        intensity: Intensity,
        batch_size: int,
        seed: int,
        look: int = 0,
    ) -> None:
        """Batches of the same pictures in the same order, but seen otherwise, for every `look`."""
        self.pictures, self.view, self.policy, self.intensity = pictures, view, policy, intensity
        self.batch_size, self.seed, self.look = batch_size, seed, look
        self._looks = [Intensity.of([p.image], per_picture=False).scale(p.image) for p in pictures]
        self._scales = [intensity.scale(p.image) for p in pictures]
        self._with_valid = any(p.valid is not None for p in pictures)
        self._order = lru_cache(maxsize=4)(self._shuffled)

    def batch(self, step: int) -> Batch:
        """Batch number `step`: images (N, C, h, w), target (N, h, w), valid (N, h, w) where a field of view is known."""
        height, width = self.view.size
        images = np.empty((self.batch_size, height, width, self.intensity.channels), np.float32)
        target = np.empty((self.batch_size, height, width), np.uint8)
        valid = np.ones((self.batch_size, height, width), np.uint8) if self._with_valid else None
        for place in range(self.batch_size):
            self._fill(step * self.batch_size + place, images[place], target[place], None if valid is None else valid[place])
        return Batch(
            torch.from_numpy(images).permute(0, 3, 1, 2),  # channels-last already
            torch.from_numpy(target),
            None if valid is None else torch.from_numpy(valid).bool(),
        )

    def shown(self, step: int) -> list[str]:
        """The cases of batch number `step`, in order."""
        count = len(self.pictures)
        numbers = range(step * self.batch_size, (step + 1) * self.batch_size)
        return [self.pictures[self._order(n // count)[n % count]].case_id for n in numbers]

    def _fill(
        self,
        number: int,
        image: npt.NDArray[np.float32],
        target: npt.NDArray[np.uint8],
        valid: npt.NDArray[np.uint8] | None,
    ) -> None:
        """Sample number `number` of the whole training, into the arrays given."""
        rng = np.random.default_rng((self.seed, number, self.look))
        which = self._order(number // len(self.pictures))[number % len(self.pictures)]
        picture, (mean, sd) = self.pictures[which], self._scales[which]
        glimpse = self.view.training_glimpse(picture, partial(random_map, self.policy, rng=rng), rng)
        by, levels = glimpse.by, glimpse.stretched(np.repeat(_LEVELS, len(mean), axis=1))
        if rng.random() < self.policy.borrow:
            other = self._looks[rng.integers(len(self.pictures))]
            levels = borrowed_levels(levels, self._looks[which], other, rng.random())
        table = (random_levels(self.policy, levels, mean, rng) - mean) / sd
        cv2.LUT(sample(picture.image, by, border=self.view.border), table[None], dst=image)
        random_detail(self.policy, image, rng, unit=float(1 / sd.mean()))
        target[...] = sample(picture.label, by, border=self.view.border, nearest=True)
        if valid is not None and picture.valid is not None:
            valid[...] = sample(picture.valid, by, border=self.view.border, nearest=True)

    def _shuffled(self, round_number: int) -> npt.NDArray[np.int64]:
        """Order of the pictures in one round through all of them."""
        return np.random.default_rng((self.seed, round_number, 1)).permutation(len(self.pictures))
