"""The table of finishing steps, and what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import Field

from modicum.errors import ModicumError
from modicum.tables import Table

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.uint8]
Probability = npt.NDArray[np.floating]
Image = npt.NDArray[Any]
Spacing = tuple[float, float, float]

Size = Annotated[float, Field(gt=0)]
"""In pixels or, below 1, as a share of the picture: of its longer side, or of its area where an area is meant."""


class Finisher(Protocol):
    """One finishing step."""

    def __call__(
        self, numbers: Numbers, probability: Probability | None, image: Image | None, spacing: Spacing | None
    ) -> Numbers:
        """Class numbers of the same shape.

        Args:
            numbers: (H, W) of a picture or (D, H, W) of a volume, 0 is background.
            probability: (K, H, W) or (K, D, H, W) of the K classes, where there is one.
            image: (H, W, C) or (D, H, W), values as they are on disk (in CT Hounsfield units), where it is at hand; where a
                localiser finishes, the 8-bit pixels that it sees.
            spacing: mm along D, H, W; None for pictures.

        Raises:
            ModicumError: it needs what is not there.
        """
        ...


FINISHERS: Table[Finisher] = Table("finishing step")


def finished(
    numbers: Numbers,
    steps: Sequence[Mapping[str, Any]],
    probability: Probability | None = None,
    image: Image | None = None,
    spacing: Spacing | None = None,
) -> Numbers:
    """Class numbers after these steps, one after the other; arguments as for `Finisher`."""
    for step in steps:
        numbers = FINISHERS.build(step)(numbers, probability, image, spacing)
    return numbers


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


def grey_of(image: Image | None, numbers: Numbers, step: str) -> npt.NDArray[np.float64]:
    """The image in the shape of the class numbers, channels averaged, stretched to 0 to 1.

    Raises:
        ModicumError: there is none.
    """
    if image is None:
        raise ModicumError(f"the finishing step '{step}' needs the picture itself.", remedy="Leave it out of finish.steps.")
    values = np.nan_to_num(image.astype(np.float64))
    values = values.mean(axis=-1) if values.ndim > numbers.ndim else values
    low, high = np.percentile(values, [0.5, 99.5])
    return np.asarray(np.clip((values - low) / max(float(high - low), 1e-12), 0, 1))
