"""Supervision by labelled pictures: random views of them, recoloured, in batches."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt
import torch

from modicum.augment import Policy, borrowed_levels, random_detail, random_levels, random_map
from modicum.geometry import sample
from modicum.images.intensity import Intensity
from modicum.images.volumes.slicing import Slicing
from modicum.training.batches import Batch
from modicum.views import Glimpse, TrainingPicture, View
from modicum.views.blocks import as_one_channel, random_block

PICTURES = Slicing()
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
        slicing: Slicing = PICTURES,
        look: int = 0,
    ) -> None:
        """Batches of the same pictures in the same order, but seen otherwise, for every `look`."""
        self.pictures, self.view, self.policy, self.intensity = pictures, view, policy, intensity
        self.batch_size, self.seed, self.slicing, self.look = batch_size, seed, slicing, look
        flat = [p.image if slicing.block is None else as_one_channel(p.image) for p in pictures]
        self._looks = [Intensity.of([image], per_picture=False).scale(image) for image in flat]
        self._scales = [intensity.scale(image) for image in flat]
        self._with_valid = any(p.valid is not None for p in pictures)
        self._round = -1, np.empty(0, np.int64)  # the round that was asked for last, and its order

    def batch(self, step: int) -> Batch:
        """Batch number `step`: images (N, C, h, w), target (N, h, w), valid (N, h, w) where a field of view is known.

        Of blocks images (N, 1, d, h, w), target and valid (N, d, h, w).
        """
        block = self.slicing.block
        shape = (self.batch_size, *self.view.size)
        images = np.empty((*shape, block or self.intensity.channels), np.float32)
        target = np.empty((*shape, block) if block else shape, np.uint8)
        valid = np.ones(target.shape, np.uint8) if self._with_valid else None
        for place in range(self.batch_size):
            self._fill(step * self.batch_size + place, images[place], target[place], None if valid is None else valid[place])
        seen = torch.from_numpy(images).permute(0, 3, 1, 2)  # channels-last already
        counted = None if valid is None else torch.from_numpy(valid).bool()
        if block is None:
            return Batch(seen, torch.from_numpy(target), counted)
        counted = None if counted is None else counted.movedim(-1, 1)
        return Batch(seen[:, None], torch.from_numpy(target).movedim(-1, 1), counted)

    def shown(self, step: int) -> list[str]:
        """The cases of batch number `step`, in order."""
        return [self.pictures[which].case_id for which in self.numbers(step)]

    def numbers(self, step: int) -> list[int]:
        """Which of the pictures batch number `step` shows, in order."""
        return [self._which(n) for n in range(step * self.batch_size, (step + 1) * self.batch_size)]

    def _fill(
        self,
        number: int,
        image: npt.NDArray[np.float32],
        target: npt.NDArray[np.uint8],
        valid: npt.NDArray[np.uint8] | None,
    ) -> None:
        """Sample number `number` of the whole training, into the arrays given."""
        rng = np.random.default_rng((self.seed, number, self.look))
        which = self._which(number)
        picture, sd = self.pictures[which], self._scales[which][1]
        if self.slicing.block is not None:
            picture = random_block(picture, self.slicing.block, self.policy.flip_up_down, rng)
        glimpse = self.view.training_glimpse(picture, partial(random_map, self.policy, rng=rng), rng)
        by, table = glimpse.by, self._table(which, glimpse, rng)
        table = table if self.slicing.block is None else np.repeat(table, self.slicing.block, axis=1)
        cv2.LUT(sample(picture.image, by, border=self.view.border), table[None], dst=image)
        random_detail(self.policy, image, rng, unit=float(1 / sd.mean()))
        if self.slicing.depth:  # how high the slice lies is so beyond its border as well
            image[..., -1] = table[picture.image[0, 0, -1], -1]
        target[...] = sample(picture.label, by, border=self.view.border, nearest=True)
        if valid is not None and picture.valid is not None:
            valid[...] = sample(picture.valid, by, border=self.view.border, nearest=True)

    def _table(self, which: int, glimpse: Glimpse, rng: np.random.Generator) -> npt.NDArray[np.float32]:
        """What each 8-bit level of each channel becomes (256, C), randomly recoloured.

        Neighbouring slices are recoloured alike; how high a slice lies is no colour, and stays.
        """
        mean, sd = self._scales[which]
        levels = glimpse.stretched(np.repeat(_LEVELS, len(mean), axis=1))
        colours = len(mean) - self.slicing.depth
        changed = slice(1 if self.slicing.neighbours else colours)
        coloured = levels[:, changed]
        if rng.random() < self.policy.borrow:
            own, other = self._looks[which], self._looks[rng.integers(len(self.pictures))]
            shifted = ((own[0][changed], own[1][changed]), (other[0][changed], other[1][changed]))
            coloured = borrowed_levels(coloured, *shifted, rng.random())
        levels[:, :colours] = random_levels(self.policy, coloured, mean[changed], rng)
        return (levels - mean) / sd

    def _which(self, number: int) -> int:
        """The picture of sample number `number`."""
        wanted, place = divmod(number, len(self.pictures))
        known, order = self._round
        if known != wanted:  # each round through all of the pictures has an order of its own
            order = np.random.default_rng((self.seed, wanted, 1)).permutation(len(self.pictures))
            self._round = wanted, order
        return int(order[place])
