"""Coordinate maps and sampling through them."""

from modicum.geometry.chain import Chain, Inverse, compose, inverse
from modicum.geometry.maps import Affine, CoordinateMap, Elastic, Shape, about_centre, crop, identity, resize
from modicum.geometry.polar import Polar, polar, reach
from modicum.geometry.sampling import Border, pixel_grid, sample, shrink_label, shrink_marks, shrink_picture

__all__ = [
    "Affine",
    "Border",
    "Chain",
    "CoordinateMap",
    "Elastic",
    "Inverse",
    "Polar",
    "Shape",
    "about_centre",
    "compose",
    "crop",
    "identity",
    "inverse",
    "pixel_grid",
    "polar",
    "reach",
    "resize",
    "sample",
    "shrink_label",
    "shrink_marks",
    "shrink_picture",
]
