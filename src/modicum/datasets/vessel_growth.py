"""Retinal vessels that grow: the trees of the fundus phantoms.

They grow by space colonisation (Runions, Lane, Prusinkiewicz, "Modeling trees with a space colonization algorithm", 2007):
the tissue that lacks blood calls, and the vessel that can serve it best grows towards it. Radii follow Murray's law (1926):
at a fork, the cube of the parent's radius is the sum of the cubes of the children's.

Coordinates are the eye's own: (y, x), the fovea at the origin, the optic disc on the left, the radius of the camera's field of
view as unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]

STEP = 0.022  # length of one step of growth
REACH, KILL = 0.45, 0.045  # how far an attractor calls; how near a vessel must come to silence it
SPACING = 0.135  # between attractors
CAPILLARY = 0.0031  # radius of the tips


@dataclass(frozen=True)
class VesselTree:
    """Vessels of one kind: nodes in the order of growth, so that a parent comes before its children."""

    points: Floats  # (N, 2), eye coordinates
    parents: NDArray[np.intp]  # (N,), -1 at the roots
    radii: Floats  # (N,), eye coordinates


def attractors_of_retina(rng: np.random.Generator) -> Floats:
    """Points (N, 2) over the retina, evenly strewn, in random order; none at the fovea, which has no vessels."""
    axis = np.arange(-1.2, 1.2, SPACING)
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    points = points + rng.uniform(-0.5, 0.5, points.shape) * SPACING
    distance = np.hypot(*points.T)
    keep = (distance > rng.uniform(0.11, 0.17)) & (distance < 1.2)
    return np.asarray(rng.permutation(points[keep]))


def great_vessels(rng: np.random.Generator, disc: Floats, disc_radius: float) -> list[Floats]:
    """The great vessels of one kind: superior and inferior, temporal (arched about the fovea), nasal and macular."""
    t = np.arange(0, 1, STEP / 2)[:, None]
    paths = []
    for up in (-1.0, 1.0):
        height, bow = rng.uniform(0.48, 0.72), rng.uniform(2.0, 3.0)
        wave = rng.uniform(0.01, 0.03) * np.sin(t * rng.uniform(9, 18) + rng.uniform(0, 6)) * np.minimum(1, 4 * t)
        tail = rng.uniform(-0.4, 0.3) * np.maximum(0, t - 0.5) ** 2 / 0.2
        arch = height * (1 - (1 - t) ** bow) + wave - tail
        temporal = np.hstack([up * arch, rng.uniform(1.4, 1.75) * t**1.35])
        nasal = np.hstack([up * rng.uniform(0.25, 0.6) * (1 - (1 - t) ** 2), -rng.uniform(0.3, 0.5) * t**1.5])
        macular = np.hstack([up * rng.uniform(0.05, 0.22) * np.sin(2.2 * t), rng.uniform(0.25, 0.5) * t])
        start = disc + rng.normal([0.2 * up, -0.15], 0.2) * disc_radius
        paths += [_evenly(start + path) for path in (temporal, nasal, macular)]
    return paths


def _evenly(path: Floats) -> Floats:
    """The same path (N, 2) with nodes one STEP apart."""
    length = np.r_[0, np.cumsum(np.hypot(*np.diff(path, axis=0).T))]
    at = np.arange(0, length[-1], STEP)
    return np.column_stack([np.interp(at, length, path[:, 0]), np.interp(at, length, path[:, 1])])


def grow_vessels(rng: np.random.Generator, paths: list[Floats], attractors: Floats, width: float = 1.0) -> VesselTree:
    """Space colonisation from given great vessels: every attractor pulls the node that can serve it best.

    The attractors appear in generations, few first, as in a growing leaf: so branches have branches.
    """
    points = np.concatenate(paths)
    parents = np.arange(len(points)) - 1
    parents[np.cumsum([0, *map(len, paths[:-1])])] = -1
    heading = np.concatenate([np.gradient(path, axis=0) / STEP for path in paths])
    for first, last in pairwise((0, 10, 30, 75, len(attractors))):
        calling = attractors[first:last]
        for _ in range(45):
            distance, near = _nearest(points, calling, 32)
            heard = (distance[:, 0] > KILL) & (distance[:, 0] < REACH)
            calling, distance, near = calling[heard], distance[heard], near[heard]
            if not len(calling):
                break
            towards = (calling[:, None] - points[near]) / distance[..., None]
            ahead = np.einsum("nki,nki->nk", towards, heading[near])
            best = np.argmin(distance * (1.6 - ahead), axis=1)[:, None]  # a vessel turns aside, not back
            towards = np.take_along_axis(towards, best[..., None], axis=1)[:, 0]
            server = np.take_along_axis(near, best, axis=1)[:, 0]
            pull = np.zeros_like(points)
            np.add.at(pull, server, towards)
            growing = np.unique(server)
            # It bends slowly: part of the old heading stays, and a little chance.
            step = _unit(_unit(pull[growing]) + 0.5 * heading[growing] + rng.normal(0, 0.3, (len(growing), 2)))
            new = points[growing] + STEP * step
            free = _nearest(points, new, 1)[0][:, 0] > 0.5 * STEP
            if not free.any():
                break
            points = np.concatenate([points, new[free]])
            parents = np.concatenate([parents, growing[free]])
            heading = np.concatenate([heading, step[free]])
    return VesselTree(_wind(rng, _smooth(points, parents)), parents, width * _murray(rng, parents))


def _nearest(points: Floats, asking: Floats, k: int) -> tuple[Floats, NDArray[np.intp]]:
    """Distances and indices (N, k) of the k points nearest to each that asks."""
    distance, index = cKDTree(points).query(asking, k=range(1, k + 1))
    return np.asarray(distance), np.asarray(index, np.intp)


def _unit(vectors: Floats) -> Floats:
    """Vectors (N, 2) of length 1."""
    return np.asarray(vectors / (np.hypot(*vectors.T)[:, None] + 1e-9))


def _smooth(points: Floats, parents: NDArray[np.intp]) -> Floats:
    """Each node a little nearer to the middle between its parent and its children; roots and tips stay."""
    linked = parents >= 0
    children = np.bincount(parents[linked], minlength=len(points))[:, None]
    for _ in range(5):
        below = np.zeros_like(points)
        np.add.at(below, parents[linked], points[linked])
        middle = (points[parents] + below / np.maximum(children, 1)) / 2
        points = np.where(linked[:, None] & (children > 0), (points + middle) / 2, points)
    return points


def _wind(rng: np.random.Generator, points: Floats) -> Floats:
    """Bend space a little, so that the vessels wind."""
    for wavelength in (0.5, 0.28, 0.16):
        along = rng.normal(0, 2 * np.pi / wavelength / np.sqrt(2), (2, 2))
        points = points + 0.035 * wavelength * np.sin(points @ along + rng.uniform(0, 6, 2))
    return points


def _murray(rng: np.random.Generator, parents: NDArray[np.intp]) -> Floats:
    """Radii (N,) from the tips to the roots; a great vessel carries blood to beyond the picture's edge."""
    cubes = np.zeros(len(parents))
    for node in range(len(parents) - 1, -1, -1):
        if cubes[node] == 0:
            cubes[node] = (CAPILLARY * rng.uniform(0.8, 1.25)) ** 3
        if parents[node] >= 0:
            cubes[parents[node]] += cubes[node]
    return np.asarray(np.cbrt(cubes))
