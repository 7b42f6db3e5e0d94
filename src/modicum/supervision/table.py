"""What teaches a network, as a recipe names it: labels as they are or made weaker, and unlabelled pictures beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from modicum.errors import ModicumError
from modicum.tables import Table

Labels = Literal["labelled", "boxes", "points", "scribbles", "centre_lines"]
_Share = Annotated[float, Field(gt=0, lt=1)]
_Part = Annotated[float, Field(ge=0, le=1)]
_Unsure = Annotated[float, Field(ge=0, lt=0.5)]


@dataclass(frozen=True)
class PseudoLabels:
    """A first model labels the unlabelled pictures; what can be believed of that teaches the next one."""

    rounds: int
    share_range: tuple[float, float] | None  # least and largest share of foreground; None: computed from the labelled pictures
    confidence: float  # least mean probability of what a picture is labelled with
    unsure: float  # pixels whose probability lies nearer to .5 than this do not teach
    real: float  # share of labelled pictures in a batch
    anew: bool  # every round begins as the first training did; else with the weights of the last one
    teacher: str | None  # file of a trained model that labels them, in the place of a first one


@dataclass(frozen=True)
class Consistency:
    """In training, averaged weights label weakly changed pictures; where they are sure, these teach strongly changed ones."""

    confidence: float  # least probability of a pixel's class
    weight: float  # of the unlabelled pictures' loss
    warm_up: float  # share of the training in which the weight grows from 0
    cutmix: float  # probability that a rectangle of another picture is pasted in
    strength: float  # of the strong change of colours
    tolerance: float  # fall of the validation Dice below its best at which unlabelled pictures stop teaching


@dataclass(frozen=True)
class Supervision:
    """What teaches a network."""

    labels: Labels = "labelled"
    pairwise: float = 0.0  # weight of the agreement of alike neighbours, where labels leave pixels out
    grabcut: bool = False  # boxes: GrabCut says what of them is the object
    near: float = 0.0  # centre lines: what lies so near is their class, as a share of the picture's longer side,
    far: float = 0.0  # and what lies beyond this is background
    unlabelled: PseudoLabels | Consistency | None = None
    folder: str | None = None  # of more unlabelled pictures
    share: float = 0.0  # of the budget, for the training on labelled pictures alone that comes first
    first: Mapping[str, Any] | None = None  # what that training's `fit` has different

    @property
    def teacher(self) -> str | None:
        """File of a trained model that labels the unlabelled pictures."""
        return self.unlabelled.teacher if isinstance(self.unlabelled, PseudoLabels) else None


SUPERVISIONS: Table[Supervision] = Table("supervision")


@SUPERVISIONS.register("labelled")
def labelled() -> Supervision:
    """Labelled pictures."""
    return Supervision()


@SUPERVISIONS.register("boxes", "thesis-data-efficient-segmentation 7 (SYSTEMS C8)")
def boxes(*, inside: Literal["filled", "grabcut"] = "grabcut") -> Supervision:
    """Labelled pictures, as if no more than the bounding box of each object were known.

    `inside` a box everything is the object (filled), or what GrabCut tells from the colours around it.
    """
    return Supervision("boxes", grabcut=inside == "grabcut")


@SUPERVISIONS.register("points", "SYSTEMS C8")
def points() -> Supervision:
    """Labelled pictures, as if no more than the centre of each object were known."""
    return Supervision("points")


@SUPERVISIONS.register("scribbles", "Obukhov et al. 2019, arXiv:1906.04651 (gated CRF), Tang et al. 2018 (SYSTEMS C8)")
def scribbles(*, pairwise: Annotated[float, Field(ge=0)] = 10.0) -> Supervision:
    """Pictures of which only some pixels are marked: the loss is that of these, and neighbours of like colour must agree.

    `pairwise` is the weight of the agreement. Where the label files do not say which pixels are unmarked ("unmarked" in
    classes.json), strokes are drawn into each object and the background, as if no more were known.
    """
    return Supervision("scribbles", pairwise=pairwise)


@SUPERVISIONS.register("centre_lines", "SYSTEMS C8")
def centre_lines(
    *,
    near: Annotated[float, Field(ge=0)] = 0.002,
    far: Annotated[float, Field(gt=0)] = 0.004,
    pairwise: Annotated[float, Field(ge=0)] = 0.0,
) -> Supervision:
    """Labelled pictures, as if no more than the centre line of each vessel were known.

    Within `near` of a line is vessel, beyond `far` is background (shares of the picture's longer side), and between the two
    nothing is known; `pairwise` is the weight with which neighbours of like colour must agree: much of it hides thin vessels.

    Raises:
        ModicumError: `near` is larger than `far`.
    """
    if near > far:
        raise ModicumError(f"supervision.near ({near:g}) is larger than far ({far:g}).", remedy="Set far as well.")
    return Supervision("centre_lines", pairwise=pairwise, near=near, far=far)


@SUPERVISIONS.register("pseudo_labels", "thesis-unlabelled-retina 3.3; Lee 2013 (SYSTEMS C2)")
def pseudo_labels(
    *,
    folder: str | None = None,
    rounds: Annotated[int, Field(ge=1)] = 1,
    share_range: tuple[_Part, _Part] | None = None,
    confidence: _Part = 0.75,
    unsure: _Unsure = 0.1,
    real: _Share = 0.5,
    anew: bool = True,
    teacher: str | None = None,
    share: _Share = 0.4,
    fit: dict[str, Any] = {},  # noqa: B006 (never changed)
) -> Supervision:
    """Unlabelled pictures too, labelled by a model trained before on the labelled ones, as far as they can be believed.

    `share` of the budget goes to that first model, the rest to the `rounds` after it; `fit` is what its training does
    differently. With `teacher`, the file of a model, there is none: so an ensemble is distilled into one network. A picture
    is believed if the share of its foreground lies in `share_range` (null: computed from the labelled pictures) and the mean
    probability of what was found is at least `confidence`; its pixels, if their probability is not within `unsure` of .5.

    Raises:
        ModicumError: a model trained before is to be trained otherwise, or `share_range` has its larger share first.
    """
    if share_range is not None and share_range[0] > share_range[1]:
        raise ModicumError(
            f"supervision.share_range goes from {share_range[0]:g} down to {share_range[1]:g}: nothing could be believed.",
            remedy="Give the least share first.",
        )
    if teacher is not None and fit:
        raise ModicumError(
            "supervision.teacher is trained already: supervision.fit cannot apply.", remedy="Use --set 'supervision.fit={}'"
        )
    labelling = PseudoLabels(rounds, share_range, confidence, unsure, real, anew, teacher)
    return Supervision(unlabelled=labelling, folder=folder, share=share, first=fit)


@SUPERVISIONS.register("consistency", "Sohn et al. 2020 (FixMatch), Yang et al. 2023 (UniMatch), French et al. 2020 (CutMix)")
def consistency(
    *,
    folder: str | None = None,
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.95,
    weight: Annotated[float, Field(gt=0)] = 1.0,
    warm_up: _Part = 0.1,
    cutmix: _Part = 0.5,
    strength: Annotated[float, Field(gt=0)] = 2.0,
    tolerance: _Part = 0.05,
    share: _Share = 0.3,
    fit: dict[str, Any] = {},  # noqa: B006 (never changed)
) -> Supervision:
    """Unlabelled pictures too: what the average of the weights is sure of in them must be seen through strong changes as well.

    `share` of the budget goes to a training on labelled pictures alone, with whose weights the other begins and beside which
    it is shown; `fit` is what that one does differently.
    """
    return Supervision(
        unlabelled=Consistency(confidence, weight, warm_up, cutmix, strength, tolerance), folder=folder, share=share, first=fit
    )
