"""The trained model as one file that travels: weights, recipe, provenance. A zip archive; nothing in it is executable.

Inside: `bundle.json` (what the model is, with a checksum of the weights), `recipe.yaml`, `weights.safetensors`, and for a
model of two networks `localiser.modicum`, a bundle as well; `other-1.modicum` and so on are further members of an ensemble.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import zipfile
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import torch
import yaml
from safetensors.torch import load as load_weights
from safetensors.torch import save as save_weights
from torch import nn

from modicum.augment import POLICIES
from modicum.bundle.about import BEFORE_ENSEMBLES, FORMAT, file_of, known_format
from modicum.bundle.decision import class_numbers, outputs_for
from modicum.bundle.segmenting import segment
from modicum.classical import METHODS, ClassicalSegmenter, OtsuThreshold
from modicum.errors import ModicumError
from modicum.images.failures import explained
from modicum.images.intensity import Intensity
from modicum.inference import Ensemble, FromHeatmap, FromMask, Localiser, Predictor, Rough, Segmenter, ready
from modicum.inference.trust import Trust
from modicum.networks import NETWORKS
from modicum.recipes import Recipe, checked, dump
from modicum.views import VIEWS


@dataclass(frozen=True)
class Bundle:
    """A trained model, independent of the folder in which it was trained."""

    recipe: Recipe
    weights: dict[str, torch.Tensor]  # of the network, or what a classical method has learned
    classes: tuple[str, ...]  # foreground classes in order of their number
    intensity: Intensity
    threshold: float  # for one foreground class; several take the most probable
    label_values: tuple[int, ...]  # the value that stands for each class in written masks
    provenance: dict[str, Any] = field(default_factory=dict)  # version, date, counts, test figures
    low: float | None = None  # the lower threshold of hysteresis, where there is one
    localiser: Bundle | None = None  # the network that finds the objects, where there is one
    localiser_settings: dict[str, Any] = field(default_factory=dict)  # what it learned besides
    temperature: float = 1.0  # of its probabilities; the thresholds are for what comes out
    trust: Trust | None = None  # by which it judges its own predictions
    others: tuple[Bundle, ...] = ()  # whose probability maps are averaged with its own: an ensemble

    @property
    def outputs(self) -> int:
        """Channels of the network's answer."""
        return outputs_for(len(self.classes))

    def network(self) -> nn.Module:
        """The network with its weights.

        Raises:
            ModicumError: it is a classical method, or the weights are not those of its network.
        """
        if self.recipe.method is not None:
            raise ModicumError(f"the model is a classical method ({self.recipe.method['name']}): there is no network in it.")
        network = NETWORKS.build(self.recipe.network, self.intensity.channels, self.outputs)
        try:
            network.load_state_dict(self.weights)
        except RuntimeError:
            raise ModicumError("the weights of the bundle do not fit its network.", remedy="Copy it again.") from None
        return network

    def segmenter(self, *, flips: bool | None = None, bf16: bool = False, prepared: bool = False) -> Predictor:
        """Ready to predict.

        Args:
            flips: overrides the recipe.
            prepared: pictures come as working pixels, to which the recipe's preparations were applied already.
        """
        if self.others:
            members = (replace(self, others=()), *self.others)
            return Ensemble([one.segmenter(flips=flips, bf16=bf16, prepared=prepared) for one in members])
        prepare = () if prepared else self.recipe.images.prepare
        if self.recipe.method is not None:
            state = {key: value.numpy() for key, value in self.weights.items()}
            return ClassicalSegmenter(METHODS.build(self.recipe.method), state, self.intensity, prepare, self.temperature)
        return Segmenter(
            ready(self.network()),
            VIEWS.build(self.recipe.view),
            self.intensity,
            len(self.classes),
            bf16=bf16,
            flips=self._flips() if (self.recipe.finish.flips if flips is None else flips) else (),
            localiser=self._localiser(flips, bf16),
            block=self.recipe.images.block,
            depth=self.recipe.images.depth,
            with_localiser=self.with_localiser,
            prepare=prepare,
            temperature=self.temperature,
        )

    def segment(self, given: str | Path | npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """Class numbers of a file, or of a picture (H, W) or (H, W, C); (H, W) of a picture, (D, H, W) of a volume.

        0 is background.

        Raises:
            ModicumError: it cannot be read, is a picture where the model is one of volumes, or an array that is no picture.
        """
        return segment(self._as_trained, self, given)

    @cached_property
    def _as_trained(self) -> Predictor:
        return self.segmenter()

    @property
    def parameters(self) -> int:
        """Numbers that were learned: of the network, or all that a classical method keeps."""
        if self.recipe.method is not None:
            return sum(w.numel() for w in self.weights.values())
        return sum(p.numel() for p in self.network().parameters()) + sum(other.parameters for other in self.others)

    @property
    def unfinished(self) -> Bundle:
        """The same model without its finishing steps."""
        finish = self.recipe.finish.model_copy(update={"steps": ()})
        return replace(self, recipe=self.recipe.model_copy(update={"finish": finish}))

    @property
    def upper_bound(self) -> bool:
        """Whether it looks where the true mask says: for comparison only."""
        return self.recipe.localiser is not None and self.recipe.localiser["name"] == "truth"

    @property
    def with_localiser(self) -> bool:
        """Whether its answer is averaged with that of the localiser, as the recipe wishes where that can be."""
        if self.localiser is None or not self.recipe.finish.with_localiser or self.localiser.recipe.finds_centres:
            return False
        return self.localiser.classes == self.classes and self.localiser.recipe.labels == self.recipe.labels

    def true_mask(self, label: npt.NDArray[Any]) -> npt.NDArray[np.bool_] | None:
        """What a model that is an upper bound must be told of a picture (H, W); None for every other."""
        return label > 0 if self.upper_bound else None

    def _flips(self) -> tuple[tuple[int, ...], ...]:
        """Those that the view allows and the training has shown to the network: to others it is blind."""
        seen = POLICIES.build(self.recipe.fit.augmentation)
        view = VIEWS.build(self.recipe.view)
        return view.flips_known(left_right=seen.flip_left_right > 0, up_down=seen.flip_up_down > 0)

    def _localiser(self, flips: bool | None, bf16: bool) -> Localiser | None:
        spec = self.recipe.localiser
        if spec is not None and spec["name"] == "threshold":
            threshold = OtsuThreshold(**self.localiser_settings)
            return lambda pixels: Rough(threshold(pixels))
        if spec is None or self.localiser is None:
            return None
        segmenter = self.localiser.segmenter(flips=flips, bf16=bf16, prepared=bool(self.recipe.images.prepare))
        if spec["name"] == "heatmap":
            return FromHeatmap(segmenter, self.localiser_settings["radius"], spec["objects"])
        found = self.localiser
        return FromMask(segmenter, lambda probability, pixels: class_numbers(probability, found, pixels))

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all.

        Raises:
            ModicumError: it cannot be written.
        """
        unfinished = path.with_name(path.name + ".unfinished")
        try:
            unfinished.write_bytes(self.packed())
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

    def packed(self) -> bytes:
        """The content of the file."""
        weights = save_weights({k: v.detach().cpu().contiguous() for k, v in self.weights.items()})
        about = {
            "format": FORMAT if self.others else BEFORE_ENSEMBLES,
            "classes": self.classes,
            "intensity": asdict(self.intensity),
            "threshold": self.threshold,
            "low": self.low,
            "temperature": self.temperature,
            "trust": None if self.trust is None else asdict(self.trust),
            "label_values": self.label_values,
            "localiser_settings": self.localiser_settings,
            "provenance": self.provenance,
            "weights_sha256": hashlib.sha256(weights).hexdigest(),
        }
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("bundle.json", json.dumps(about, indent=1))
            archive.writestr("recipe.yaml", dump(self.recipe))
            archive.writestr("weights.safetensors", weights)
            if self.localiser is not None:
                archive.writestr("localiser.modicum", self.localiser.packed())
            for number, other in enumerate(self.others, 1):
                archive.writestr(f"other-{number}.modicum", other.packed())
        return content.getvalue()

    @classmethod
    def load(cls, path: str | Path) -> Bundle:
        """Read a file that `save` wrote, named by itself or by the folder of its run.

        Raises:
            ModicumError: missing, damaged, not a Modicum bundle, or written by a newer version.
        """
        path = file_of(Path(path))
        if not path.is_file():
            missing = "there is no model.modicum in this folder." if path.is_dir() else "there is no such file."
            raise ModicumError(missing, file=path, remedy="Give the model.modicum of a run folder.")
        return cls._unpacked(path, path)

    @classmethod
    def _unpacked(cls, content: Path | BinaryIO, path: Path) -> Bundle:
        """What a file holds, or its content in memory; errors name `path`."""
        with explained(path, "a Modicum bundle"):
            with zipfile.ZipFile(content) as archive:
                about = known_format(json.loads(archive.read("bundle.json")), path)
                recipe_text, weights = archive.read("recipe.yaml"), archive.read("weights.safetensors")
                inner = {name: io.BytesIO(archive.read(name)) for name in archive.namelist() if name.endswith(".modicum")}
            if hashlib.sha256(weights).hexdigest() != about.weights_sha256:
                raise ValueError("the weights do not match their checksum")
            localiser = inner.pop("localiser.modicum", None)
            return cls(
                recipe=checked(yaml.safe_load(recipe_text), str(path)),
                weights=load_weights(weights),
                localiser=None if localiser is None else cls._unpacked(localiser, path),
                others=tuple(cls._unpacked(other, path) for other in inner.values()),
                **{name: value for name, value in about if name != "weights_sha256"},
            )
