"""A classifier that sees each pixel for itself, by features of its neighbourhood; fitted in seconds to a few pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from modicum.classical.features import in_strips
from modicum.classical.responses import best_level
from modicum.classical.table import METHODS, Floats, Pixels, State, valid_pixels
from modicum.classical.trees import answers, packed
from modicum.errors import ModicumError
from modicum.views import TrainingPicture

Drawn = tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]  # features (n, F) and class numbers (n,) of pixels
_PARTS = 3  # of the training pictures, of which each is left out once to find the level


@METHODS.register("pixels", "Breiman 2001; Friedman 2001; Marin et al. 2011 (SYSTEMS E2)")
@dataclass(frozen=True, kw_only=True)
class PixelClassifier:
    """Random forest, boosted trees or perceptron on Gaussian scale space, edges, Hessian, local spread and Gabor waves.

    Args:
        trees: of a forest; rounds of boosting.
        samples: pixels that teach, drawn evenly from all training pictures.
    """

    classifier: Literal["forest", "boosting", "perceptron"] = "forest"
    trees: Annotated[int, Field(ge=1)] = 24
    samples: Annotated[int, Field(ge=100)] = 20_000

    @property
    def several(self) -> bool:
        return True

    def fit(self, pictures: Sequence[TrainingPicture], classes: int, seed: int) -> State:
        """Trees or layers as arrays; of one class also the level from which pictures left out are segmented best.

        Raises:
            ModicumError: no pixel that was drawn is foreground, or all are.
        """
        rng = np.random.default_rng(seed)
        drawn = [_drawn(picture, -(-self.samples // len(pictures)), rng) for picture in pictures]
        if len(np.unique(np.concatenate([numbers for _, numbers in drawn]))) < 2:
            raise ModicumError(
                "the training pictures show foreground or background only, as far as a classifier of pixels can tell.",
                remedy="Label pictures that show both, or raise method.samples.",
            )
        state = self._grown(drawn, classes, seed)
        return state if classes > 1 else {**state, "level": np.array([self._level(drawn, seed)], np.float32)}

    def _level(self, drawn: Sequence[Drawn], seed: int) -> float:
        """The answer from which unseen pictures are segmented best: each part of the training pictures, by all others."""
        parts, answers = min(_PARTS, len(drawn)), []
        for part in range(parts) if parts > 1 else ():
            others = [one for number, one in enumerate(drawn) if number % parts != part]
            if len(np.unique(np.concatenate([numbers for _, numbers in others]))) == 2:
                state = self._grown(others, 1, seed)
                answers += [(self._classified(known.T, state)[0], numbers > 0) for known, numbers in drawn[part::parts]]
        return min(max(best_level(answers), 0.05), 0.95) if answers else 0.5

    def probabilities(self, pixels: Pixels, state: State) -> Floats:
        strips = [self._classified(columns, state) for _, columns in in_strips(pixels)]
        found = np.concatenate(strips, axis=1).reshape(-1, *pixels.shape[:2])
        return np.interp(found, [0, float(state["level"][0]), 1], [0, 0.5, 1]) if "level" in state else found

    def _grown(self, drawn: Sequence[Drawn], classes: int, seed: int) -> State:
        known, numbers = np.concatenate([x for x, _ in drawn]), np.concatenate([y for _, y in drawn])
        if self.classifier == "perceptron":
            return _perceptron(known, numbers, classes, seed)
        grow = _boosting if self.classifier == "boosting" else _forest
        return grow(known, numbers, classes, self.trees, seed)

    def _classified(self, columns: npt.NDArray[np.float32], state: State) -> Floats:
        """(K, n) of columns (F, n)."""
        if self.classifier == "forest":
            return (answers(columns, state) / len(state["roots"]))[1:]
        if self.classifier == "boosting":
            return _softmax(answers(columns, state))[1:]
        hidden = (columns - state["mean"][:, None]) / state["sd"][:, None]
        hidden = np.maximum(state["first"].T @ hidden + state["first_bias"][:, None], 0)
        return _softmax(state["second"].T @ hidden + state["second_bias"][:, None])[1:]


def _drawn(picture: TrainingPicture, count: int, rng: np.random.Generator) -> Drawn:
    """Pixels that count."""
    places = np.flatnonzero(valid_pixels(picture))
    chosen = np.sort(rng.choice(places, min(count, len(places)), replace=False))
    seen = []
    for first, columns in in_strips(picture.image):
        own = chosen[(chosen >= first) & (chosen < first + columns.shape[1])]
        seen.append(columns[:, own - first])
    return np.concatenate(seen, axis=1).T, picture.label.ravel()[chosen]


def _forest(known: Floats, labels: Any, classes: int, trees: int, seed: int) -> State:
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(trees, max_depth=12, min_samples_leaf=5, random_state=seed).fit(known, labels)
    leaves = []
    for tree in forest.estimators_:
        shares = tree.tree_.value[:, 0]
        leaves.append(_for_all(shares / shares.sum(axis=1, keepdims=True), forest.classes_, classes))
    return packed([tree.tree_ for tree in forest.estimators_], leaves)


def _boosting(known: Floats, labels: Any, classes: int, trees: int, seed: int) -> State:
    from sklearn.ensemble import GradientBoostingClassifier

    model = GradientBoostingClassifier(
        n_estimators=trees, max_depth=5, subsample=0.5, max_features="sqrt", learning_rate=0.1, init="zero", random_state=seed
    ).fit(known, labels)
    numbers, grown, leaves = model.classes_, [], []
    for column in range(model.estimators_.shape[1]):
        of = numbers[1:] if len(numbers) == 2 else numbers[column : column + 1]  # of two classes, one answer tells both
        for tree in model.estimators_[:, column]:
            grown.append(tree.tree_)
            leaves.append(_for_all(model.learning_rate * tree.tree_.value[:, 0], of, classes))
    return _never(packed(grown, leaves), numbers, classes)


def _perceptron(known: Floats, labels: Any, classes: int, seed: int) -> State:
    from sklearn.neural_network import MLPClassifier

    mean, sd = known.mean(axis=0), np.maximum(known.std(axis=0), 1e-6)
    counts = np.unique(labels, return_counts=True)[1]
    shared = counts.min() >= 2 and 0.1 * len(labels) > len(counts) - 1  # a tenth set aside can show every class
    model = MLPClassifier((64,), max_iter=60, early_stopping=bool(shared), n_iter_no_change=5, random_state=seed)
    model.fit((known - mean) / sd, labels)
    numbers = model.classes_
    of = numbers[1:] if len(numbers) == 2 else numbers
    second = _for_all(model.coefs_[1], of, classes)
    bias = _for_all(model.intercepts_[1][None], of, classes)[0]
    bias[~np.isin(np.arange(classes + 1), numbers)] = _NEVER
    state = {"mean": mean, "sd": sd, "first": model.coefs_[0], "first_bias": model.intercepts_[0]}
    return {key: np.asarray(v, np.float32) for key, v in {**state, "second": second, "second_bias": bias}.items()}


_NEVER = -30.0  # the logit of a class that no training pixel had


def _never(state: State, numbers: npt.NDArray[Any], classes: int) -> State:
    """Trees that never answer a class which they have not seen."""
    absent = ~np.isin(np.arange(classes + 1), numbers)
    share = absent * _NEVER / len(state["roots"])
    return {**state, "value": np.where(state["left"][:, None] < 0, state["value"] + share, 0).astype(np.float32)}


def _for_all(values: npt.NDArray[Any], numbers: npt.NDArray[Any], classes: int) -> npt.NDArray[np.float32]:
    """Columns for the classes `numbers` as columns for all of them, background first."""
    spread = np.zeros((len(values), classes + 1), np.float32)
    spread[:, np.asarray(numbers, int)] = values
    return spread


def _softmax(logits: Floats) -> Floats:
    """Over the first axis; of background and one class, the sigmoid of their difference."""
    raised = np.exp(logits - logits.max(axis=0))
    return np.asarray(raised / raised.sum(axis=0))
