"""How good a mask probably is when nobody knows the true one: signs of trouble, and the Dice that they predict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_SIDE = 256  # shapes are measured in masks whose longer side has so many pixels
_LEAST = {"foreground": 0.001, "pieces": 1.0, "raggedness": 1.0}  # added before ratios are taken: what is next to nothing
_MOST_ODD = 3.0  # of the logarithm of a ratio
_FAINT = 0.1
_TELLING = 0.2  # below it says nothing worth telling
_PRIOR = np.array([0.0, 1.0, 0.0, 0.0, 0.0])  # the weights that predict the expected Dice alone
_SPREAD = 0.1  # of a Dice that is known about the one predicted, when weights have a spread of 1


def expected_dice(probability: Floats, found: Mask) -> float:
    """The Dice that a map of probabilities (H, W) promises for the mask made of it.

    Sum of the probabilities in the mask, twice, over their whole sum and the mask's area. Where nothing was found, the
    probability that nothing is there, exp(-sum), as if pixels were independent.
    """
    area, whole = float(found.sum()), float(probability.sum())
    return 2 * float(probability[found].sum()) / (whole + area) if area else float(np.exp(-whole))


def mean_expected_dice(probability: npt.NDArray[np.floating], numbers: npt.NDArray[np.uint8]) -> float:
    """The same for probability maps (K, ...) and class numbers (...), averaged over the classes found.

    Of the others those count that some pixel may be (.1 and more), and all where nothing was found.

    Beside a mask only pixels of a probability of .1 and more count: the sum of what all the sure background has is large, and
    tells of the temperature more than of the mask (measured in benchmarks/RESULTS.md).
    """
    each, nothing = [], not numbers.any()
    for number, likely in enumerate(probability, 1):
        found, faint = numbers == number, likely < _FAINT
        if nothing or found.any() or not faint.all():
            counted = likely if nothing else np.where(~faint | found, likely, 0)
            each.append(expected_dice(counted.astype(np.float64), found))
    return float(np.mean(each))


def mask_shape(mask: Mask) -> dict[str, float]:
    """Share of foreground, number of pieces, and raggedness (length of the border over the root of the area) of (H, W)."""
    scale = _SIDE / max(mask.shape)
    size = max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale))
    small = np.asarray(cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST))
    area = int(small.sum())
    border = area - int(cv2.erode(small, np.ones((3, 3), np.uint8)).sum())
    pieces = cv2.connectedComponents(small)[0] - 1
    return {"foreground": area / small.size, "pieces": float(pieces), "raggedness": border / max(1, area) ** 0.5}


@dataclass(frozen=True)
class Signs:
    """What can be said of one prediction without the true mask; nan: not known."""

    expected_dice: float  # by its own probabilities
    mirrored_dice: float = float("nan")  # between its mask and that of the mirrored picture
    distance: float = float("nan")  # from the training pictures; above 1 are 5 % of pictures like those
    shape: Mapping[str, float] = field(default_factory=dict)  # `mask_shape`


@dataclass(frozen=True)
class Trust:
    """What a model knows of its training pictures, without any pixel of them, and what its signs have been worth.

    The quality of a prediction is the logistic function of a weighted sum of five: 1, the logit of the expected Dice, and,
    all lowering it, what the mirrored picture disagrees, how far beyond the usual the picture lies, and how odd the mask is.
    """

    mean: tuple[float, ...]  # of the descriptions of training pictures
    sd: tuple[float, ...]  # of each number; 0 where it is the same everywhere and says nothing
    reach: float  # 95 % of them lie nearer to the others: root mean square of the deviations in sd
    shapes: dict[str, tuple[float, float]]  # from the 5 % to the 95 % quantile of the training masks
    weights: tuple[float, ...] | None = None  # None: too few validation pictures, the expected Dice is all

    @classmethod
    def of(cls, described: Floats, shapes: Sequence[Mapping[str, float]]) -> Trust:
        """From descriptions (n, d) of at least two training pictures, and the shapes of their masks."""
        mean, sd = described.mean(axis=0), described.std(axis=0, ddof=1)
        sd = np.where(sd > 1e-9 * max(1.0, float(np.abs(mean).max())), sd, 0.0)
        left_out = []
        for number in range(len(described)):
            others = np.delete(described, number, axis=0)
            spread = others.std(axis=0, ddof=1) if len(others) > 1 else sd
            left_out.append(_distance(described[number], others.mean(axis=0), np.where(sd > 0, np.maximum(spread, sd / 10), 0)))
        kinds = {k: tuple(np.quantile([s[k] for s in shapes], [0.05, 0.95]).tolist()) for k in _LEAST}
        reach = max(float(np.quantile(left_out, 0.95)), 1e-9)
        return cls(tuple(mean.tolist()), tuple(sd.tolist()), reach, {k: (v[0], v[1]) for k, v in kinds.items()})

    def distance(self, described: Floats) -> float:
        """Of a picture (d,) from the training pictures; 1 is as far as 95 % of them lie from the others."""
        return _distance(described, np.array(self.mean), np.array(self.sd)) / self.reach

    def quality(self, signs: Signs) -> float:
        """The Dice, 0 to 1, that signs predict."""
        if self.weights is None or not signs.shape:
            return signs.expected_dice
        return float(_logistic(self._five(signs) @ np.array(self.weights)))

    def fitted(self, signs: Sequence[Signs], dice: Sequence[float]) -> tuple[float, ...]:
        """Weights by least squares of the Dice; a normal prior draws them to those of the expected Dice alone.

        No sign of trouble may raise the quality. The fewer pictures, the more the prior counts.
        """
        from scipy.optimize import minimize

        five, reached = np.stack([self._five(s) for s in signs]), np.asarray(dice, np.float64)

        def cost(weights: Floats) -> float:
            missed = float(((_logistic(five @ weights) - reached) ** 2).mean())
            return missed + _SPREAD**2 / len(reached) * float(((weights - _PRIOR) ** 2).sum())

        bounds = [(None, None), *[(0.0, None)] * 4]
        return tuple(minimize(cost, _PRIOR, method="L-BFGS-B", bounds=bounds).x.tolist())

    def odd(self, shape: Mapping[str, float]) -> dict[str, float]:
        """Of each measure the logarithm of the ratio by which it lies outside what training masks have; 0 inside."""
        found = {}
        for name, (low, high) in self.shapes.items():
            value, least = shape[name] + _LEAST[name], _LEAST[name]
            beyond = max(np.log(value / (high + least)), np.log((low + least) / value), 0.0)
            found[name] = min(float(beyond), _MOST_ODD)
        return found

    def _five(self, signs: Signs) -> Floats:
        expected = np.clip(signs.expected_dice, 0.02, 0.98)
        beyond = max(0.0, np.log(max(signs.distance, 1e-9)))
        odd = max(self.odd(signs.shape).values())
        return np.array([1.0, np.log(expected / (1 - expected)), signs.mirrored_dice - 1, -beyond, -odd])

    def reasons(self, signs: Signs) -> list[str]:
        """What speaks against a prediction, in words."""
        found = [] if signs.expected_dice >= 0.75 else [f"unsure of its own pixels (expected Dice {signs.expected_dice:.2f})"]
        if signs.mirrored_dice < 0.8:
            found.append(f"the mirrored picture is segmented otherwise (Dice {signs.mirrored_dice:.2f})")
        if signs.distance > 1:
            found.append(f"unlike the training pictures ({signs.distance:.1f} times as far as these usually lie apart)")
        for name, odd in self.odd(signs.shape).items() if signs.shape else ():
            if odd > _TELLING:
                form = ".1%" if name == "foreground" else ".0f" if name == "pieces" else ".1f"
                low, high = self.shapes[name]
                found.append(f"{name} {signs.shape[name]:{form}}, training masks {low:{form}} to {high:{form}}")
        return found


def _distance(described: Floats, mean: Floats, sd: Floats) -> float:
    told = sd > 0
    return float(np.sqrt(np.mean(((described[told] - mean[told]) / sd[told]) ** 2))) if told.any() else 0.0


def _logistic(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-values)))
