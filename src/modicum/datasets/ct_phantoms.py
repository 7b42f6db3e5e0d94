"""Synthetic chest CT in Hounsfield units with a heart in its sac: data for methods that no free CT with masks could show.

The sac (pericardium) is thin and in places not seen at all; the fat inside it (epicardial) and the fat outside look alike, so
that only its smooth shape tells one from the other. The aorta is cut twice where it goes up and down, once below the heart's
base, and beside it lie other vessels as bright as it is.

Places are in the body's own millimetres: z to the head from the heart's middle, y to the back, x to the patient's left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import nibabel
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]
Target = Literal["sac", "fat", "aorta"]

FIELD = 210.0  # mm, width and height of what is shown
FAT = (-200.0, -30.0)  # Hounsfield units of fat, as document D has them
_MIDDLE = (-12.0, 10.0)  # y and x of the middle of what is shown


@dataclass(frozen=True)
class CtPhantom:
    """A synthetic CT (D, H, W), slices from foot to head, rows to the back, columns to the left, and what is true in it."""

    values: NDArray[np.int16]  # Hounsfield units
    sac: Mask  # all that the pericardium encloses
    fat: Mask  # epicardial: the voxels of the sac within the values of fat, as they are in the noisy picture
    aorta: Mask  # lumen and wall
    spacing: tuple[float, float, float]  # mm


@dataclass(frozen=True)
class _Space:
    """Coordinates of all voxels in mm; z is (D, 1, 1), y (1, H, 1), x (1, 1, W)."""

    z: Map
    y: Map
    x: Map
    spacing: tuple[float, float, float]

    @classmethod
    def of(cls, slices: int, size: int, thickness: float) -> _Space:
        z = ((np.arange(slices) - (slices - 1) / 2) * thickness).astype(np.float32)
        plane = ((np.arange(size) + 0.5) / size - 0.5).astype(np.float32) * FIELD
        spacing = (thickness, FIELD / size, FIELD / size)
        return cls(z[:, None, None], plane[None, :, None] + _MIDDLE[0], plane[None, None, :] + _MIDDLE[1], spacing)

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.z.size, self.y.size, self.x.size

    def clouds(self, rng: np.random.Generator, grain: float) -> Map:
        """Smooth noise (D, H, W), mean 0, deviation 1, with structures of `grain` mm."""
        deep, high, wide = (int(np.ceil(n * s / grain)) + 3 for n, s in zip(self.shape, self.spacing, strict=True))
        coarse = rng.normal(size=(deep, high, wide)).astype(np.float32)
        layers = np.stack([cv2.resize(c, self.shape[:0:-1], interpolation=cv2.INTER_CUBIC) for c in coarse])
        at = (np.arange(self.shape[0]) * self.spacing[0] / grain + 1).astype(np.float32)
        weights = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(deep, dtype=np.float32)))
        noise = np.tensordot(weights, layers, 1)
        return np.asarray((noise - noise.mean()) / noise.std(), np.float32)

    def ball(self, z: float, y: float, x: float, radii: tuple[float, float, float]) -> Map:
        """Distance from a centre in units of the radii: below 1 inside an ellipsoid."""
        apart = ((self.z - z) / radii[0]) ** 2 + ((self.y - y) / radii[1]) ** 2 + ((self.x - x) / radii[2]) ** 2
        return np.asarray(np.sqrt(apart), np.float32)

    def tube(self, y: Map | float, x: Map | float, radius: float) -> Map:
        """mm from the wall of a vessel that runs along z; below 0 inside."""
        return np.asarray(np.hypot(self.y - y, self.x - x) - radius, np.float32)


@dataclass(frozen=True)
class _Heart:
    """The heart's own coordinates in mm, each (D, H, W)."""

    along: Map  # from the base to the apex
    across: Map  # from the right ventricle to the left
    depth: Map  # below the sac, negative outside; nearly a distance


def ct_phantom(rng: np.random.Generator, *, slices: int = 40, size: int = 256, thickness: float = 3.0) -> CtPhantom:
    """One patient: shape and fatness, contrast medium, noise.

    Args:
        rng: source of everything random; the same state gives the same patient.
        slices: number of slices; 40 of 3 mm hold the whole heart.
        size: height and width in voxels, at least 48; they always show 210 mm.
        thickness: of a slice in mm.
    """
    if size < 48:
        raise ValueError(f"a CT phantom needs at least 48 voxels a side, not {size}")
    space = _Space.of(slices, size, thickness)
    heart, values = _heart(rng, space), np.full(space.shape, -1000, np.float32)
    fatness = rng.uniform(0.45, 1.5)
    left, right = rng.uniform(260, 420), rng.uniform(110, 230)  # blood with contrast medium
    _chest(rng, space, heart, values, fatness)
    _inside_the_sac(rng, space, heart, values, fatness, (left, right))
    aorta = _great_vessels(rng, space, values, (left, right))
    values += 6 * space.clouds(rng, 15)
    scanned = _scanner(rng, space, values)
    sac = heart.depth > 0
    return CtPhantom(scanned, sac, sac & (scanned >= FAT[0]) & (scanned <= FAT[1]), aorta, space.spacing)


