"""Classifiers of pixels: the same answers as scikit-learn's own, whatever the strips, for one class or several."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.neural_network import MLPClassifier

from modicum.classical import METHODS, ClassicalSegmenter
from modicum.classical import features as module
from modicum.classical.features import features, in_strips
from modicum.classical.pixels import PixelClassifier, _boosting, _forest, _perceptron
from modicum.errors import ModicumError
from modicum.images.intensity import Intensity
from modicum.views import TrainingPicture


def picture(classes: int = 1, seed: int = 0, size: tuple[int, int] = (60, 70)) -> TrainingPicture:
    """Discs of their own colours and textures on a dark ground."""
    rng, (y, x) = np.random.default_rng(seed), np.indices(size)
    label = np.zeros(size, np.uint8)
    for number in range(1, classes + 1):
        cy, cx = rng.uniform(15, 45), 18 + 34 * (number - 1)
        label[(y - cy) ** 2 + (x - cx) ** 2 < 12**2] = number
    colours = np.array([[60, 60, 60], [170, 90, 60], [60, 90, 180]])
    image = np.clip(colours[label] + rng.normal(0, 20, (*size, 3)), 0, 255).astype(np.uint8)
    return TrainingPicture(f"p{seed}", image, label)


@pytest.mark.parametrize(("classifier", "classes"), [(c, k) for c in ("forest", "boosting", "perceptron") for k in (1, 2)])
def test_the_answers_are_those_of_scikit_learn(classifier: str, classes: int) -> None:
    known, labels = make_classification(400, 10, n_informative=6, n_classes=classes + 1, random_state=0, n_clusters_per_class=1)
    known = known.astype(np.float32)
    method = PixelClassifier(classifier=classifier, trees=7)  # type: ignore[arg-type]
    if classifier == "perceptron":
        state = _perceptron(known, labels, classes, 3)
        theirs = MLPClassifier((64,), max_iter=60, early_stopping=True, n_iter_no_change=5, random_state=3)
        mean, sd = known.mean(axis=0), known.std(axis=0)
        expected = theirs.fit((known - mean) / sd, labels).predict_proba((known - mean) / sd)
    elif classifier == "forest":
        state = _forest(known, labels, classes, 7, 3)
        forest = RandomForestClassifier(7, max_depth=12, min_samples_leaf=5, random_state=3)
        expected = forest.fit(known, labels).predict_proba(known)
    else:
        state = _boosting(known, labels, classes, 7, 3)
        boosted = GradientBoostingClassifier(
            n_estimators=7, max_depth=5, subsample=0.5, max_features="sqrt", learning_rate=0.1, init="zero", random_state=3
        )
        expected = boosted.fit(known, labels).predict_proba(known)
    answers = method._classified(np.ascontiguousarray(known.T), state)
    assert answers == pytest.approx(expected[:, 1:].T, abs=1e-5)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("classifier", ["forest", "boosting", "perceptron"])
@pytest.mark.parametrize("counts", [(200, 1, 0), (4, 3, 3), (5, 4, 0)])
def test_a_class_of_hardly_a_pixel_is_learned_from(classifier: str, counts: tuple[int, int, int]) -> None:
    label, valid = np.zeros((2, 20, 20), np.uint8)
    label.flat[: sum(counts)], valid.flat[: sum(counts)] = np.repeat([0, 1, 2], counts), 1
    image = np.repeat(label[..., None] * 100, 3, axis=2)
    method = METHODS.build({"name": "pixels", "classifier": classifier, "trees": 5, "samples": 800})
    found = method.probabilities(image, method.fit([TrainingPicture("a", image, label, valid)], 2, 0))
    assert found.shape == (2, *label.shape)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("classifier", ["forest", "boosting", "perceptron"])
def test_a_class_that_was_not_seen_is_never_found(classifier: str) -> None:
    method = METHODS.build({"name": "pixels", "classifier": classifier, "trees": 5, "samples": 800})
    state = method.fit([picture(1)], 3, 0)
    found = method.probabilities(picture(1, seed=1).image, state)
    assert found.shape == (3, 60, 70)
    assert found[1:].max() < 1e-3
    assert found[0].max() > 0.5


@pytest.mark.parametrize("classifier", ["forest", "boosting", "perceptron"])
def test_two_pictures_are_enough_for_a_third(classifier: str) -> None:
    method = METHODS.build({"name": "pixels", "classifier": classifier, "trees": 10, "samples": 3000})
    for classes in (1, 2):
        state = method.fit([picture(classes, seed=s) for s in (0, 1)], classes, 0)
        other = picture(classes, seed=2)
        probability = method.probabilities(other.image, state)
        numbers = np.concatenate([1 - probability.sum(axis=0, keepdims=True), probability]).argmax(axis=0)
        assert (numbers == other.label).mean() > 0.95
        again = method.probabilities(other.image, method.fit([picture(classes, seed=s) for s in (0, 1)], classes, 0))
        assert np.array_equal(probability, again)


def test_strips_see_what_the_whole_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.random.default_rng(0).integers(0, 256, (300, 40, 3), np.uint8)
    whole = features(image)
    assert whole.shape == (58, 300, 40)
    monkeypatch.setattr(module, "_AT_ONCE", 40 * 77)
    pieces = list(in_strips(image))
    assert [first for first, _ in pieces] == [0, 3080, 6160, 9240]
    assert np.concatenate([c for _, c in pieces], axis=1).reshape(whole.shape) == pytest.approx(whole, abs=1e-3)


def test_pixels_that_do_not_count_do_not_teach() -> None:
    one = picture(1)
    lying = TrainingPicture("x", one.image, np.where(np.arange(70) < 35, one.label, 1 - one.label).astype(np.uint8))
    valid = np.broadcast_to(np.arange(70) < 35, (60, 70)).astype(np.uint8)
    told = TrainingPicture("x", lying.image, lying.label, valid)
    method = METHODS.build({"name": "pixels", "trees": 8, "samples": 2000})
    found = method.probabilities(one.image, method.fit([told], 1, 0))[0] >= 0.5
    assert (found == one.label).mean() > 0.97


def test_pictures_that_show_nothing_are_told() -> None:
    empty = TrainingPicture("e", picture().image, np.zeros((60, 70), np.uint8))
    with pytest.raises(ModicumError, match="foreground or background only"):
        METHODS.build("pixels").fit([empty], 1, 0)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("classifier", ["forest", "boosting", "perceptron"])
def test_what_was_learned_and_is_damaged_is_refused(classifier: str) -> None:
    method = PixelClassifier(classifier=classifier, trees=3)  # type: ignore[arg-type]
    one = picture()
    state = method.fit([one], 1, 0)
    damage = [{key: value for key, value in state.items() if key != next(iter(state))}]
    if "left" in state:
        beyond, back = state["left"].copy(), state["right"].copy()
        beyond[beyond >= 0] += len(beyond)
        back[back >= 0] = 0  # one would go round for ever
        damage += [state | {"left": beyond}, state | {"right": back}]
    for broken in damage:
        with pytest.raises(ModicumError, match="does not fit its method"):
            ClassicalSegmenter(method, broken, Intensity((0.5,) * 3, (0.2,) * 3)).probabilities(one.image)
