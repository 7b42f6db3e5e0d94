"""From the axes of a file to those of a volume and back, by turning and flipping alone: no voxel is resampled.

Affines are nibabel's: from voxel (i, j, k) to millimetres right, front, head (RAS+).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from nibabel.affines import voxel_sizes
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform

from modicum.images.volumes.volume import Grid

_FARTHER = 1.2  # times the spacing of the others from which on an axis is that of the slices
_BODY = 2  # foot to head, in (left, back, head)


@dataclass(frozen=True)
class Orientation:
    """How the array (i, j, k) of a file is turned into (D, H, W)."""

    turn: npt.NDArray[np.float64]  # nibabel's orientation transform to (left, back, head)
    back: npt.NDArray[np.float64]  # and the other way
    axis: int  # of the slices, in (left, back, head)
    spacing: tuple[float, float, float]  # mm along D, H, W

    @classmethod
    def of(cls, affine: npt.NDArray[np.float64]) -> Orientation:
        """That of a file with this affine (4, 4); an oblique one counts as the nearest upright one."""
        own, wanted = io_orientation(affine), axcodes2ornt(("L", "P", "S"))
        turn = ornt_transform(own, wanted)
        sizes = np.empty(3)
        sizes[own[:, 0].astype(int)] = voxel_sizes(affine)  # along left-right, front-back, foot-head
        farthest = int(np.argmax(sizes))
        others = np.delete(sizes, farthest)
        axis = farthest if sizes[farthest] > _FARTHER * others.max() else _BODY
        depth, height, width = _order(axis)
        return cls(turn, ornt_transform(wanted, own), axis, (float(sizes[depth]), float(sizes[height]), float(sizes[width])))

    def grid(self, sizes: Sequence[int], affine: npt.NDArray[np.float64]) -> Grid:
        """Shape (D, H, W), spacing and place of an array of these sizes (i, j, k) with this affine."""
        array = apply_orientation(np.broadcast_to(np.False_, tuple(sizes)), self.turn)
        depth, height, width = array.transpose(_order(self.axis)).shape
        turned = (*map(tuple, self.turn.tolist()), self.axis)
        return Grid((depth, height, width), self.spacing, self.placed(affine, tuple(sizes)), turned)

    def volume(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """(D, H, W) of an array (i, j, k)."""
        turned = apply_orientation(array, self.turn)
        return np.ascontiguousarray(turned.transpose(_order(self.axis)))

    def placed(self, affine: npt.NDArray[np.float64], shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
        """The affine (4, 4) from (d, h, w) of the volume of an array with this affine and shape (i, j, k)."""
        turned = affine @ inv_ornt_aff(self.turn, shape)
        return np.asarray(turned[:, [*_order(self.axis), 3]], np.float64)

    def array(self, volume: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """(i, j, k) of (D, H, W)."""
        turned = volume.transpose(np.argsort(_order(self.axis)))
        return np.ascontiguousarray(apply_orientation(turned, self.back))


def _order(axis: int) -> tuple[int, int, int]:
    """The axes of (left, back, head) as depth, height, width: sections as they are usually looked at, head or front up."""
    return {2: (2, 1, 0), 1: (1, 2, 0), 0: (0, 2, 1)}[axis]
