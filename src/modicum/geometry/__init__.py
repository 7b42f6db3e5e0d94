"""Coordinate maps and sampling through them."""

from modicum.geometry.maps import (
    Affine,
    Chain,
    CoordinateMap,
    Elastic,
    Inverse,
    Shape,
    about_centre,
    compose,
    crop,
    identity,
    inverse,
    resize,
)
from modicum.geometry.sampling import Border, pixel_grid, sample, shrink_label, shrink_picture

__all__ = [
    "Affine",
    "Border",
    "Chain",
    "CoordinateMap",
    "Elastic",
    "Inverse",
    "Shape",
    "about_centre",
    "compose",
    "crop",
    "identity",
    "inverse",
    "pixel_grid",
    "resize",
    "sample",
    "shrink_label",
    "shrink_picture",
]
