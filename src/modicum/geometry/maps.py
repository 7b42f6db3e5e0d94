"""Coordinate maps: where in the source picture each pixel of the target picture comes from.

Maps are composed first and the picture is sampled once (geometry.sampling). Every map knows its inverse, so that an answer
can be taken back to the picture it was given for. Points are (y, x); the integer (0, 0) is the centre of the first pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]  # (..., 2), (y, x)
Shape = tuple[int, int]  # (height, width)


class CoordinateMap(Protocol):
    """An invertible map between a source picture and a target picture."""

    @property
    def source(self) -> Shape: ...

    @property
    def target(self) -> Shape: ...

    def backward(self, points: Points) -> Points:
        """Source coordinates of target points, both (..., 2)."""
        ...

    def forward(self, points: Points) -> Points:
        """Target coordinates of source points, both (..., 2)."""
        ...


@dataclass(frozen=True)
class Affine:
    """A linear map with a shift. `matrix` (3, 3) takes homogeneous target points (y, x, 1) to source points."""

    matrix: npt.NDArray[np.float64]
    source: Shape
    target: Shape

    def backward(self, points: Points) -> Points:
        return points @ self.matrix[:2, :2].T + self.matrix[:2, 2]

    def forward(self, points: Points) -> Points:
        return self.inverse.backward(points)

    @property
    def inverse(self) -> Affine:
        return Affine(np.linalg.inv(self.matrix).astype(np.float64), self.target, self.source)


def identity(shape: Shape) -> Affine:
    """The map that changes nothing."""
    return Affine(np.eye(3), shape, shape)


def resize(source: Shape, target: Shape) -> Affine:
    """The whole source on the whole target; picture edges (not pixel centres) lie on each other."""
    scale = np.array(source, float) / np.array(target, float)
    matrix = np.diag([*scale, 1.0])
    matrix[:2, 2] = (scale - 1) / 2
    return Affine(matrix, source, target)


def crop(source: Shape, corner: tuple[float, float], size: Shape) -> Affine:
    """The window of `size` whose first pixel is `corner` (y, x); it may reach outside the source."""
    matrix = np.eye(3)
    matrix[:2, 2] = corner
    return Affine(matrix, source, size)


def about_centre(
    shape: Shape,
    *,
    rotation: float = 0.0,
    scale: float = 1.0,
    shear: float = 0.0,
    shift: tuple[float, float] = (0.0, 0.0),
    flip: tuple[bool, bool] = (False, False),
) -> Affine:
    """Flip, scale, shear, rotate about the middle of a picture, then shift; what is shown grows with `scale`.

    Args:
        rotation: radians, counter-clockwise as seen on the screen.
        shear: radians.
        shift: pixels (y, x) by which the content moves.
        flip: (up-down, left-right).
    """
    cos, sin = np.cos(rotation), np.sin(rotation)
    turn = np.array([[cos, -sin], [sin, cos]])
    forward = turn @ np.array([[1.0, 0.0], [np.tan(shear), 1.0]]) * scale
    forward = forward @ np.diag([-1.0 if f else 1.0 for f in flip])
    middle = (np.array(shape, float) - 1) / 2
    matrix = np.eye(3)
    matrix[:2, :2] = np.linalg.inv(forward)
    matrix[:2, 2] = middle - matrix[:2, :2] @ (middle + np.array(shift))
    return Affine(matrix, shape, shape)


@dataclass(frozen=True)
class Elastic:
    """A smooth deformation: a target point is displaced by a field given at control points spread over the picture.

    `control` is (rows, columns, 2) in pixels, interpolated by cubic B-splines (Rueckert et al. 1999), so that the map is
    smooth; it is invertible while neighbouring control points differ by less than their distance.
    """

    control: npt.NDArray[np.float64]
    shape: Shape

    @property
    def source(self) -> Shape:
        return self.shape

    @property
    def target(self) -> Shape:
        return self.shape

    def backward(self, points: Points) -> Points:
        return points + self._displacement(points)

    def forward(self, points: Points) -> Points:
        """By fixed-point iteration on p = q - u(p) (Chen et al. 2008)."""
        found = points - self._displacement(points)
        for _ in range(30):
            found = points - self._displacement(found)
        return found

    def _displacement(self, points: Points) -> Points:
        from scipy.ndimage import map_coordinates

        rows, columns = self.control.shape[:2]
        grid = points / (np.array(self.shape, float) - 1) * [rows - 1, columns - 1]
        flat = grid.reshape(-1, 2).T
        parts = [map_coordinates(self.control[..., axis], flat, order=3, mode="nearest", prefilter=False) for axis in (0, 1)]
        return np.stack(parts, axis=-1).reshape(points.shape)
