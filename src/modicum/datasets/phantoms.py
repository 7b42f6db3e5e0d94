"""Synthetic fundus photographs with their true vessels: data for the demonstration and the tests, no download needed.

The vessels grow by space colonisation (Runions, Lane, Prusinkiewicz, "Modeling trees with a space colonization algorithm",
2007): the retina that lacks blood calls, the nearest vessel answers. Their radii follow Murray's law (1926): at a fork, the
cube of the parent's radius is the sum of the cubes of the children's.

Everything is laid out in the eye's own coordinates: (y, x), the fovea at the origin, the optic disc on the left, and the
radius of the field of view as unit. Only the last step turns, mirrors and scales it into pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]
Map = NDArray[np.float32]

STEP = 0.022  # length of one step of growth
REACH, KILL = 0.45, 0.045  # how far an attractor calls; how near a vessel must come to silence it
SPACING = 0.115  # between attractors
CAPILLARY = 0.0034  # radius of the tips
FINE = 4  # supersampling of the drawings


@dataclass(frozen=True)
class Phantom:
    """A synthetic fundus photograph and what is true in it."""

    image: NDArray[np.uint8]  # (H, W, 3), RGB
    label: NDArray[np.uint8]  # (H, W), 1 on vessels, 0 elsewhere and outside the field of view
    field_of_view: NDArray[np.bool_]  # (H, W), True inside the camera's aperture


@dataclass(frozen=True)
class _Eye:
    """Where things are: in eye coordinates, and how these become pixels."""

    disc: Floats  # (2,), centre of the optic disc
    disc_radius: float
    to_pixels: Floats  # (2, 3), affine, eye (y, x) to pixel (y, x)
    scale: float  # pixels to a unit
    centre: Floats  # (2,), of the aperture, pixel (y, x)

    def pixels(self, points: Floats) -> Floats:
        """Eye coordinates (N, 2) to pixels (N, 2)."""
        return points @ self.to_pixels[:, :2].T + self.to_pixels[:, 2]


@dataclass(frozen=True)
class _Tree:
    """Vessels of one kind: nodes in the order of growth, so that a parent comes before its children."""

    points: Floats  # (N, 2), eye coordinates
    parents: NDArray[np.intp]  # (N,), -1 at the roots
    radii: Floats  # (N,), eye coordinates


def fundus(rng: np.random.Generator, size: int = 256) -> Phantom:
    """Grow one eye and photograph it.

    Args:
        rng: source of everything random; the same state gives the same picture.
        size: height and width in pixels, at least 64.
    """
    if size < 64:
        raise ValueError(f"a fundus phantom needs at least 64 pixels, not {size}")
    eye = _lay_out(rng, size)
    attractors = _attractors(rng)
    veins = _grow(rng, _arcades(rng, eye), attractors[::2])
    arteries = _grow(rng, _arcades(rng, eye), attractors[1::2], width=0.82)

    y, x = np.mgrid[:size, :size].astype(np.float32)
    inside = np.hypot(y - eye.centre[0], x - eye.centre[1]) < eye.scale
    vein_blood, vein_cover, vein_shine = _draw(rng, veins, eye, size)
    artery_blood, artery_cover, artery_shine = _draw(rng, arteries, eye, size)
    label = (np.maximum(vein_cover, artery_cover) > 0.45) & inside

    density = np.maximum(vein_blood * rng.uniform(0.75, 0.95), artery_blood * rng.uniform(0.55, 0.72))
    density += 0.2 * np.minimum(vein_blood, artery_blood)  # darker where they cross
    density += _haemorrhages(rng, eye, size)
    shine = 0.12 * vein_shine + 0.5 * artery_shine
    image = _background(rng, eye, size)
    image += _exudates(rng, eye, size)[..., None] * np.float32([60, 75, 45])
    image *= np.exp(-density[..., None] * np.float32([0.33, 0.78, 0.55]))
    image += shine[..., None] * np.float32([45, 40, 25])
    return Phantom(_photograph(rng, image, inside), label.astype(np.uint8), inside)


def write_fundus_dataset(
    folder: Path | str,
    *,
    count: int = 40,
    size: int = 256,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write `count` phantoms as images/NAME.png (RGB), labels/NAME.png and fov/NAME.png (both 0 or 255).

    Args:
        folder: made where it is missing; files of the same names are overwritten.
        seed: each picture has its own generator, so picture i is the same whatever `count` is.
        progress: told (pictures done, count) after each.
    """
    folder = Path(folder)
    for part in ("images", "labels", "fov"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for index in range(count):
        phantom = fundus(np.random.default_rng([seed, index]), size)
        name = f"phantom_{index:03d}.png"
        Image.fromarray(phantom.image).save(folder / "images" / name)
        Image.fromarray(phantom.label * np.uint8(255)).save(folder / "labels" / name)
        Image.fromarray(phantom.field_of_view.astype(np.uint8) * np.uint8(255)).save(folder / "fov" / name)
        if progress is not None:
            progress(index + 1, count)


def _lay_out(rng: np.random.Generator, size: int) -> _Eye:
    scale = rng.uniform(0.465, 0.49) * size
    centre = size / 2 - 0.5 + rng.uniform(-0.008, 0.008, 2) * size
    angle, side = rng.uniform(-0.22, 0.22), rng.choice([-1.0, 1.0])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag([1.0, side])
    gaze = rng.uniform(-0.13, 0.13, 2)  # the camera rarely points at the fovea exactly
    to_pixels = np.column_stack([turn * scale, centre - turn @ gaze * scale])
    disc = np.array([rng.uniform(-0.1, 0.06), rng.uniform(-0.8, -0.68)])
    return _Eye(disc, rng.uniform(0.12, 0.145), to_pixels, scale, centre)


def _attractors(rng: np.random.Generator) -> Floats:
    """Points (N, 2) over the retina, evenly strewn, in random order; none at the fovea, which has no vessels."""
    axis = np.arange(-1.2, 1.2, SPACING)
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    points = points + rng.uniform(-0.5, 0.5, points.shape) * SPACING
    distance = np.hypot(*points.T)
    keep = (distance > rng.uniform(0.11, 0.17)) & (distance < 1.2)
    return np.asarray(rng.permutation(points[keep]))


def _arcades(rng: np.random.Generator, eye: _Eye) -> list[Floats]:
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
        start = eye.disc + (rng.normal(0, 0.2, 2) + [0.2 * up, -0.15]) * eye.disc_radius
        paths += [_evenly(start + path) for path in (temporal, nasal, macular)]
    return paths


def _evenly(path: Floats) -> Floats:
    """The same path (N, 2) with nodes one STEP apart."""
    length = np.r_[0, np.cumsum(np.hypot(*np.diff(path, axis=0).T))]
    at = np.arange(0, length[-1], STEP)
    return np.column_stack([np.interp(at, length, path[:, 0]), np.interp(at, length, path[:, 1])])


def _grow(rng: np.random.Generator, paths: list[Floats], attractors: Floats, width: float = 1.0) -> _Tree:
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
            distance, near = cKDTree(points).query(calling, k=32)
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
            free = cKDTree(points).query(new)[0] > 0.5 * STEP
            if not free.any():
                break
            points = np.concatenate([points, new[free]])
            parents = np.concatenate([parents, growing[free]])
            heading = np.concatenate([heading, step[free]])
    return _Tree(_wind(rng, _smooth(points, parents)), parents, width * _murray(rng, parents))


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


def _draw(rng: np.random.Generator, tree: _Tree, eye: _Eye, size: int) -> tuple[Map, Map, Map]:
    """Draw the vessels: their blood (0..1, the deeper the darker), their cover (0..1) and the light on their middle."""
    fine, shift = size * FINE, 3
    ends = ((eye.pixels(tree.points) + 0.5) * FINE - 0.5)[:, ::-1]
    corners = np.rint(ends * 2**shift).astype(int)
    radii = np.maximum(tree.radii * eye.scale, 0.45)  # pixels; a thinner vessel would leave no trace
    relative = tree.radii / CAPILLARY
    depth = np.clip(0.4 + 0.25 * (relative - 1), 0, 1) * _fading(rng, tree.parents)
    blood, cover, shine = (np.zeros((fine, fine), np.uint8) for _ in range(3))
    for node in np.argsort(radii, kind="stable"):
        if tree.parents[node] < 0:
            continue
        line = corners[node].tolist(), corners[tree.parents[node]].tolist()
        width = max(1, round(2 * radii[node] * FINE - 0.5))  # the soft edge adds the rest
        cv2.line(blood, *line, int(255 * depth[node]), width, cv2.LINE_AA, shift)
        cv2.line(cover, *line, 255, width, cv2.LINE_AA, shift)
        if relative[node] > 2:
            cv2.line(shine, *line, 255, max(1, width // 4), cv2.LINE_AA, shift)
    small = (cv2.resize(layer, (size, size), interpolation=cv2.INTER_AREA) for layer in (blood, cover, shine))
    first, second, third = (layer.astype(np.float32) / np.float32(255) for layer in small)
    return first, second, third


def _fading(rng: np.random.Generator, parents: NDArray[np.intp]) -> Floats:
    """Strength (N,) that wanders along each vessel, as it dips into the tissue and comes up again."""
    wander = np.zeros(len(parents))
    for node, parent in enumerate(parents):
        wander[node] = rng.normal(0, 0.06) + (0.93 * wander[parent] if parent >= 0 else 0)
    return np.clip(1 + wander, 0.35, 1.15)


def _clouds(rng: np.random.Generator, size: int, grain: float) -> Map:
    """Smooth noise (size, size), mean 0, deviation 1, with structures of `grain` of the picture's width."""
    cells = max(2, round(1 / grain)) + 3
    noise = cv2.resize(rng.normal(size=(cells, cells)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    return np.asarray((noise - noise.mean()) / (noise.std() + 1e-6), np.float32)


def _eye_grid(eye: _Eye, size: int) -> tuple[Map, Map]:
    """Eye coordinates y and x of every pixel, each (size, size)."""
    y, x = np.mgrid[:size, :size].reshape(2, -1)
    back = np.linalg.inv(eye.to_pixels[:, :2])
    grid = (np.column_stack([y, x]) - eye.to_pixels[:, 2]) @ back.T
    return grid[:, 0].reshape(size, size).astype(np.float32), grid[:, 1].reshape(size, size).astype(np.float32)


def _background(rng: np.random.Generator, eye: _Eye, size: int) -> Map:
    """The retina without vessels (size, size, 3), about 0..255: pigment, choroid, fovea, optic disc, uneven light."""
    y, x = _eye_grid(eye, size)
    tint = np.float32([rng.uniform(195, 240), rng.uniform(104, 138), rng.uniform(55, 80)])
    mottle = sum(_clouds(rng, size, grain) * share for grain, share in ((0.5, 0.07), (0.12, 0.02), (0.03, 0.025)))
    # Vessels of the choroid shine through as broad, pale, blurred bands: like vessels, but none.
    bands = np.exp(-((_clouds(rng, size, 0.09) / 0.35) ** 2)) * rng.uniform(0, 0.09)
    image = tint * np.exp(mottle[..., None] * np.float32([0.6, 1.1, 1.2]) + bands[..., None] * np.float32([0.6, 1, 0.5]))
    fovea = np.exp(-((np.hypot(y, x) / rng.uniform(0.13, 0.19)) ** 2))
    image *= np.exp(-fovea[..., None] * np.float32([0.25, 0.42, 0.4]) * rng.uniform(0.6, 1.1))

    wobble = 1 + 0.05 * _clouds(rng, size, 0.15)
    from_disc = np.hypot((y - eye.disc[0]) / 1.08, x - eye.disc[1]) / eye.disc_radius * wobble
    rim = 1 / (1 + np.exp((from_disc - 1) / 0.05))
    cup_at = np.hypot(y - eye.disc[0], x - eye.disc[1] - 0.15 * eye.disc_radius) / eye.disc_radius
    cup = np.exp(-((cup_at / rng.uniform(0.4, 0.65)) ** 4))
    halo = np.exp(-((np.maximum(from_disc - 1, 0) / 0.8) ** 2)) * 0.07
    image = image * (1 + halo[..., None]) + rim[..., None] * np.float32([35, 75, 25]) * rng.uniform(0.7, 1.15)
    image += (rim * cup)[..., None] * np.float32([10, 45, 50])

    rows, columns = np.mgrid[:size, :size].astype(np.float32)
    spot = eye.centre + rng.uniform(-0.35, 0.35, 2) * eye.scale
    light = 1.08 - rng.uniform(0.22, 0.4) * (np.hypot(rows - spot[0], columns - spot[1]) / eye.scale) ** 2
    return np.asarray(image * np.clip(light, 0.35, 1.1)[..., None], np.float32)


def _spots(eye: _Eye, size: int, points: Floats, radii: Floats) -> Map:
    """Round soft spots (size, size), 0..1, at points (N, 2) in eye coordinates, with radii in pixels."""
    layer = np.zeros((size * FINE, size * FINE), np.uint8)
    for (y, x), radius in zip(((eye.pixels(points) + 0.5) * FINE).tolist(), radii * FINE, strict=True):
        cv2.circle(layer, (round(x), round(y)), max(1, round(radius)), 255, -1, cv2.LINE_AA)
    spots = cv2.resize(layer, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(spots / np.float32(255), np.float32)


def _haemorrhages(rng: np.random.Generator, eye: _Eye, size: int) -> Map:
    """Dark dots and short streaks that are no vessels: optical density (size, size)."""
    count = int(rng.integers(0, 12))
    start = rng.uniform(-0.85, 0.85, (count, 2))
    drift = rng.normal(0, 0.012, (count, 2)) * rng.integers(0, 2, (count, 1))
    points = np.concatenate([start + drift * share for share in (-1, -0.5, 0, 0.5, 1)])
    radii = np.tile(rng.gamma(3, 0.0028, count), 5) * eye.scale
    return np.asarray(_spots(eye, size, points, radii) * rng.uniform(0.4, 0.8), np.float32)


def _exudates(rng: np.random.Generator, eye: _Eye, size: int) -> Map:
    """Bright drusen and exudates, in a cluster about the macula: light (size, size), 0..1."""
    count = int(rng.integers(0, 45))
    points = rng.normal(0, 0.07, 2) + rng.normal(0, 0.26, (count, 2))
    return np.asarray(_spots(eye, size, points, rng.gamma(2, 0.0027, count) * eye.scale) * rng.uniform(0.3, 0.8))


def _photograph(rng: np.random.Generator, image: Map, inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """What the camera makes of it: the aperture, its blur, its noise."""
    size = len(image)
    aperture = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 0.7)
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.55, 0.85) * max(size / 256, 0.6)) * aperture[..., None]
    noise = rng.normal(size=image.shape).astype(np.float32)
    noise = noise + 1.2 * cv2.GaussianBlur(rng.normal(size=image.shape).astype(np.float32), (0, 0), 0.8)
    noise *= rng.uniform(2.0, 3.5) * (0.25 + 0.75 * aperture[..., None])
    return np.clip(np.rint(image + noise + rng.uniform(0, 6)), 0, 255).astype(np.uint8)
