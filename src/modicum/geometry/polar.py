"""Polar coordinates about a centre: a round object becomes a band, its border a nearly straight line."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from modicum.geometry.maps import Affine, Points, Shape

_UPRIGHT = ((1.0, 0.0), (0.0, 1.0))


@dataclass(frozen=True)
class Polar:
    """Rows of the target are angles (a whole turn, counted from the x axis towards y), columns are distances from a centre.

    Benčević et al. 2021 (thesis-data-efficient-segmentation eq. 4.7), with one difference: the columns reach as far as
    `radius` says, so that with `reach` nothing of the picture is lost, however far the centre lies from its middle.

    The source point of an angle a and a distance d is centre + d * frame @ (sin a, cos a), with (y, x) throughout: an affine
    map before a polar one is a polar one again, with another frame.
    """

    centre: tuple[float, float]  # (y, x) in the source
    radius: float  # pixels that the columns span, along an axis of the frame
    source: Shape
    target: Shape  # (angles, distances)
    frame: tuple[tuple[float, float], tuple[float, float]] = _UPRIGHT

    def backward(self, points: Points) -> Points:
        rows, columns = self.target
        angle = (points[..., 0] + 0.5) * (2 * np.pi / rows)
        distance = np.maximum(points[..., 1] + 0.5, 0) * (self.radius / columns)
        axes = np.stack([np.sin(angle), np.cos(angle)], axis=-1) @ np.array(self.frame).T
        return np.asarray(self.centre + distance[..., None] * axes)

    def forward(self, points: Points) -> Points:
        rows, columns = self.target
        away = (points - self.centre) @ np.linalg.inv(np.array(self.frame)).T
        angle = np.arctan2(away[..., 0], away[..., 1]) % (2 * np.pi)
        distance = np.hypot(away[..., 0], away[..., 1])
        return np.stack([angle * (rows / (2 * np.pi)) - 0.5, distance * (columns / self.radius) - 0.5], axis=-1)

    def grid(self, some: slice = slice(None)) -> npt.NDArray[np.float32]:
        """Source points (rows, distances, 2) of some rows of the target: `backward` of their pixels, as one product."""
        rows, columns = self.target
        angle = (np.arange(rows)[some] + 0.5) * (2 * np.pi / rows)
        axes = (np.stack([np.sin(angle), np.cos(angle)], axis=-1) @ np.array(self.frame).T).astype(np.float32)
        distance = ((np.arange(columns) + 0.5) * (self.radius / columns)).astype(np.float32)
        return np.asarray(axes[:, None] * distance[:, None] + np.array(self.centre, np.float32))

    def after(self, first: Affine) -> Polar:
        """One map for an affine one and then this one."""
        linear = first.matrix[:2, :2]
        y, x = first.backward(np.array(self.centre))
        (a, b), (c, d) = linear @ np.array(self.frame)
        return replace(self, centre=(float(y), float(x)), source=first.source, frame=((a, b), (c, d)))


def reach(shape: Shape, centre: tuple[float, float]) -> float:
    """Distance from a point to the farthest corner of a picture, in pixels: a circle that leaves nothing of it out."""
    y, x = (max(c + 0.5, length - 0.5 - c) for c, length in zip(centre, shape, strict=True))
    return float(np.hypot(y, x))


def polar(shape: Shape, centre: tuple[float, float], target: Shape) -> Polar:
    """The whole picture about a centre (y, x), which may lie outside it; `target` is (angles, distances)."""
    return Polar(centre, reach(shape, centre), shape, target)
