"""Temperature scaling (Guo et al. 2017, ICML, section 4.2): one number that makes probabilities mean what they say.

It is applied to what is told of a picture, after flips, tiles and networks are averaged: the mean of calibrated answers is
itself too cautious (Rahaman and Thiery 2021, "pool, then calibrate"), and a classical method has no logits.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

SURE = 2.0**-12  # nearest to 1 that float16 can tell from it: a 1 says at least so much
_COLDEST, _HOTTEST = 0.2, 5.0
_PIXELS = 10_000  # of each picture: all count the same, however large
_AT_ONCE = 2**16  # pixels, of a picture or volume as large as may be

Sample = tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]  # probabilities (n, K + 1), background first; true classes (n,)


def tempered(probability: npt.NDArray[np.float16], temperature: float) -> npt.NDArray[np.float16]:
    """Probability maps with all logits divided by a temperature; above 1 they become more cautious.

    The order of pixels and of classes stays, .5 stays for one class, and 0 stays: no view has looked there.

    Args:
        probability: (K, ...) of the foreground classes; background has what they leave of 1.
    """
    if temperature == 1:
        return probability
    flat = probability.reshape(len(probability), -1)
    out = np.empty_like(flat)
    for start in range(0, flat.shape[1], _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        out[:, part] = _divided(with_background(flat[:, part].astype(np.float32)), temperature)[1:]
    return out.reshape(probability.shape)


def with_background(probability: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Maps (K + 1, ...) of background and the foreground classes (K, ...)."""
    return np.concatenate([np.maximum(1 - probability.sum(axis=0, keepdims=True), SURE), probability])


def fitted_temperature(samples: Iterable[Sample]) -> float:
    """The temperature with the least mean negative log-likelihood, .2 to 5; 1 without samples that hold foreground.

    Args:
        samples: from `drawn`, one for each picture.
    """
    from scipy.optimize import minimize_scalar

    given = list(samples)
    if not any(true.any() for _, true in given):
        return 1.0
    every = np.concatenate([probability for probability, _ in given]).T
    true = np.concatenate([true for _, true in given])

    def cost(log_temperature: float) -> float:
        answered = np.take_along_axis(_divided(every, float(np.exp(log_temperature))), true[None], axis=0)[0]
        return float(-np.log(np.maximum(answered, 1e-12)).mean())

    bounds = float(np.log(_COLDEST)), float(np.log(_HOTTEST))
    return float(np.exp(minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 1e-3}).x))


def drawn(
    probability: npt.NDArray[np.floating],
    truth: npt.NDArray[np.uint8],
    valid: npt.NDArray[np.bool_] | None,
    generator: np.random.Generator,
) -> Sample:
    """Some pixels of one picture or volume, evenly drawn from those that count.

    Args:
        probability: (K, ...).
        truth: (...) class numbers.
        valid: (...), the pixels that count.
    """
    places = np.arange(truth.size) if valid is None else np.flatnonzero(valid)
    if len(places) > _PIXELS:
        places = generator.choice(places, _PIXELS, replace=False)
    chosen = probability.reshape(len(probability), -1)[:, places].astype(np.float64)
    return np.asarray(with_background(chosen).T, np.float64), truth.ravel()[places].astype(np.intp)


def _divided(every: npt.NDArray[np.floating], temperature: float) -> npt.NDArray[np.floating]:
    """Softmax of log p / T over the first axis: of one class the sigmoid of logit / T."""
    powered = every ** (1 / temperature)
    return np.asarray(powered / powered.sum(axis=0))
