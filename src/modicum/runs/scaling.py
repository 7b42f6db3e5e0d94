"""At which size new pictures look most like those that a model has learned from, as far as it can tell itself.

A network that sees patches at full resolution knows structures by their width in pixels: pictures of a camera with twice the
resolution hold vessels that it has never seen. How sure it is of its own answers tells the right size (benchmarks/RESULTS.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from modicum.bundle import Bundle, class_numbers
from modicum.console import bar
from modicum.errors import ModicumError
from modicum.images import read_picture
from modicum.images.volumes import is_volume
from modicum.inference import at_scale
from modicum.inference.trust import mean_expected_dice

_SCALES = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4)
_LOOKED_AT = 5  # pictures, spread evenly
_GAIN = 0.015  # of the mean expected Dice, below which pictures are left as they are: their own cameras gave .008 at most
_LEAST = 64  # pixels of the shorter side


def sees_own_size(bundle: Bundle) -> bool:
    """Whether the model sees pictures in their own resolution, so that another one changes what it sees."""
    view = bundle.recipe.view
    own = view["name"] == "patches" and view["longest"] is None
    return own and bundle.recipe.method is None and bundle.recipe.images.block is None


def surest_scale(bundle: Bundle, paths: Sequence[Path]) -> tuple[float, dict[float, float]]:
    """The scale at which the model expects the best Dice of a few of these pictures, and what it expects at each.

    1 where no other is clearly better, or none of the pictures can be read.
    """
    segmenter, expected = bundle.segmenter(flips=False), dict[float, list[float]]()
    pictures = [p for p in paths if not is_volume(p)]
    places = np.linspace(0, len(pictures) - 1, min(_LOOKED_AT, len(pictures)))
    chosen = [pictures[i] for i in places.round().astype(int)]
    with bar("Looking for the size at which the model is surest", len(chosen)) as progress:
        for path in chosen:
            with suppress(ModicumError):  # told when it is segmented
                picture = read_picture(path)
                for scale in (s for s in _SCALES if s >= 1 or s * min(picture.shape[:2]) >= _LEAST):
                    found = at_scale(segmenter, scale).probabilities(picture)
                    numbers = class_numbers(found, bundle, picture)
                    sure = mean_expected_dice(found, numbers) if numbers.any() else 0.0  # sure that there is nothing
                    expected.setdefault(scale, []).append(sure)
            progress.step()
    means = {scale: float(np.mean(each)) for scale, each in sorted(expected.items()) if len(each) == len(expected[1.0])}
    best = max(means, key=means.__getitem__, default=1.0)
    return (best if best != 1 and means[best] >= means[1.0] + _GAIN else 1.0), means
