"""Agreement of a predicted mask with the true one.

All overlap metrics follow from four counts, for one picture, for pooled pixels and for every threshold of a curve alike.
Dice, 2 TP / (2 TP + FP + FN), is the same number as F1; recall is sensitivity. Where a quotient is 0 / 0:

| truth | prediction | dice, iou, thresholded_jaccard, precision, recall | hd95 |
|---|---|---|---|
| empty | empty | 1: nothing was there and nothing was found | 0 |
| empty | not | 0 | nan: no distance exists |
| not | empty | 0 | nan |

Among several classes one that is in neither has no figure of the first line (`Evaluator`).
nan values are left out of means and counted (`statistics.summarise`). Specificity is 1 where there is no background.
A picture without a single valid pixel has nan everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

OVERLAP_METRICS = ("dice", "iou", "thresholded_jaccard", "precision", "recall", "specificity", "accuracy")
DISTANCE_METRICS = ("hd95",)

_ACCEPTED = 0.65  # thesis D 5.2, after ISIC 2018: a Jaccard below it counts as a failure


class Counts(NamedTuple):
    """Pixels by truth and prediction: numbers, or arrays of one shape (a curve)."""

    tp: npt.ArrayLike
    fp: npt.ArrayLike
    fn: npt.ArrayLike
    tn: npt.ArrayLike


def count(prediction: Mask, truth: Mask, valid: Mask | None = None) -> Counts:
    """Pixels of each kind among the valid ones; masks (H, W) or (D, H, W), all of one shape.

    Raises:
        ValueError: the shapes differ.
    """
    prediction, truth = _inside(prediction, truth, valid)
    pixels = truth.size if valid is None else int(np.count_nonzero(valid))
    tp = int(np.count_nonzero(prediction & truth))
    fp = int(np.count_nonzero(prediction)) - tp
    fn = int(np.count_nonzero(truth)) - tp
    return Counts(tp, fp, fn, pixels - tp - fp - fn)


def rates(counts: Counts) -> dict[str, Floats]:
    """The overlap metrics of these counts, each of the counts' shape; see the module for 0 / 0."""
    tp, fp, fn, tn = (np.asarray(c, np.float64) for c in counts)
    both_empty = (tp + fp + fn) == 0
    iou = _quotient(tp, tp + fp + fn, 1.0)
    found = {
        "dice": _quotient(2 * tp, 2 * tp + fp + fn, 1.0),
        "iou": iou,
        "thresholded_jaccard": np.where(iou < _ACCEPTED, 0.0, iou),
        "precision": np.where(both_empty, 1.0, _quotient(tp, tp + fp, 0.0)),
        "recall": np.where(both_empty, 1.0, _quotient(tp, tp + fn, 0.0)),
        "specificity": _quotient(tn, tn + fp, 1.0),
        "accuracy": _quotient(tp + tn, tp + fp + fn + tn, np.nan),
    }
    no_pixels = (tp + fp + fn + tn) == 0
    return {name: np.where(no_pixels, np.nan, value) for name, value in found.items()}


def binary_metrics(
    prediction: Mask,
    truth: Mask,
    valid: Mask | None = None,
    *,
    distances: bool = True,
    spacing: Sequence[float] | None = None,
) -> dict[str, float]:
    """Every metric of one picture or volume.

    Args:
        prediction: (H, W) or (D, H, W).
        truth: of the same shape.
        valid: only these pixels count (the field of view); None for all.
        distances: hd95 as well, which costs more than all the rest.

    Returns:
        `OVERLAP_METRICS`, each in 0..1, and `hd95` in pixels, or in the unit of the spacing.

    Raises:
        ValueError: the shapes differ.
    """
    counts = count(prediction, truth, valid)
    metrics = {name: float(value) for name, value in rates(counts).items()}
    if distances:
        no_pixels = bool(np.isnan(metrics["accuracy"]))
        metrics["hd95"] = float("nan") if no_pixels else hausdorff95(*_inside(prediction, truth, valid), spacing)
    return metrics


def hausdorff95(prediction: Mask, truth: Mask, spacing: Sequence[float] | None = None) -> float:
    """95th percentile of the distances between two outlines, in pixels or in the unit of the spacing; the larger direction.

    The outline is every pixel of a mask that touches its outside, the edge of the picture included; as MONAI has it, which
    the tests compare. 0 where both masks are empty, nan where one is.
    """
    if not prediction.any() or not truth.any():
        return 0.0 if prediction.any() == truth.any() else float("nan")
    box = _bounding_box(prediction | truth)
    ours, theirs = _outline(prediction[box]), _outline(truth[box])
    there, back = _distances(ours, theirs, spacing), _distances(theirs, ours, spacing)
    return float(max(np.percentile(there, 95), np.percentile(back, 95)))


def _inside(prediction: Mask, truth: Mask, valid: Mask | None) -> tuple[Mask, Mask]:
    shapes = [m.shape for m in (prediction, truth, valid) if m is not None]
    if len(set(shapes)) > 1:
        raise ValueError(f"prediction, truth and valid differ in shape: {', '.join(map(str, shapes))}")
    prediction, truth = prediction.astype(bool, copy=False), truth.astype(bool, copy=False)
    return (prediction, truth) if valid is None else (prediction & valid.astype(bool), truth & valid.astype(bool))


def _quotient(above: Floats, below: Floats, otherwise: float) -> Floats:
    quotient: Floats = np.divide(above, below, out=np.full(np.shape(below), otherwise), where=below > 0)
    return quotient


def _bounding_box(mask: Mask) -> tuple[slice, ...]:
    box = []
    for axis in range(mask.ndim):
        (places,) = np.nonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
        box.append(slice(int(places[0]), int(places[-1]) + 1))
    return tuple(box)


def _outline(mask: Mask) -> Mask:
    """Pixels of a mask with a neighbour outside, across faces; what lies beyond the array is outside."""
    inner = mask.copy()
    padded = np.pad(mask, 1)
    centre = (slice(1, -1),) * mask.ndim
    for axis in range(mask.ndim):
        for shift in (slice(0, -2), slice(2, None)):
            inner &= padded[(*centre[:axis], shift, *centre[axis + 1 :])]
    return mask & ~inner


def _distances(outline: Mask, to: Mask, spacing: Sequence[float] | None) -> npt.NDArray[np.floating]:
    """Exact Euclidean distance of every pixel of an outline to the nearest one of another."""
    if outline.ndim == 2 and spacing is None:
        import cv2  # a distance for every pixel of the picture, which is fastest there

        away = cv2.distanceTransform((~to).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        return np.asarray(away, np.float32)[outline]
    from scipy.spatial import KDTree  # a volume has few outline voxels: a distance for every voxel would take gigabytes

    sides = np.ones(outline.ndim) if spacing is None else np.asarray(spacing, np.float64)
    return np.asarray(KDTree(np.argwhere(to) * sides).query(np.argwhere(outline) * sides)[0], np.float64)
