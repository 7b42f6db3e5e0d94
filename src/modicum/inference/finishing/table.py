"""The table of finishing steps, and what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import Field

from modicum.errors import ModicumError
from modicum.images.intensity import usual_range
from modicum.tables import Table

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.uint8]
Probability = npt.NDArray[np.floating]
Image = npt.NDArray[Any]
Spacing = tuple[float, float, float]

Size = Annotated[float, Field(gt=0)]
"""In pixels or, below 1, as a share of the picture: of its longer side, or of its area where an area is meant."""


@dataclass(frozen=True)
class Evidence:
    """What a step may look at beside the class numbers; None where it is not at hand.

    Args:
        probability: (K, H, W) or (K, D, H, W) of the K classes.
        image: (H, W, C) or (D, H, W), values as they are on disk (in CT Hounsfield units); where a localiser finishes, the
            8-bit pixels that it sees.
        spacing: mm along D, H, W; None for pictures.
    """

    probability: Probability | None = None
    image: Image | None = None
    spacing: Spacing | None = None

    @property
    def voxel(self) -> tuple[float, ...] | None:
        """Lengths of a voxel along each axis, the last one being 1."""
        return None if self.spacing is None else tuple(s / self.spacing[-1] for s in self.spacing)

    def values(self, numbers: Numbers, step: str) -> npt.NDArray[Any]:
        """The image in the shape of the class numbers, channels averaged.

        Raises:
            ModicumError: there is none.
        """
        if self.image is None:
            raise missing(step, "the picture itself")
        return np.asarray(self.image.mean(axis=-1) if self.image.ndim > numbers.ndim else self.image)

    def grey(self, numbers: Numbers, step: str) -> npt.NDArray[np.float64]:
        """`values`, stretched to 0 to 1; errors as there."""
        values = np.nan_to_num(self.values(numbers, step).astype(np.float64))
        low, high = usual_range(values)
        return np.asarray(np.clip((values - low) / max(high - low, 1e-12), 0, 1))


class Finisher(Protocol):
    """One finishing step."""

    def __call__(self, numbers: Numbers, evidence: Evidence) -> Numbers:
        """Class numbers of the same shape, (H, W) of a picture or (D, H, W) of a volume, 0 is background.

        Raises:
            ModicumError: it needs what is not there.
        """
        ...


FINISHERS: Table[Finisher] = Table("finishing step")


def finished(numbers: Numbers, steps: Sequence[Mapping[str, Any]], evidence: Evidence) -> Numbers:
    """Class numbers after these steps, one after the other; arguments and errors as for `Finisher`."""
    for step in steps:
        numbers = FINISHERS.build(step)(numbers, evidence)
    return numbers


def missing(step: str, what: str) -> ModicumError:
    """A step lacks what it works from."""
    return ModicumError(f"the finishing step '{step}' needs {what}.", remedy="Leave it out of finish.steps.")


def by_class(numbers: Numbers, change: Callable[[Mask], Mask]) -> Numbers:
    """Class numbers after each class's mask was changed for itself; what is added may only have been background.

    Where two classes are added to one pixel, the lower number has it.
    """
    done = np.zeros_like(numbers)
    for number in np.unique(numbers[numbers > 0]):
        allowed = (numbers == number) | ((numbers == 0) & (done == 0))
        done[change(numbers == number) & allowed] = number
    return done


def pixels_of(size: float, whole: float) -> float:
    """A `Size` in pixels; `whole` is what shares are taken of."""
    return size if size >= 1 else size * whole


def longer_side(numbers: Numbers) -> int:
    """Of a picture, or of a volume's slices."""
    return int(max(numbers.shape[-2:]))
