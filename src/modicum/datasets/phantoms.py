"""Synthetic fundus photographs with their true vessels: data for the demonstration and the tests, no download needed.

The vessels grow in vessel_growth.py; here they are painted on a retina and photographed.

Everything is laid out in the eye's own coordinates: (y, x), the fovea at the origin, the optic disc on the left, and the
radius of the field of view as unit. Only the last step turns, mirrors and scales it into pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from modicum.datasets.vessel_growth import CAPILLARY, VesselTree, attractors_of_retina, great_vessels, grow_vessels

Floats = NDArray[np.float64]
Map = NDArray[np.float32]

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


def fundus(rng: np.random.Generator, size: int = 256) -> Phantom:
    """Grow one eye and photograph it.

    Args:
        rng: source of everything random; the same state gives the same picture.
        size: height and width in pixels, at least 64.
    """
    if size < 64:
        raise ValueError(f"a fundus phantom needs at least 64 pixels, not {size}")
    eye = _lay_out(rng, size)
    attractors = attractors_of_retina(rng)
    veins = grow_vessels(rng, great_vessels(rng, eye.disc, eye.disc_radius), attractors[::2])
    arteries = grow_vessels(rng, great_vessels(rng, eye.disc, eye.disc_radius), attractors[1::2], width=0.82)

    y, x = np.mgrid[:size, :size].astype(np.float32)
    inside = np.hypot(y - eye.centre[0], x - eye.centre[1]) < eye.scale
    vein_blood, vein_cover, vein_shine = _draw(rng, veins, eye, size)
    artery_blood, artery_cover, artery_shine = _draw(rng, arteries, eye, size)
    label = (np.maximum(vein_cover, artery_cover) > 0.5) & inside

    density = np.maximum(vein_blood * rng.uniform(0.75, 0.95), artery_blood * rng.uniform(0.55, 0.72))
    density += 0.2 * np.minimum(vein_blood, artery_blood)  # darker where they cross
    density += _haemorrhages(rng, eye, size)
    shine = 0.12 * vein_shine + 0.5 * artery_shine
    image = _background(rng, eye, size)
    image += _exudates(rng, eye, size)[..., None] * _rgb(60, 75, 45)
    image *= np.exp(-density[..., None] * _rgb(0.33, 0.78, 0.55))
    image += shine[..., None] * _rgb(45, 40, 25)
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


def _rgb(red: float, green: float, blue: float) -> Map:
    """A colour (3,)."""
    return np.array([red, green, blue], np.float32)


def _lay_out(rng: np.random.Generator, size: int) -> _Eye:
    scale = rng.uniform(0.465, 0.49) * size
    centre = size / 2 - 0.5 + rng.uniform(-0.008, 0.008, 2) * size
    angle, side = rng.uniform(-0.22, 0.22), rng.choice([-1.0, 1.0])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag([1.0, side])
    gaze = rng.uniform(-0.13, 0.13, 2)  # the camera rarely points at the fovea exactly
    to_pixels = np.column_stack([turn * scale, centre - turn @ gaze * scale])
    disc = np.array([rng.uniform(-0.1, 0.06), rng.uniform(-0.8, -0.68)])
    return _Eye(disc, rng.uniform(0.12, 0.145), to_pixels, scale, centre)


def _draw(rng: np.random.Generator, tree: VesselTree, eye: _Eye, size: int) -> tuple[Map, Map, Map]:
    """Draw the vessels: their blood (0..1, the deeper the darker), their cover (0..1) and the light on their middle."""
    fine, shift = size * FINE, 3
    ends = ((eye.pixels(tree.points) + 0.5) * FINE - 0.5)[:, ::-1]
    corners = np.rint(ends * 2**shift).astype(int)
    seen = tree.radii * eye.scale > 0.24  # pixels; a small picture does not show the finest vessels
    radii = np.maximum(tree.radii * eye.scale, 0.45)  # a line thinner than that would have gaps
    relative = tree.radii / CAPILLARY
    depth = np.clip(0.37 + 0.2 * (relative - 1), 0, 1) * _fading(rng, tree.parents)
    blood, cover, shine = (np.zeros((fine, fine), np.uint8) for _ in range(3))
    for node in np.argsort(radii, kind="stable"):
        if tree.parents[node] < 0 or not seen[node]:
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
    tint = _rgb(rng.uniform(200, 245), rng.uniform(102, 126), rng.uniform(52, 82))
    mottle = 0.07 * _clouds(rng, size, 0.5) + 0.02 * _clouds(rng, size, 0.12) + 0.025 * _clouds(rng, size, 0.03)
    # Vessels of the choroid shine through as broad, pale, blurred bands: like vessels, but none.
    bands = np.exp(-((_clouds(rng, size, 0.09) / 0.35) ** 2)) * rng.uniform(0, 0.09)
    image = tint * np.exp(mottle[..., None] * _rgb(0.6, 1.1, 1.2) + bands[..., None] * _rgb(0.6, 1, 0.5))
    fovea = np.exp(-((np.hypot(y, x) / rng.uniform(0.13, 0.19)) ** 2))
    image *= np.exp(-fovea[..., None] * _rgb(0.25, 0.42, 0.4) * rng.uniform(0.6, 1.1))

    wobble = 1 + 0.05 * _clouds(rng, size, 0.15)
    from_disc = np.hypot((y - eye.disc[0]) / 1.08, x - eye.disc[1]) / eye.disc_radius * wobble
    rim = 1 / (1 + np.exp((from_disc - 1) / 0.05))
    cup_at = np.hypot(y - eye.disc[0], x - eye.disc[1] - 0.15 * eye.disc_radius) / eye.disc_radius
    cup = np.exp(-((cup_at / rng.uniform(0.4, 0.65)) ** 4))
    halo = np.exp(-((np.maximum(from_disc - 1, 0) / 0.8) ** 2)) * 0.07
    image = image * (1 + halo[..., None]) + rim[..., None] * _rgb(35, 75, 25) * rng.uniform(0.7, 1.15)
    image += (rim * cup)[..., None] * _rgb(10, 45, 50)

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
    return np.asarray(np.clip(np.rint(image + noise + rng.uniform(0, 6)), 0, 255), np.uint8)
