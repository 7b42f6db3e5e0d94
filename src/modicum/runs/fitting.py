"""One fit of a classical method: a recipe and the cases of a split become a bundle, at once."""

from __future__ import annotations

import time

import torch

from modicum.classical import METHODS
from modicum.console import say
from modicum.errors import ModicumError
from modicum.runs.bundling import new_bundle
from modicum.runs.material import Material, Training
from modicum.runs.thresholds import with_threshold
from modicum.runs.trained import Trained
from modicum.training.device import Compute

_COMPUTE = Compute("cpu", "32-true", False, "a classical method is fitted at once")


def fit_method(training: Training, material: Material) -> Trained:
    """The method fitted to the training pictures, its threshold chosen on those of validation.

    Raises:
        ModicumError: it tells only one class from the background, and there are several.
    """
    dataset, recipe = training.dataset, training.recipe
    assert recipe.method is not None, "the recipe names a classical method"
    name, method = recipe.method["name"], METHODS.build(recipe.method)
    if len(dataset.classes) > 1 and not method.several:
        raise ModicumError(
            f"the method '{name}' finds one class, the labels have {len(dataset.classes)} ({', '.join(dataset.classes)}).",
            remedy="Use a method for several classes, e.g. --recipe pixel-forest",
        )
    began = time.monotonic()
    say(f"Fitting {name} to {len(material.train)} pictures")
    state = method.fit(material.train, len(dataset.classes), recipe.seed)
    weights = {key: torch.from_numpy(value) for key, value in state.items()}
    bundle = new_bundle(training, weights, material)
    patients = {c.id: c.patient for c in dataset.labelled}
    bundle = with_threshold(bundle, material.untouched_val, bf16=False, volumes=material.volumes, patients=patients)
    return Trained(bundle, [], [], _COMPUTE, bundle.parameters, time.monotonic() - began)
