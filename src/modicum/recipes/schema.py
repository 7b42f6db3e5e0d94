"""A recipe: one point in the space of view, network, start, supervision, fit and finish; checked on load.

Parts are given by name, or by name and options; the resolved recipe shows every default.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator

from modicum.classical import METHODS, OF_ONE_CHANNEL
from modicum.errors import ModicumError
from modicum.losses import OF_SHAPES
from modicum.networks import NETWORKS, SOLID
from modicum.recipes.axes import Axis, Data, EncoderFit, Finish, Fit, Images, Part, of_table
from modicum.recipes.localisers import LOCALISERS, encoder_of
from modicum.starts import PUBLISHED, STARTS
from modicum.supervision import SUPERVISIONS, Labels, Supervision
from modicum.tables import explain
from modicum.views import VIEWS, View

WITHOUT_WHOLE_MASKS = "Use the view whole or patches, a network of one step and the loss dice_ce."
FOR_NETWORKS = ("view", "network", "localiser", "start", "supervision", "fit")  # axes that a classical method does not have
OF_NETWORKS = {"images": ("normalise",), "finish": ("flips", "with_localiser")}  # and keys of those that it has


def _method(spec: Any) -> Part | None:
    return None if spec is None else METHODS.resolve(spec)


def _localiser(spec: Any) -> Part | None:
    return None if spec is None else LOCALISERS.resolve(spec)


def _view(spec: Any) -> Part:
    """The view resolved; made once as well, because some of its options must fit each other."""
    resolved = VIEWS.resolve(spec)
    VIEWS.build(resolved)
    return resolved


class Recipe(Axis):
    """Everything that decides a training, with its source."""

    name: str = "custom"
    description: str = ""
    source: str = ""
    seed: int = Field(default=0, ge=0, lt=2**32)
    data: Data = Data()
    images: Images = Images()
    method: Annotated[Part | None, BeforeValidator(_method)] = None  # a classical one; then nothing is said of networks
    view: Annotated[Part, BeforeValidator(_view)] = Field(default_factory=lambda: VIEWS.resolve("patches"))
    network: Annotated[Part, of_table(NETWORKS)] = Field(default_factory=lambda: NETWORKS.resolve("unet"))
    localiser: Annotated[Part | None, BeforeValidator(_localiser)] = None  # for views that look at objects
    start: Annotated[Part, of_table(STARTS)] = Field(default_factory=lambda: STARTS.resolve("random"))
    supervision: Annotated[Part, of_table(SUPERVISIONS)] = Field(default_factory=lambda: SUPERVISIONS.resolve("labelled"))
    fit: Fit = Fit()
    finish: Finish = Finish()

    @model_validator(mode="after")
    def _nothing_of_networks_where_there_is_none(self) -> Recipe:
        if self.method is None:
            return self
        given = [key for key in FOR_NETWORKS if key in self.model_fields_set]
        for axis, keys in OF_NETWORKS.items():
            given += [f"{axis}.{key}" for key in keys if key in getattr(self, axis).model_fields_set]
        if given:
            raise ModicumError(
                f"the classical method '{self.method['name']}' is no network: {', '.join(given)} cannot apply.",
                remedy="Leave these keys out.",
            )
        return self

    @model_validator(mode="after")
    def _one_channel_for_who_sees_one(self) -> Recipe:
        if self.method and self.method["name"] in OF_ONE_CHANNEL and (self.images.neighbours or self.images.depth):
            raise ModicumError(
                f"the classical method '{self.method['name']}' looks at one channel, and cannot see neighbours or depth.",
                remedy="Leave out images.neighbours and images.depth.",
            )
        return self

    @model_validator(mode="after")
    def _someone_who_localises(self) -> Recipe:
        view = VIEWS.build(self.view)
        needed = view.localised
        if self.localiser is None and (needed or self.start["name"] == "localiser"):
            self.localiser = LOCALISERS.resolve("segmenter")
        if self.localiser is not None and not needed and self.start["name"] != "localiser":
            raise ModicumError(f"the view '{self.view['name']}' needs no localiser.", remedy="Leave out the key localiser.")
        if (self.network["name"] == "hourglass") != self.finds_centres:
            raise ModicumError("the network 'hourglass' and the loss 'heatmap' belong together: they find centres, not masks.")
        if self.start["name"] == "localiser" and self.localiser and self.localiser["name"] != "segmenter":
            raise ModicumError(
                f"the localiser '{self.localiser['name']}' has no weights that this network could start from.",
                remedy="Use --set start=random",
            )
        if self.localiser is not None and self.localiser["name"] == "heatmap" and self.localiser["objects"] is None:
            self.localiser = {**self.localiser, "objects": "each" if view.several else "one"}
        if (first := self.first) is not None:
            self._check_first(first, view)
        own_cost = self.finds_centres or self.network["name"] == "mask_rcnn"
        if STARTS.build(self.start).pretext is not None and own_cost:
            raise ModicumError(
                f"the network '{self.network['name']}' cannot learn '{self.start['name']}'.", remedy="Use --set start=random"
            )
        if self.taught_by.unlabelled is not None and self.localiser is not None and self.localiser["name"] == "truth":
            raise ModicumError(
                "nobody knows where the objects of unlabelled pictures truly are.", remedy="Use --set localiser=segmenter"
            )
        if self.taught_by.unlabelled is not None and own_cost:
            raise ModicumError(
                f"unlabelled pictures cannot teach the network '{self.network['name']}'.",
                remedy="Use --set supervision=labelled",
            )
        return self

    @model_validator(mode="after")
    def _two_answers_to_average(self) -> Recipe:
        if self.finish.with_localiser and self.localiser is None:
            raise ModicumError(
                f"finish.with_localiser averages two answers, and the view '{self.view['name']}' has no localiser.",
                remedy="Use --set finish.with_localiser=false",
            )
        return self

    @model_validator(mode="after")
    def _whole_masks_where_they_are_needed(self) -> Recipe:
        if self.leaves_pixels_out and (why := self.needs_whole_masks):
            raise ModicumError(f"{why}, which {self.labels.replace('_', ' ')} do not show.", remedy=WITHOUT_WHOLE_MASKS)
        return self

    @model_validator(mode="after")
    def _dimensions_that_fit(self) -> Recipe:
        solid, block = self.network["name"] in SOLID, self.images.block is not None
        if solid != block:
            three = f"the network '{self.network['name']}' sees {'volumes' if solid else 'pictures'}"
            remedy = "Use --set images.block=16" if solid else "Use --set network=unet3d, or leave out images.block."
            raise ModicumError(f"{three}, and images.block is {self.images.block or 'not set'}.", remedy=remedy)
        alone = self.taught_by.unlabelled is None and self.labels == "labelled"
        if solid and (self.localiser is not None or not alone or STARTS.build(self.start).pretext is not None):
            raise ModicumError(
                "a network of three dimensions learns from labelled volumes alone, with neither localiser nor pretext task.",
                remedy="Use --set supervision=labelled --set start=random, and the view whole or patches.",
            )
        return self

    @model_validator(mode="after")
    def _weights_that_fit(self) -> Recipe:
        known = self.encoder in PUBLISHED
        if self.start["name"] == "imagenet" and not known:
            raise ModicumError(
                f"there are no ImageNet weights for {f'the encoder {self.encoder!r}' if self.encoder else 'this network'}.",
                remedy="Use --set network.encoder=NAME with one of " + ", ".join(PUBLISHED),
            )
        if self.images.normalise is None:
            own = "weights" if self.start["name"] == "imagenet" else "dataset"
            self.images = self.images.model_copy(update={"normalise": own})
        if self.images.normalise == "weights" and not known:
            raise ModicumError("images.normalise=weights needs an encoder with ImageNet weights.", remedy="Leave it out.")
        pretext = STARTS.build(self.start).pretext
        if pretext is not None and pretext.of_encoder and (self.encoder is None or "inner" in self.network):
            raise ModicumError(
                f"start={self.start['name']} teaches an encoder, and the network '{self.network['name']}' has not just one.",
                remedy="Use --set start=denoise, or --set start=random.",
            )
        if self.encoder is None and (self.fit.encoder != EncoderFit() or self.fit.dropout):
            raise ModicumError(
                f"the network '{self.network['name']}' has no encoder to which fit.encoder or fit.dropout could apply.",
                remedy="Leave these keys out.",
            )
        return self

    @model_validator(mode="after")
    def _a_training_on_labels_alone(self) -> Recipe:
        _ = self.alone  # a wrong key in supervision.fit is told now, not in the middle of a run
        return self

    @property
    def encoder(self) -> str | None:
        """The name of the network's encoder, or of the one inside its parts, if there is one."""
        return encoder_of(self.network)

    def _check_first(self, first: Recipe, view: View) -> None:
        """Whether the localiser's own recipe suits the main one; that it is a recipe at all was checked when it was made."""
        if first.labels == "points" and not first.finds_centres and view.extents:
            raise ModicumError(
                f"the view '{self.view['name']}' must know how far objects reach, which points do not say.",
                remedy="Use boxes, or a polar view.",
            )
        if self.fit.budget is not None and first.fit.budget is not None and first.fit.budget >= self.fit.budget:
            raise ModicumError(
                f"the localiser's budget of {first.fit.budget:g} minutes leaves nothing of {self.fit.budget:g} for the rest.",
                remedy="Give localiser.fit.budget less, or --budget more.",
            )

    @property
    def taught_by(self) -> Supervision:
        """What teaches the network."""
        return SUPERVISIONS.build(self.supervision)

    @property
    def labels(self) -> Labels:
        """What is known of the labelled pictures."""
        return self.taught_by.labels

    @property
    def leaves_pixels_out(self) -> bool:
        """Whether it is made for labels that say nothing of many pixels."""
        return self.labels in ("scribbles", "centre_lines")

    @property
    def needs_whole_masks(self) -> str:
        """In words what of this recipe must see whole objects in the labels; "" if nothing."""
        if self.method is not None:
            return (
                f"the method '{self.method['name']}' learns from whole masks"
                if self.method["name"] in ("atlas", "otsu")
                else ""
            )
        if self.localiser is not None and VIEWS.build(self.view).localised:
            return f"the view '{self.view['name']}' looks at whole objects"
        if self.network["name"] == "mask_rcnn":
            return "the network 'mask_rcnn' looks at whole objects"
        if self.fit.loss["name"] in OF_SHAPES:
            return f"the loss '{self.fit.loss['name']}' looks at shapes"
        return ""

    @property
    def tissue(self) -> tuple[float, float] | None:
        """The values of the pixels that an answer, and the truth that it is measured against, can hold; None: any."""
        ranges = [(step["least"], step["greatest"]) for step in self.finish.steps if step["name"] == "tissue_range"]
        return ranges[-1] if ranges else self.data.tissue

    @property
    def by_region(self) -> bool:
        """Whether the network finds a region, and the finishing steps the tissue in it."""
        return any(step["name"] == "tissue_range" for step in self.finish.steps)

    @property
    def finds_centres(self) -> bool:
        """Whether the network answers with a heatmap of centres instead of a mask."""
        return bool(self.fit.loss["name"] == "heatmap")

    @property
    def first(self) -> Recipe | None:
        """The recipe of the localiser that must be trained first, if there is one."""
        if self.localiser is None:
            return None
        values = LOCALISERS.build(self.localiser).recipe(self.model_dump())
        return None if values is None else Recipe.model_validate(values)

    @property
    def with_labels_alone(self) -> Recipe:
        """This recipe without unlabelled pictures."""
        return self.model_copy(update={"supervision": SUPERVISIONS.resolve(self.taught_by.labels)})

    @property
    def alone(self) -> Recipe | None:
        """The recipe of the training on labelled pictures alone that comes first where unlabelled pictures teach too."""
        taught = self.taught_by
        if taught.unlabelled is None or taught.teacher is not None:
            return None
        own = dict(taught.first or {})
        if self.fit.budget is not None:  # a length demanded of the whole outweighs the document's
            own = {"budget": self.fit.budget * taught.share, **{k: v for k, v in own.items() if k != "epochs"}}
        values = {**self.model_dump(), "supervision": taught.labels, "name": f"{self.name}, labels alone"}
        try:
            return Recipe.model_validate({**values, "fit": {**values["fit"], **own}})
        except ValidationError as error:
            raise explained(error, "supervision") from None


def explained(error: ValidationError, where: str = "") -> ModicumError:
    """The first problem of a recipe's values in one line, with the nearest valid key; `where` they stand, if below a key."""
    return explain(error, _keys_at(error.errors()[0]["loc"][:-1]), where)


def _keys_at(path: Sequence[int | str]) -> Iterator[str]:
    """Valid keys at a place in a recipe, for the nearest one; at the top those of its axes as well, as "fit.epochs"."""
    if not path:
        for axis, field in Recipe.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                yield from (f"{axis}.{key}" for key in field.annotation.model_fields)
    model: type[BaseModel] = Recipe
    for key in path:
        below = model.model_fields[str(key)].annotation if str(key) in model.model_fields else None
        if not (isinstance(below, type) and issubclass(below, BaseModel)):
            break
        model = below
    yield from model.model_fields
