"""Augmentation policies: how much a training picture may be moved, bent and recoloured.

Geometry is only described here; it is composed with the view's map and sampled once (modicum.geometry).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import radians

import numpy as np

from modicum.geometry import CoordinateMap, Elastic, Shape, about_centre, compose
from modicum.tables import Table

Range = tuple[float, float]


@dataclass(frozen=True)
class Policy:
    """Ranges of the random changes. Angles in radians; shifts as a share of the picture; probabilities 0 to 1."""

    flip_left_right: float = 0.0  # probability
    flip_up_down: float = 0.0
    move: float = 1.0  # probability that rotation, scale, shear, shift are applied at all
    rotation: float = 0.0  # uniform +-
    scale: Range = (1.0, 1.0)
    shear: float = 0.0  # uniform +-
    shift: float = 0.0  # uniform +-
    bend: float = 0.0  # probability of an elastic deformation
    bend_strength: float = 0.04  # standard deviation of the displacement as a share of the shorter side
    borrow: float = 0.0  # probability of the colours (mean and spread of each channel) of another training picture, in part
    brightness: Range = (1.0, 1.0)  # factor
    contrast: Range = (1.0, 1.0)  # factor about the mean
    gamma: Range = (1.0, 1.0)  # exponent, log-uniform
    channel_gain: float = 0.0  # uniform +- on each channel's gain
    channel_shift: float = 0.0  # uniform +- on each channel's offset
    blur: float = 0.0  # probability of a 3x3 Gaussian blur
    noise: float = 0.0  # largest standard deviation of Gaussian noise, values 0 to 1


POLICIES: Table[Policy] = Table("augmentation")


@POLICIES.register("none")
def none() -> Policy:
    """The picture as it is."""
    return Policy()


@POLICIES.register("flips")
def flips() -> Policy:
    """Flips only."""
    return Policy(flip_left_right=0.5, flip_up_down=0.5)


@POLICIES.register("retina", "thesis-unlabelled-retina 3.1 (SYSTEMS A2)")
def retina() -> Policy:
    """Flips p .2, rotation 10 degrees, shift 5 %, scale .9-1.1, shear 5 degrees, brightness and contrast, blur p .3."""
    return Policy(
        flip_left_right=0.2,
        flip_up_down=0.2,
        rotation=radians(10),
        scale=(0.9, 1.1),
        shear=radians(5),
        shift=0.05,
        brightness=(0.9, 1.1),
        contrast=(0.9, 1.1),
        blur=0.3,
    )


@POLICIES.register("crops", "thesis-data-efficient-segmentation 5 (SYSTEMS D6)")
def crops() -> Policy:
    """Shift 6.25 %, scale 10 %, rotation 15 degrees with p .5; left-right flip p .3."""
    return Policy(flip_left_right=0.3, move=0.5, rotation=radians(15), scale=(0.9, 1.1), shift=0.0625)


@POLICIES.register("depth", "thesis-data-efficient-segmentation 6 (SYSTEMS D8)")
def depth() -> Policy:
    """Left-right flip p .5; shift 6.25 %, scale 10 %, rotation 45 degrees with p .3; mesh deformation p .2."""
    return Policy(flip_left_right=0.5, move=0.3, rotation=radians(45), scale=(0.9, 1.1), shift=0.0625, bend=0.2)


@POLICIES.register("centres", "thesis-data-efficient-segmentation 4.3.2 (SYSTEMS D3)")
def centres() -> Policy:
    """Left-right flip p .5; shift 6.5 %, scale 10 %, rotation 45 degrees with p .3; mesh deformation p .3."""
    return Policy(flip_left_right=0.5, move=0.3, rotation=radians(45), scale=(0.9, 1.1), shift=0.065, bend=0.3)


@POLICIES.register("strong")
def strong(*, any_rotation: bool = True, bend: float = 0.0, borrow: float = 0.5, strength: float = 1.0) -> Policy:
    """Any rotation, flips, scale +-25 %, colours of other pictures, gamma: the default for few labels.

    `strength` scales ranges, 1 as stated; `bend` and `borrow` are probabilities.
    """
    return Policy(
        flip_left_right=0.5,
        flip_up_down=0.5 if any_rotation else 0.0,
        rotation=radians(180 if any_rotation else 20),
        scale=(1 / (1 + 0.25 * strength), 1 + 0.25 * strength),
        shear=radians(5 * strength),
        shift=0.05 * strength,
        bend=bend,
        borrow=borrow,
        brightness=(1 - 0.15 * strength, 1 + 0.15 * strength),
        contrast=(1 / (1 + 0.25 * strength), 1 + 0.25 * strength),
        gamma=(1 / (1 + 0.3 * strength), 1 + 0.3 * strength),
        channel_gain=0.1 * strength,
        channel_shift=0.04 * strength,
        blur=0.1,
        noise=0.02 * strength,
    )


@POLICIES.register("sided")
def sided(*, bend: float = 0.0, borrow: float = 0.5, strength: float = 1.0) -> Policy:
    """As `strong`, but left stays left: no flip, and rotation of 20 degrees at most."""
    return replace(strong(any_rotation=False, bend=bend, borrow=borrow, strength=strength), flip_left_right=0.0)


def moved_only(policy: Policy) -> Policy:
    """The same movements without any change of colour, blur or noise."""
    same = (1.0, 1.0)
    still = replace(policy, brightness=same, contrast=same, gamma=same, borrow=0.0)
    return replace(still, channel_gain=0.0, channel_shift=0.0, blur=0.0, noise=0.0)


def recoloured(policy: Policy, strength: float) -> Policy:
    """The same movements with the strong changes of colour of `strong` at this strength, blurred half of the time."""
    colours = strong(strength=strength)
    names = ("borrow", "brightness", "contrast", "gamma", "channel_gain", "channel_shift", "noise")
    return replace(policy, blur=0.5, **{name: getattr(colours, name) for name in names})


def random_map(policy: Policy, shape: Shape, rng: np.random.Generator) -> CoordinateMap:
    """One random movement of a picture of this shape under the policy."""
    moved = rng.random() < policy.move

    def uniform(reach: float) -> float:
        return float(rng.uniform(-reach, reach)) if moved else 0.0

    low, high = np.log(policy.scale)
    affine = about_centre(
        shape,
        rotation=uniform(policy.rotation),
        scale=float(np.exp(rng.uniform(low, high))) if moved else 1.0,
        shear=uniform(policy.shear),
        shift=(uniform(policy.shift) * shape[0], uniform(policy.shift) * shape[1]),
        flip=(bool(rng.random() < policy.flip_up_down), bool(rng.random() < policy.flip_left_right)),
    )
    if rng.random() >= policy.bend:
        return affine
    spread = policy.bend_strength * min(shape)
    return compose([affine, Elastic(rng.normal(0.0, spread, (6, 6, 2)), shape)])
