"""Decision trees as plain arrays: fitted by scikit-learn, kept without pickle, followed by NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from modicum.classical.table import State

Floats = npt.NDArray[np.float32]


def packed(trees: Sequence[Any], values: Sequence[npt.NDArray[Any]]) -> State:
    """The nodes of scikit-learn's trees (`tree_`), one tree after the other.

    Args:
        values: for each tree (nodes, V), what its leaves answer.
    """
    first = np.cumsum([0, *(t.node_count for t in trees)])[:-1]
    thresholds = np.concatenate([t.threshold for t in trees])
    single = thresholds.astype(np.float32)
    single = np.where(single > thresholds, np.nextafter(single, np.float32(-np.inf)), single)  # x <= it just as before
    return {
        "feature": np.concatenate([t.feature for t in trees]).astype(np.int32),
        "threshold": single.astype(np.float32),
        "left": np.concatenate([_moved(t.children_left, by) for t, by in zip(trees, first, strict=True)]),
        "right": np.concatenate([_moved(t.children_right, by) for t, by in zip(trees, first, strict=True)]),
        "value": np.concatenate(list(values)).astype(np.float32),
        "roots": first.astype(np.int32),
    }


def answers(columns: Floats, state: State) -> Floats:
    """(V, n): the sum over all trees of what they answer to n samples, whose features are columns (F, n).

    Raises:
        IndexError: a child that does not come after its parent, which no tree has: one would follow it for ever.
    """
    _refuse_loops(state["left"], state["right"])
    feature, threshold, left, right = (state[key] for key in ("feature", "threshold", "left", "right"))
    total = np.zeros((state["value"].shape[1], columns.shape[1]), np.float32)
    for root in state["roots"]:
        waiting = [(int(root), np.arange(columns.shape[1], dtype=np.int32))]
        while waiting:
            node, who = waiting.pop()
            if left[node] < 0:
                total[:, who] += state["value"][node][:, None]
            elif len(who):
                goes_left = columns[feature[node]][who] <= threshold[node]
                waiting += [(int(left[node]), who[goes_left]), (int(right[node]), who[~goes_left])]
    return total


def _refuse_loops(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> None:
    inner = np.flatnonzero(left >= 0)
    if (left[inner] <= inner).any() or (right[inner] <= inner).any():
        raise IndexError("a child comes before its parent")


def _moved(children: npt.NDArray[Any], by: int) -> npt.NDArray[np.int32]:
    """Numbers of children among the nodes of all trees; those of leaves stay -1."""
    return np.where(children < 0, -1, children + by).astype(np.int32)
