"""A volume: values in physical units on a grid, and the way back to the file that it came from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from modicum.errors import ModicumError

Mask = npt.NDArray[np.uint8]


class Writer(Protocol):
    """Writes class numbers (D, H, W) in the geometry of the file that a volume was read from."""

    @property
    def suffix(self) -> str: ...  # of what it writes

    def __call__(self, mask: Mask, path: Path, classes: tuple[str, ...]) -> None: ...


@dataclass(frozen=True)
class Grid:
    """What the header of a volume says of its voxels."""

    shape: tuple[int, int, int]  # (D, H, W)
    spacing: tuple[float, float, float]  # mm along these
    affine: npt.NDArray[np.float64] = field(compare=False)  # (4, 4), as that of a volume
    turned: tuple[object, ...] = field(default=(), compare=False)  # how the file's array was turned to lie like that
    channels: int = field(default=1, compare=False)  # that the file holds, of which the first is read

    def lies_as(self, other: Grid | Volume, voxels: float = 0.1) -> bool:
        """Whether each voxel lies where that of the other does, to this part of a voxel."""
        if self.shape != other.shape:
            return False
        corners = np.array([*product(*((0, n - 1) for n in self.shape))])
        corners = np.column_stack([corners, np.ones(len(corners))])
        apart = np.linalg.norm(corners @ (self.affine - other.affine).T, axis=1)
        return bool(apart.max() < voxels * min(other.spacing))


@dataclass(frozen=True, eq=False)
class Volume:
    """Values (D, H, W): slices from foot to head where that is the slicing axis, rows to the back, columns to the left.

    The axis of the slices is the one along which voxels are farthest apart; of equally spaced ones the body's axis.
    """

    values: npt.NDArray[Any]  # int16, uint16, uint8 or float32; Hounsfield units in CT
    spacing: tuple[float, float, float]  # mm along D, H, W
    affine: npt.NDArray[np.float64]  # (4, 4), from voxel (d, h, w) to millimetres right, front, head
    write: Writer
    remarks: tuple[str, ...] = field(default=())  # what must be known of the file: a tilted gantry, missing slices
    channels: int = 1  # that the file holds, of which this is the first

    def nameless(self) -> Volume:
        """The same volume, whose masks are written without what a DICOM file says of its patient."""
        from modicum.images.volumes.nifti import Plain

        return replace(self, write=Plain(self.spacing)) if self.write.suffix == ".dcm" else self

    @property
    def shape(self) -> tuple[int, int, int]:
        depth, height, width = self.values.shape
        return depth, height, width

    def lies_as(self, other: Volume) -> bool:
        """Whether each voxel lies where that of the other does, to a tenth of a voxel."""
        return Grid(self.shape, self.spacing, self.affine).lies_as(other)

    def on_grid_of(self, other: Volume) -> npt.NDArray[Any]:
        """The values where the other's voxels lie, 0 where this volume does not reach; no voxel is resampled.

        Raises:
            ModicumError: its voxels lie between those of the other.
        """
        to_other = np.linalg.inv(other.affine) @ self.affine
        several = np.array(self.shape) > 1  # how far apart voxels are is not known along an axis that has one
        start = np.rint(to_other[:3, 3]).astype(int)
        turned = np.abs(to_other[:3, :3] - np.eye(3))[:, several].max(initial=0) * max(self.shape) > 0.1
        if turned or np.abs(to_other[:3, 3] - start).max() > 0.1:
            raise ModicumError("its voxels do not lie where those of its volume do.", remedy="Resample it to the volume.")
        placed = np.zeros(other.shape, self.values.dtype)
        low, high = np.maximum(start, 0), np.minimum(start + self.shape, other.shape)
        if (low < high).all():
            here = tuple(slice(a - s, b - s) for a, b, s in zip(low, high, start, strict=True))
            placed[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = self.values[here]
        return placed

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel in millilitres."""
        return float(np.prod(self.spacing)) / 1000