def write_ct_dataset(
    folder: Path | str,
    *,
    target: Target = "sac",
    count: int = 8,
    slices: int = 40,
    size: int = 256,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write `count` patients as images/NAME.nii.gz (Hounsfield units) and labels/NAME.nii.gz (0 and 1).

    Args:
        folder: made where it is missing; files of the same names are overwritten.
        target: what is labelled.
        seed: each patient has a generator of his own, so patient i is the same whatever `count` and `target` are.
        progress: told (patients done, count) after each.
    """
    folder = Path(folder)
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for index in range(count):
        phantom = ct_phantom(np.random.default_rng([seed, index]), slices=slices, size=size)
        depth, height, width = phantom.spacing
        affine = np.diag([-width, -height, depth, 1.0])
        label: Mask = getattr(phantom, target)
        for part, array in (("images", phantom.values), ("labels", label.astype(np.uint8))):
            image = nibabel.Nifti1Image(np.ascontiguousarray(array.transpose(2, 1, 0)), affine)
            nibabel.save(image, folder / part / f"patient{index:02d}.nii.gz")
        if progress is not None:
            progress(index + 1, count)


def _heart(rng: np.random.Generator, space: _Space) -> _Heart:
    """An egg that lies on its side and points to the left and front, lower with its tip."""
    size, turn = rng.uniform(0.9, 1.1), rng.uniform(0.5, 0.85)
    down = -space.z
    x = space.x - 16 - rng.uniform(0.1, 0.3) * down + rng.uniform(-4, 4)
    y = space.y + 22 + rng.uniform(0.05, 0.2) * down + rng.uniform(-4, 4)
    x, y = x + 3.0 * space.clouds(rng, 45), y + 3.0 * space.clouds(rng, 45)
    along, across = x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)
    radii = size * rng.uniform(0.94, 1.06, 3) * (55, 61, 47)
    distance = ((np.abs(space.z) / radii[0]) ** 2.4 + (along / radii[1]) ** 2 + (across / radii[2]) ** 2) ** 0.5
    return _Heart(along, across, np.asarray(50 * size * (1 - distance), np.float32))


def _chest(rng: np.random.Generator, space: _Space, heart: _Heart, values: Map, fatness: float) -> None:
    """All that surrounds the heart: skin, muscle, ribs, lungs, the fat between them, liver and spine."""
    wall, skin = rng.uniform(9, 13), 8 + 9 * fatness * rng.uniform(0.7, 1.3)
    wobble = 2 * space.clouds(rng, 60)
    cavity = 95 * (1 - space.ball(0, -6, 0, (1e6, 82, 130))) + wobble  # mm inside the ribs
    _fill(values, cavity > -wall - skin, -100)
    _fill(values, cavity > -wall, 55)
    _fill(values, (cavity < 0) & (cavity > -2.5), -95)
    rib = (
        ((space.z + 0.55 * space.y + rng.uniform(0, 27)) % 27 < 11) & (np.abs(cavity + wall / 2) < 3.6) & (np.abs(space.x) > 26)
    )
    _fill(values, rib, 330)
    _fill(values, cavity > 0, -95)
    pad = fatness * np.maximum(0, 6 + 6 * space.clouds(rng, 40) - 0.12 * space.z - 0.15 * (space.y + 30))
    narrow = 10 + 6 * fatness + 4 * space.clouds(rng, 30) + np.where(space.y > 15, 0.45 * (space.y - 15), 0)
    lung = (cavity > 1) & (heart.depth < -1 - pad) & (np.abs(space.x - 3) > narrow)
    _fill(values, lung, rng.uniform(-880, -800) + 0.6 * space.y)
    _fill(values, lung & (space.clouds(rng, 5) > 2.1), -30)
    dome = np.minimum(space.ball(-98, -8, -55, (62, 88, 88)), space.ball(-98, 5, 88, (60, 80, 70)))
    _fill(values, (dome < 1) & (cavity > 1) & (heart.depth < -1.5 - 0.5 * pad), rng.uniform(85, 120))
    _bones(rng, space, values)


def _bones(rng: np.random.Generator, space: _Space, values: Map) -> None:
    """Breastbone and spine."""
    breast = space.ball(0, -93.5, 0, (1e6, 6.5, rng.uniform(14, 19)))
    _fill(values, breast < 1, 300)
    _fill(values, breast < 0.7, 110)
    back = rng.uniform(56, 60)
    body = space.tube(back, 0, rng.uniform(16, 19))
    disc = (space.z + rng.uniform(0, 28)) % 28 < 6
    _fill(values, body < 3, 50)
    _fill(values, (body < 0) & disc, 85)
    _fill(values, (body < 0) & ~disc, 190)
    _fill(values, (np.abs(body + 1) < 1.2) & ~disc, 520)
    arch = space.tube(back + 27, 0, 9)
    _fill(values, arch < 18, 60)
    _fill(values, (arch < 5) & (arch > 0), 420)
    _fill(values, arch < 0, 30)


def _inside_the_sac(
    rng: np.random.Generator, space: _Space, heart: _Heart, values: Map, fatness: float, blood: tuple[float, float]
) -> None:
    """Fat, heart muscle with its four chambers, coronary arteries in the groove, and the sac itself where it is seen."""
    inside = heart.depth > 0
    line = (np.abs(heart.depth) < 0.9) & (space.clouds(rng, 22) > -0.3)
    _fill(values, inside, -98)
    groove = 13 * np.exp(-(((heart.along + 8) / 6.5) ** 2))
    fat = fatness * np.maximum(0.6, 3.6 + 3.2 * space.clouds(rng, 22) + groove + 0.08 * np.maximum(0, space.z))
    muscle = (heart.depth > fat) & (space.z < 30 + 4 * space.clouds(rng, 30))
    _fill(values, muscle, 95)
    left, right = blood
    for z, along, across, radii, value, shell in (
        (-6, 20, 9, (34, 31, 17), left, 9),
        (-4, 10, -23, (32, 34, 13), right, 3),
        (12, -30, 16, (22, 19, 19), left, 3),
        (4, -32, -16, (28, 18, 18), right, 3),
    ):
        apart = ((space.z - z) / radii[0]) ** 2 + ((heart.along - along) / radii[1]) ** 2
        apart = apart + ((heart.across - across) / radii[2]) ** 2
        _fill(values, muscle & (apart < 1) & (heart.depth > fat + shell), value)
    coronary = (np.abs(heart.along + 8) < 1.6) & (np.abs(heart.depth - 0.55 * fat) < 1.6) & (space.z < 22) & inside
    _fill(values, coronary, 0.8 * left)
    _fill(values, line, rng.uniform(10, 50))


def _great_vessels(rng: np.random.Generator, space: _Space, values: Map, blood: tuple[float, float]) -> Mask:
    """Aorta, pulmonary artery, both caval veins and the gullet; returns the aorta with its wall."""
    left, right = blood
    above = np.asarray(np.maximum(space.z - 5, 0), np.float32)
    sway = rng.uniform(-3, 3, 6).tolist()
    _fill(values, space.tube(32 + sway[5], 9, 6.5) < 0, 40)
    trunk = space.tube(-40 + 0.5 * above, 20 - 0.1 * above, 12.5)
    _fill(values, (trunk < 0) & (space.z > 14), right)
    _fill(values, (space.ball(46, 4, -16, (9, 8.5, 34)) < 1), right)
    _fill(values, (space.tube(-6 + sway[4], -36, 8.5) < 0) & (space.z > 6), rng.uniform(0.9, 1.4) * left)
    _fill(values, (space.tube(8 + sway[3], -34, 11) < 0) & (space.z < -26), 120)
    bend = np.asarray(3 * np.sin(space.z / 30 + sway[0]), np.float32)
    down = space.tube(40 + sway[1] + bend, 31 + sway[2] - 0.5 * bend, rng.uniform(10, 13.5))
    up = space.tube(-10 + sway[3] - 0.25 * above, -4 + sway[4] - 0.12 * above, rng.uniform(13.5, 17.5))
    up = np.where(space.z > 5 + sway[5], up, np.float32(99))
    aorta = np.minimum(down, up)
    _fill(values, aorta < 0, 60)
    _fill(values, aorta < -1.4, left)
    return np.asarray(aorta < 0)


def _scanner(rng: np.random.Generator, space: _Space, values: Map) -> NDArray[np.int16]:
    """What the scanner makes of it: its blur, and noise with a grain."""
    blur = 0.55 / space.spacing[1]  # mm
    seen = gaussian_filter(values, (0.25, blur, blur))
    noise = gaussian_filter(rng.normal(size=space.shape).astype(np.float32), (0, 0.75, 0.75))
    seen += noise * (rng.uniform(12, 20) / float(noise.std()))
    return np.clip(np.rint(seen), -1024, 3071).astype(np.int16)


def _fill(values: Map, where: Mask, value: float | Map) -> None:
    """Set values where a mask is true, in place; all may be broadcast."""
    np.copyto(values, value, where=where, casting="same_kind")
