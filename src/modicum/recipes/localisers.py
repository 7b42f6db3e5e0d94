"""Who tells a view where the objects are. Each kind says what must be trained for it: a recipe of its own, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from modicum.errors import ModicumError
from modicum.networks import NETWORKS
from modicum.starts import PUBLISHED
from modicum.supervision import SUPERVISIONS, Labels
from modicum.tables import Table

Part = dict[str, Any]
_Share = Annotated[float, Field(gt=0, lt=1)]
_Size = Annotated[int, Field(ge=8)]


@dataclass(frozen=True)
class LocaliserPlan:
    """How a localiser comes about."""

    share: float = 0.0  # of the budget
    changes: Part | None = None  # what its recipe has different from the main one; None: there is nothing to train
    bundle: str | None = None  # a model trained before

    def recipe(self, main: Mapping[str, Any]) -> Part | None:
        """The values of the localiser's own recipe, from those of the main recipe."""
        if self.changes is None:
            return None
        if "method" in self.changes:
            images = {k: v for k, v in main["images"].items() if k != "normalise"}
            name = f"{main.get('name', 'custom')}, localiser"
            return {"name": name, "seed": main["seed"], "data": main["data"], "images": images, **self.changes}
        own = {k: v for k, v in main.items() if k in ("seed", "data", "images", "fit", "network", "finish")}
        taught = SUPERVISIONS.build(main["supervision"])
        own["supervision"] = main["supervision"] if taught.unlabelled is None else taught.labels
        if main["start"]["name"] == "imagenet":
            own["start"] = main["start"]
        inner = own["network"].get("inner")  # of a network that is itself two
        finish = {**own["finish"], "low": None, "with_localiser": False, "steps": ()}  # they are for the whole method's answer
        if own["finish"]["low"] is not None:  # hysteresis is for the sum of several answers
            finish["threshold"] = 0.5
        merged = {
            **own,
            **({"network": inner} if inner else {}),
            **{k: v for k, v in self.changes.items() if k != "fit"},
            "finish": finish | self.changes.get("finish", {}),
            "name": f"{main.get('name', 'custom')}, localiser",
        }
        return _with_what_its_encoder_needs({**merged, "fit": self._fit(own["fit"], self.changes.get("fit", {}))}, main)

    def _fit(self, main: Part, own: Part) -> Part:
        """How it is trained: with a length of its own, or with its share of the main one."""
        if own.get("epochs") is not None:
            return {**main, "budget": None, **own}
        if own.get("budget") is not None:
            return {**main, "epochs": None, **own}
        return {**main, **own, "budget": None if main["budget"] is None else main["budget"] * self.share}


def encoder_of(network: Mapping[str, Any]) -> str | None:
    """The name of the encoder of a resolved network, or of the one inside its parts, if there is one."""
    encoder = network.get("inner", network).get("encoder")
    return None if encoder is None else str(encoder["name"])


def _with_what_its_encoder_needs(own: Part, main: Mapping[str, Any]) -> Part:
    """The values of a localiser's recipe without what was meant for the main network's encoder and does not suit its own."""
    encoder = encoder_of(NETWORKS.resolve(own["network"]))
    if encoder not in PUBLISHED:
        own = {k: v for k, v in own.items() if k != "start"}
        if own["images"]["normalise"] == "weights":
            own["images"] = {**own["images"], "normalise": None}
    elif "start" in own and encoder != encoder_of(main["network"]):
        own = {**own, "start": "imagenet"}  # a file of weights is of one encoder
    if encoder is None:
        own = {**own, "fit": {k: v for k, v in own["fit"].items() if k not in ("encoder", "dropout")}}
    return own


LOCALISERS: Table[LocaliserPlan] = Table("localiser")


@LOCALISERS.register("segmenter", "Benčević et al. 2021, approach A (SYSTEMS D2)")
def segmenter(
    *,
    size: _Size = 96,
    network: Part | str | None = None,
    supervision: Labels | None = None,
    share: _Share = 0.4,
    fit: Part = {},  # noqa: B006 (never changed)
    bundle: str | None = None,
) -> LocaliserPlan:
    """A network that segments the whole picture at a small size; or any model trained before (`bundle`: its file).

    `network` and `supervision` are the main ones if null; `share` of the budget is spent on it; `fit` is what its training does
    differently; `supervision: boxes` or `points` lets it learn from no more than those.

    Raises:
        ModicumError: a model trained before is to be trained otherwise.
    """
    told = {"name": "boxes", "inside": "filled"} if supervision == "boxes" else supervision
    own = {key: value for key, value in (("network", network), ("supervision", told)) if value}
    if bundle is not None:
        if own or fit:
            raise ModicumError("localiser.bundle is trained already: it has its own network, supervision and fit.")
        return LocaliserPlan(bundle=bundle)
    return LocaliserPlan(share, {"view": {"name": "whole", "size": size}, **own, "fit": fit})


@LOCALISERS.register("heatmap", "Benčević et al. 2021, approach B; Newell et al. 2016 (SYSTEMS D3)")
def heatmap(
    *,
    size: _Size = 128,
    stacks: Annotated[int, Field(ge=1)] = 2,
    width: Annotated[int, Field(ge=2)] = 32,
    sigma: Annotated[float, Field(gt=0)] | None = None,
    objects: Literal["one", "each"] | None = None,
    pixel: Literal["mse", "bce"] = "mse",
    share: _Share = 0.4,
    fit: Part = {},  # noqa: B006 (never changed)
) -> LocaliserPlan:
    """A stacked hourglass network whose heatmap peaks at the centre of the object, or of each.

    `sigma` of the Gaussian is a share of the picture's longer side, chosen from the size of the objects if null; `objects` are
    those of the view if null.
    """
    changes: Part = {
        "view": {"name": "whole", "size": size},
        "network": {"name": "hourglass", "stacks": stacks, "width": width},
        "finish": {"threshold": 0.5},
        "fit": {
            "loss": {"name": "heatmap", "objects": objects or "one", "pixel": pixel} | ({"sigma": sigma} if sigma else {}),
            **fit,
        },
    }
    return LocaliserPlan(share, changes)


@LOCALISERS.register("threshold", "Otsu 1979 (SYSTEMS E1)")
def threshold() -> LocaliserPlan:
    """Otsu's threshold on the channel and the side that suit the training pictures best. Nothing is trained."""
    return LocaliserPlan()


@LOCALISERS.register("classical", "SYSTEMS E")
def classical(*, method: Part | str = "otsu") -> LocaliserPlan:
    """Any classical method, fitted to the training pictures in seconds."""
    return LocaliserPlan(changes={"method": method})


@LOCALISERS.register("truth", "SYSTEMS D1")
def truth() -> LocaliserPlan:
    """The true mask: an upper bound for comparison; such a model cannot segment new pictures."""
    return LocaliserPlan()
