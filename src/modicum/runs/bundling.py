"""What was learned from a split becomes a bundle, whose threshold is still to be chosen."""

from __future__ import annotations

import time
from collections.abc import Mapping

import torch

import modicum
from modicum.bundle import Bundle
from modicum.images.digest import digest
from modicum.runs.localising import learned
from modicum.runs.material import Material, Training
from modicum.views import VIEWS


def new_bundle(
    training: Training,
    weights: Mapping[str, torch.Tensor],
    material: Material,
    localiser: Bundle | None = None,
    seen: Mapping[str, str] | None = None,
) -> Bundle:
    """The weights with all that a prediction needs, and what they have seen.

    Args:
        seen: name and content of unlabelled pictures from which they have learned.
    """
    recipe, dataset, split = training.recipe, training.dataset, training.split
    classes = ("object",) if recipe.finds_centres else dataset.classes
    numbers = tuple(range(1, len(classes) + 1))
    as_given = dataset.code.kind == "index" and all(0 < v < 2**16 for v in dataset.code.values)
    shown = {c.id: digest(c.image) for c in dataset.labelled if c.id in {*split.train, *split.val}}
    if localiser is not None:  # names may be the same in other data
        shown |= {f"localiser: {name}": content for name, content in localiser.provenance.get("seen", {}).items()}
    return Bundle(
        recipe=recipe,
        weights={k: v.cpu() for k, v in weights.items()},
        classes=classes,
        intensity=material.intensity,
        threshold=0.5,
        label_values=(255,) if len(numbers) == 1 else dataset.code.values if as_given else numbers,
        provenance={
            "modicum": modicum.__version__,
            "made": time.strftime("%Y-%m-%d %H:%M:%S %z"),
            "training_cases": len(material.train),
            "seen": {**(seen or {}), **shown},  # pictures that trained it or chose its threshold, by their content
            "data": dataset.layout,
            "volumes": bool(material.volumes),
        },
        localiser=localiser if VIEWS.build(recipe.view).localised else None,
        localiser_settings=learned(recipe, material.train),
    )
