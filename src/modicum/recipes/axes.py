"""The axes of a recipe that are no parts by name: what pixels become, how a network is trained, what happens to its answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from modicum.augment import POLICIES
from modicum.errors import ModicumError
from modicum.images.preparations import OF_COLOURS, PREPARATIONS
from modicum.images.volumes.slicing import Slicing
from modicum.inference.finishing import FINISHERS
from modicum.losses import LOSSES
from modicum.tables import Table
from modicum.training.optimisers import OPTIMISERS
from modicum.training.schedules import SCHEDULES

Part = dict[str, Any]


def of_table(table: Table[Any]) -> BeforeValidator:
    return BeforeValidator(table.resolve)


def each_of(table: Table[Any], key: str) -> BeforeValidator:
    def resolved(specs: Any) -> tuple[Part, ...]:
        if not isinstance(specs, list | tuple):
            some = ", ".join(list(table)[:2])
            raise ModicumError(f"{key} is a list of names.", remedy=f"For example --set '{key}=[{some}]'")
        return tuple(table.resolve(spec) for spec in specs)

    return BeforeValidator(resolved)


class Axis(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_default=True)


_Millimetres = Annotated[float, Field(gt=0)]


class Images(Axis):
    """How pixel values become numbers."""

    grey: bool = False  # colour pictures are turned grey
    prepare: Annotated[tuple[Part, ...], each_of(PREPARATIONS, "images.prepare")] = ()  # one after the other
    window: tuple[float, float] | None = None  # of volumes: least and greatest value told apart; None: percentiles of each
    neighbours: int = Field(default=0, ge=0)  # of volumes: slices on both sides that are shown as well
    depth: bool = False  # of volumes: a further channel says how high a slice lies
    block: int | None = Field(default=None, ge=2)  # of volumes: slices that a network of three dimensions sees at once
    # Of volumes: mm between pixels along height and width; None: their own; auto: those of most, where they differ.
    spacing: tuple[_Millimetres, _Millimetres] | Literal["auto"] | None = "auto"
    # By mean and spread of the training pictures, by its own, as the weights expect that the network starts from, or 0 to 1.
    normalise: Literal["dataset", "picture", "weights", "none"] | None = None  # None: weights with ImageNet's, else dataset

    @property
    def slicing(self) -> Slicing:
        """How slices of volumes become pictures."""
        return Slicing(self.window, self.neighbours, self.depth, None if self.spacing == "auto" else self.spacing, self.block)

    @property
    def channels(self) -> int | None:
        """Of the working pixels; None: those of the pictures."""
        return 1 if self.grey or any(step["name"] == "green" for step in self.prepare) else None

    @model_validator(mode="after")
    def _no_preparation_of_what_is_no_picture(self) -> Images:
        if self.grey and any(step["name"] == "green" for step in self.prepare):
            raise ValueError("grey and the preparation 'green' exclude each other")
        if self.depth and self.prepare:
            raise ValueError("a channel that says how deep a slice lies (images.depth) is no picture to prepare")
        if self.depth and self.normalise == "picture":
            raise ValueError("a slice's own mean and spread would take away how deep it lies (images.depth)")
        return self

    @model_validator(mode="after")
    def _slices_are_no_colours(self) -> Images:
        of_colours = ["grey"] * self.grey + [step["name"] for step in self.prepare if step["name"] in OF_COLOURS]
        if of_colours and (self.neighbours or self.depth):
            raise ValueError(f"{of_colours[0]} is for colours; what neighbours and depth show beside a slice are none")
        return self

    @model_validator(mode="after")
    def _a_window_is_open(self) -> Images:
        if self.window is not None and self.window[0] >= self.window[1]:
            raise ValueError("window is the least and the greatest value that are told apart, e.g. [-160, 240]")
        return self

    @model_validator(mode="after")
    def _a_block_shows_its_slices(self) -> Images:
        if self.block is not None and (self.neighbours or self.depth):
            raise ValueError("neighbours and depth are for networks that see slice by slice, and not with block")
        return self


class EncoderFit(Axis):
    """What is different for an encoder that knows something already."""

    rate: float = Field(default=1.0, gt=0)  # of the learning rate
    frozen: float = Field(default=0.0, ge=0, lt=1)  # share of the training in which its weights stay as they began
    norm: Literal["trained", "frozen"] = "trained"  # its batch norms


class Fit(Axis):
    """How the network is trained."""

    loss: Annotated[Part, of_table(LOSSES)] = Field(default_factory=lambda: LOSSES.resolve("dice_ce"))
    optimiser: Annotated[Part, of_table(OPTIMISERS)] = Field(default_factory=lambda: OPTIMISERS.resolve("adamw"))
    rate: float = Field(default=3e-3, gt=0)
    schedule: Annotated[Part, of_table(SCHEDULES)] = Field(default_factory=lambda: SCHEDULES.resolve("one_cycle"))
    encoder: EncoderFit = EncoderFit()
    dropout: float = Field(default=0.0, ge=0, lt=1)  # probability of dropping a channel of the encoder's smallest map
    batch_size: int = Field(default=8, ge=1)
    epochs: int | None = Field(default=None, ge=1)  # one of epochs and budget
    budget: float | None = Field(default=None, gt=0)  # minutes of training
    samples: int = Field(default=1, ge=1)  # views of each picture in an epoch
    augmentation: Annotated[Part, of_table(POLICIES)] = Field(default_factory=lambda: POLICIES.resolve("strong"))
    average: float = Field(default=0.99, ge=0, lt=1)  # decay of the averaged weights; 0 turns it off
    clip: float | None = Field(default=1.0, gt=0)  # norm of the gradient
    keep: Literal["last", "best"] = "last"  # which weights become the model; best: by validation loss
    patience: int | None = Field(default=None, ge=1)  # epochs without improvement before it stops
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] | None = None  # None: the fastest, measured
    workers: int = Field(default=0, ge=0)  # processes that prepare pictures; 0: none

    @model_validator(mode="after")
    def _one_length(self) -> Fit:
        if self.epochs is not None and self.budget is not None:
            raise ValueError("epochs and budget exclude each other: give one of them")
        return self


class Finish(Axis):
    """What happens to the probability map."""

    threshold: float | Literal["auto"] = "auto"  # auto: by Dice on validation pictures; .5 without any
    low: float | Literal["auto"] | None = None  # lower threshold of hysteresis: regions above it are kept whole
    flips: bool = True  # average over the flips that the view allows and the augmentation shows
    ensemble: bool = False  # with folds: their networks are averaged; else one more is trained on all labelled pictures
    with_localiser: bool = False  # average with the localiser's answer, where it too has learned masks of these classes
    steps: Annotated[tuple[Part, ...], each_of(FINISHERS, "finish.steps")] = ()  # what is done to the mask, one after the other

    @field_validator("threshold", "low")
    @classmethod
    def _a_probability(cls, threshold: float | Literal["auto"] | None) -> float | Literal["auto"] | None:
        if isinstance(threshold, float) and not 0 <= threshold <= 1:
            raise ValueError("a threshold is a probability, 0 to 1")
        return threshold

    @model_validator(mode="after")
    def _lower_is_lower(self) -> Finish:
        if isinstance(self.low, float) and isinstance(self.threshold, float) and self.low > self.threshold:
            raise ValueError("low is the lower threshold of hysteresis: it cannot be above threshold")
        return self


class Data(Axis):
    """Which cases there are, and how they are divided where the data set does not say."""

    leave_out: tuple[str, ...] = ()  # cases by name
    test_share: float = Field(default=0.2, ge=0, lt=1)
    val_share: float | None = Field(default=None, ge=0, lt=1)  # None: by the number of labels
    tissue: tuple[float, float] | None = None  # of every label only pixels of these values, as they are on disk, count

    @model_validator(mode="after")
    def _a_range_is_open(self) -> Data:
        if self.tissue is not None and self.tissue[0] >= self.tissue[1]:
            raise ValueError("tissue is the least and the greatest value of what is meant, e.g. [-200, -30] for fat in CT")
        return self
