"""The trained model as one file that travels: weights, recipe, provenance. A zip archive; nothing in it is executable.

Inside: `bundle.json` (what the model is, with a checksum of the weights), `recipe.yaml`, `weights.safetensors`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import load as load_weights
from safetensors.torch import save as save_weights
from torch import nn

from modicum.errors import ModicumError
from modicum.images.intensity import Intensity
from modicum.inference import Segmenter, ready
from modicum.networks import NETWORKS
from modicum.recipes import Recipe, checked, dump
from modicum.views import VIEWS

FORMAT = 1  # raised when older programs could no longer read the file


@dataclass(frozen=True)
class Bundle:
    """A trained model, independent of the folder in which it was trained."""

    recipe: Recipe
    weights: dict[str, torch.Tensor]
    classes: tuple[str, ...]  # foreground classes in order of their number
    intensity: Intensity
    threshold: float  # for one foreground class; several take the most probable
    label_values: tuple[int, ...]  # the value that stands for each class in written masks
    provenance: dict[str, Any] = field(default_factory=dict)  # version, date, counts, test figures

    @property
    def outputs(self) -> int:
        """Channels of the network's answer."""
        return outputs_for(len(self.classes))

    def network(self) -> nn.Module:
        """The network with its weights."""
        network = NETWORKS.build(self.recipe.network, self.intensity.channels, self.outputs)
        network.load_state_dict(self.weights)
        return network

    def segmenter(self, *, flips: bool | None = None, bf16: bool = False) -> Segmenter:
        """Ready to predict; `flips` overrides the recipe."""
        return Segmenter(
            ready(self.network()),
            VIEWS.build(self.recipe.view),
            self.intensity,
            len(self.classes),
            bf16=bf16,
            flips=self.recipe.finish.flips if flips is None else flips,
        )

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all.

        Raises:
            ModicumError: it cannot be written.
        """
        weights = save_weights({k: v.detach().cpu().contiguous() for k, v in self.weights.items()})
        about = {
            "format": FORMAT,
            "classes": self.classes,
            "intensity": asdict(self.intensity),
            "threshold": self.threshold,
            "label_values": self.label_values,
            "provenance": self.provenance,
            "weights_sha256": hashlib.sha256(weights).hexdigest(),
        }
        unfinished = path.with_name(path.name + ".unfinished")
        try:
            with zipfile.ZipFile(unfinished, "w") as archive:
                archive.writestr("bundle.json", json.dumps(about, indent=1))
                archive.writestr("recipe.yaml", dump(self.recipe))
                archive.writestr("weights.safetensors", weights)
            unfinished.replace(path)
        except OSError as error:
            raise ModicumError(
                f"the model could not be written ({error.strerror}).",
                file=path,
                remedy="Check free disk space and permissions.",
            ) from error
        finally:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> Bundle:
        """Read a file that `save` wrote.

        Raises:
            ModicumError: missing, damaged, not a Modicum bundle, or written by a newer version.
        """
        if not path.is_file():
            raise ModicumError("there is no such file.", file=path, remedy="Give the model.modicum of a run folder.")
        try:
            with zipfile.ZipFile(path) as archive:
                about = _known_format(json.loads(archive.read("bundle.json")), path)
                recipe_text, weights = archive.read("recipe.yaml"), archive.read("weights.safetensors")
        except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError, NotImplementedError) as error:
            raise ModicumError(
                f"this is not a Modicum bundle, or it is damaged ({error}).",
                file=path,
                remedy="Copy it again from where it was made.",
            ) from error
        if hashlib.sha256(weights).hexdigest() != about.get("weights_sha256"):
            raise ModicumError(
                "the weights do not match their checksum: the file is damaged.",
                file=path,
                remedy="Copy it again from where it was made.",
            )
        scale = about["intensity"]
        return cls(
            recipe=checked(yaml.safe_load(recipe_text), str(path)),
            weights=load_weights(weights),
            classes=tuple(about["classes"]),
            intensity=Intensity(**{**scale, "mean": tuple(scale["mean"]), "sd": tuple(scale["sd"])}),
            threshold=about["threshold"],
            label_values=tuple(about["label_values"]),
            provenance=about["provenance"],
        )


def _known_format(about: Any, path: Path) -> dict[str, Any]:
    """What `bundle.json` says, once it is known that this program can read the rest; older programs need not know all of it.

    Raises:
        ModicumError: written by a newer version.
        ValueError: not what a bundle says.
    """
    if not isinstance(about, dict) or not isinstance(about.get("format"), int):
        raise ValueError("bundle.json names no format")
    if about["format"] > FORMAT:
        raise ModicumError(
            f"the bundle has format {about['format']}, this version of Modicum reads up to {FORMAT}.",
            file=path,
            remedy="Update Modicum: pip install --upgrade modicum",
        )
    return about


def outputs_for(classes: int) -> int:
    """Channels of the answer for K foreground classes: one for sigmoid, else background as well for softmax."""
    return 1 if classes == 1 else classes + 1
