"""From a region to the tissue in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modicum.errors import ModicumError
from modicum.inference.finishing.table import FINISHERS, Evidence, Numbers


@FINISHERS.register("tissue_range", "Benčević et al. 2021, thesis-data-efficient-segmentation 6.3 (SYSTEMS D9)")
@dataclass(frozen=True, kw_only=True)
class TissueRange:
    """Of each class only the pixels (voxels) of these values, in CT Hounsfield units; fat is -200 to -30.

    The network learns the region that is labelled; what is measured and written is the tissue in it. In tests true masks are
    restricted likewise, whether they show the region or the tissue.
    """

    least: float = -200.0
    greatest: float = -30.0

    def __post_init__(self) -> None:
        if not self.least < self.greatest:
            raise ModicumError("tissue_range.least must be below tissue_range.greatest.")

    def __call__(self, numbers: Numbers, evidence: Evidence) -> Numbers:
        values = evidence.values(numbers, "tissue_range")
        return np.where((values >= self.least) & (values <= self.greatest), numbers, np.uint8(0))
