"""A model for programs that know nothing of Modicum: its networks as one ONNX graph, and in words what belongs around it.

torch's older exporter does it: it needs no package but `onnx`, is done in seconds where the newer one takes a minute, and has
the padding of pictures of any size in the graph.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

import modicum
from modicum.bundle import Bundle
from modicum.errors import ModicumError
from modicum.images.intensity import Intensity
from modicum.inference import Ensemble, Segmenter
from modicum.inference.calibration import SURE
from modicum.views import VIEWS

OPSET = 17  # of 2022: what runs ONNX today knows it
_TOLERANCE = 1e-3  # of a probability, between the graph and the networks that it was made from


class Graph(nn.Module):
    """From working pixels (N, C, H, W), 0 to 255, to probability maps (N, K, H, W): the mean of its members'."""

    def __init__(self, members: list[Segmenter]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(member.network for member in members)  # so that their weights are known as such
        self.members = members

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.stack([_answer(member, pixels) for member in self.members]).mean(0)


def export(bundle: Bundle, out: Path, *, flips: bool | None = None) -> dict[str, Any]:
    """Write the graph NAME.onnx and NAME.json, which says what to do before and after it, as does the graph's own metadata.

    The graph is run beside the networks that it was made from, and written only if both answer the same.

    Args:
        flips: overrides the recipe; without them the graph takes a quarter of the time and answers a little worse.

    Returns:
        What NAME.json says.

    Raises:
        ModicumError: a model that is more than networks of whole pictures or patches, a network that ONNX cannot express,
            missing packages, or files that cannot be written.
    """
    _refuse(bundle)
    notes = out.with_suffix(".json")
    if out.suffix != ".onnx" or (notes.exists() and not out.exists()):
        wrong = f"{notes.name} would be replaced" if out.suffix == ".onnx" else "the name of the graph must end in .onnx"
        raise ModicumError(f"{wrong}.", file=out, remedy="Choose another with --out, e.g. --out model.onnx")
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise ModicumError(f"an export needs {error.name}.", remedy="pip install 'modicum[onnx]'") from None
    predictor = bundle.segmenter(flips=flips)
    members = predictor.members if isinstance(predictor, Ensemble) else [predictor]
    graph = Graph([member for member in members if isinstance(member, Segmenter)]).eval()
    content, difference, any_size = _checked_graph(bundle, graph, onnxruntime)
    about = {**_about(bundle, graph, any_size), "greatest_difference_in_a_check": difference}
    model = onnx.load_model_from_string(content)
    onnx.helper.set_model_props(model, {k: v if isinstance(v, str) else json.dumps(v) for k, v in about.items()})
    _write(out, model.SerializeToString())
    _write(notes, (json.dumps(about, indent=1, ensure_ascii=False) + "\n").encode())
    return about


def _refuse(bundle: Bundle) -> None:
    """Raise where one graph from pixels to probabilities could not say what the model does."""
    recipe = bundle.recipe
    if recipe.method is not None:
        why = f"the model is a classical method ({recipe.method['name']}): there is no network in it"
    elif bundle.localiser is not None or VIEWS.build(recipe.view).localised:
        why = f"for the view '{recipe.view['name']}' a first network finds the objects: that is no single graph"
    elif recipe.network["name"] == "mask_rcnn" or recipe.finds_centres:
        why = f"the network '{recipe.network['name']}' finds objects one by one, and gives no plain probability map"
    elif recipe.images.block is not None:
        why = "the network sees blocks of slices, not pictures"
    elif any((other.recipe.view, other.recipe.images) != (recipe.view, recipe.images) for other in bundle.others):
        why = "the networks of the ensemble do not see the same"
    else:
        return
    raise ModicumError(f"{why}. It cannot be exported.", remedy="Train with --recipe small-whole or small-patches, which can.")


def _checked_graph(bundle: Bundle, graph: Graph, runtime: Any) -> tuple[bytes, float, bool]:
    """The graph, by how much it differs from its networks, and whether pictures may have any size: where that works."""
    channels, (height, width) = bundle.intensity.channels, VIEWS.build(bundle.recipe.view).size
    why = ""
    for any_size in (True, False):  # one pixel more, which no halving fits, puts the padding into the graph
        traced, also = (height + any_size, width + any_size), [(1, channels, height + 32, width + 9)] * any_size
        try:
            content = _traced(graph, torch.zeros(2, channels, *traced), any_size)
            difference = max(_difference(graph, content, shape, runtime) for shape in [(3, channels, height, width), *also])
        except Exception as error:  # both packages raise whatever they please for what they cannot do
            why = str(error).split("\n")[0][:120]
            continue
        if difference <= _TOLERANCE:
            return content, difference, any_size
        why = f"its probabilities would differ by up to {difference:.2g}"
    name = bundle.recipe.network["name"]
    raise ModicumError(f"the network '{name}' cannot be written as ONNX ({why}).", remedy="Train with --set network=unet")


def _traced(graph: Graph, pixels: torch.Tensor, any_size: bool) -> bytes:
    axes = {0: "n", 2: "height", 3: "width"} if any_size else {0: "n"}
    content = io.BytesIO()
    with warnings.catch_warnings(), _silence():
        warnings.simplefilter("ignore")  # of what a trace takes for constant: the check tells whether it may
        torch.onnx.export(
            graph, (pixels,), cast(Any, content), input_names=["pixels"], output_names=["probabilities"], opset_version=OPSET,
            dynamic_axes={"pixels": axes, "probabilities": axes}, dynamo=False,
        )  # fmt: skip
    return content.getvalue()


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Nothing on standard output: where torch cannot trace a network it prints all of it, from C++."""
    sys.stdout.flush()
    kept = os.dup(1)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _difference(graph: Graph, content: bytes, shape: tuple[int, ...], runtime: Any) -> float:
    """The greatest between probabilities of graph and networks, of noise."""
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # what fails here is told in other words, or tried otherwise
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        own = graph(torch.from_numpy(pixels)).numpy()
    return float(np.abs(session.run(None, {"pixels": pixels})[0] - own).max())


def _answer(member: Segmenter, pixels: torch.Tensor) -> torch.Tensor:
    """Its probabilities of pictures (N, C, H, W); all flips go through the network at once, which is in the graph but once."""
    images = _normalised(pixels, member.intensity)
    answers = member.forward(torch.cat([images, *(images.flip(axes) for axes in member.flips)]))
    kept, *flipped = answers.reshape(len(member.flips) + 1, -1, *answers.shape[1:]).unbind()
    mean = torch.stack([kept, *(a.flip(axes) for a, axes in zip(flipped, member.flips, strict=True))]).mean(0)
    if member.temperature == 1:
        return mean
    background = (1 - mean.sum(1, keepdim=True)).clamp(min=SURE)  # as in inference.calibration
    powered = torch.cat([background, mean], 1) ** (1 / member.temperature)
    return (powered / powered.sum(1, keepdim=True))[:, 1:]


def _normalised(pixels: torch.Tensor, intensity: Intensity) -> torch.Tensor:
    values = pixels / 255
    if intensity.per_picture:  # of what is given, because nothing else is known here
        above = values - values.mean((2, 3), keepdim=True)
        return above / (above**2).mean((2, 3), keepdim=True).clamp(min=1e-4).sqrt()
    mean, sd = (torch.tensor(levels, dtype=torch.float32)[:, None, None] for levels in (intensity.mean, intensity.sd))
    return (values - mean) / sd


def _about(bundle: Bundle, graph: Graph, any_size: bool) -> dict[str, Any]:
    """What whoever runs the graph must know, in the order in which it is done."""
    recipe, intensity, images, view = bundle.recipe, bundle.intensity, bundle.recipe.images, VIEWS.build(bundle.recipe.view)
    low, high = images.window or ("the .5 percentile", "the 99.5 percentile of the picture or volume")
    channels = ["red", "green", "blue"] if intensity.channels == 3 else ["grey"]
    if images.neighbours or images.depth:
        channels = [f"slice {step:+d}" for step in range(-images.neighbours, images.neighbours + 1)]
        channels += ["how high the slice lies, the same everywhere: 0 at the feet, 255 at the head"] * images.depth
    if recipe.view["name"] == "whole":
        resizing = f"the whole picture to {view.size[0]} x {view.size[1]} (height x width), whatever its shape"
    else:
        longest, (height, width) = recipe.view["longest"], (recipe.view["tile"],) * 2 if any_size else view.size
        resizing = f"to a longer side of at most {longest} pixels" if longest else "none"
        resizing += f"; tiles of {'at most ' * any_size}{height} x {width} pixels"
        resizing += f" that overlap by {recipe.view['overlap']}, probabilities averaged"
    decision = "foreground where the probability is at least `threshold`"
    if bundle.low is not None:
        decision += ", and where it is above `low` in a region that holds such a pixel"
    if len(bundle.classes) > 1:
        decision = "the most probable of the classes and the background, which has what they leave of 1"
    size = ["height", "width"] if any_size else list(view.size)
    return {
        "made_by": f"Modicum {modicum.__version__}",
        "recipe": recipe.name,
        "network": recipe.network["name"],
        "networks": len(graph.members),
        "looks": f"{1 + len(graph.members[0].flips)} (as it is and flipped), averaged in the graph",
        "values": f"8 bits as they are; others linearly from {low} (0) to {high} (255), clipped",
        "grey": "colour first turned to luminance, .299 R + .587 G + .114 B" if intensity.grey else "not changed",
        "prepare": [dict(step) for step in images.prepare],
        "spacing_mm": list(images.spacing) if isinstance(images.spacing, tuple) else None,
        "resizing": f"{resizing}. Shrinking by two or more: area-averaged first by the whole factor; then bilinear.",
        "size": list(view.size),
        "any_size": any_size,
        "input": {"name": "pixels", "type": "float32", "shape": ["n", intensity.channels, *size], "range": [0, 255]},
        "channels": channels,
        "normalisation": "in the graph, by "
        + ("mean and spread of what is given: give whole pictures" if intensity.per_picture else "those of training pictures"),
        "output": {"name": "probabilities", "type": "float32", "shape": ["n", len(bundle.classes), *size], "range": [0, 1]},
        "classes": list(bundle.classes),
        "label_values": list(bundle.label_values),
        "threshold": bundle.threshold if len(bundle.classes) == 1 else None,
        "low": bundle.low,
        "decision": f"after the probabilities are brought back to the picture's size, bilinear: {decision}",
        "finish_steps": [dict(step) for step in recipe.finish.steps],
    }


def _write(path: Path, content: bytes) -> None:
    """A file, whole or not at all."""
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except OSError as error:
        raise ModicumError(f"cannot be written ({error.strerror}).", file=path, remedy="Choose another with --out.") from None
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
