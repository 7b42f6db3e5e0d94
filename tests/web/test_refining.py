"""An object from a box and scribbles."""

from __future__ import annotations

import time

import numpy as np
import pytest

from modicum.web.refining import INSIDE, OUTSIDE, refine


def scene(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two touching discs of different colour on a dark ground: picture, first disc, second disc."""
    y, x = np.indices((size, size)) / size
    first, second = np.hypot(y - 0.5, x - 0.35) < 0.15, np.hypot(y - 0.5, x - 0.65) < 0.15
    picture = np.full((size, size, 3), 40.0)
    picture[first], picture[second] = (200, 60, 60), (60, 190, 70)
    noise = np.random.default_rng(0).normal(0, 6, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8), first, second


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def test_a_box_gives_both_and_a_scribble_takes_one_away() -> None:
    picture, first, second = scene(200)
    seeds = np.zeros((200, 200), np.uint8)
    box = (60, 30, 140, 170)
    assert dice(refine(picture, seeds, box), first | second) > 0.97
    seeds[98:102, 115:145], seeds[98:102, 60:80] = OUTSIDE, INSIDE
    assert dice(refine(picture, seeds, box), first) > 0.92


def test_a_click_inside_a_faint_object_loses_nothing() -> None:
    """The random walk from one dot, with all of the box's surroundings against it, must not take the object away."""
    y, x = np.indices((300, 300)) / 300
    disc = np.hypot(y - 0.5, x - 0.5) < 0.25
    texture = np.random.default_rng(0).normal(0, 25, (38, 38)).repeat(8, 0).repeat(8, 1)[:300, :300]
    picture = np.clip((120 + 12 * disc + texture)[..., None].repeat(3, 2), 0, 255).astype(np.uint8)
    seeds, box = np.zeros((300, 300), np.uint8), (70, 70, 230, 230)
    before = dice(refine(picture, seeds, box), disc)
    seeds[147:153, 147:153] = INSIDE
    assert dice(refine(picture, seeds, box), disc) >= before - 0.02
    assert before > 0.8


@pytest.mark.parametrize("said", ["nothing", "elsewhere"])
def test_a_network_that_does_not_see_what_is_in_the_box_is_not_believed(said: str) -> None:
    picture, first, second = scene(200)
    seen = second if said == "elsewhere" else np.zeros_like(second)
    found = refine(picture, np.zeros((200, 200), np.uint8), (68, 38, 132, 102), seen.astype(np.float32))
    assert dice(found, first) > 0.95


def test_where_colours_tell_nothing_the_network_does() -> None:
    y, x = np.indices((200, 200))
    triangle = (y >= 60) & (y < 140) & (x >= 40) & (x - 40 < (y - 60) * 1.25)
    picture = np.random.default_rng(0).integers(100, 140, (200, 200, 1), dtype=np.uint8).repeat(3, 2)
    seeds, box = np.zeros((200, 200), np.uint8), (58, 38, 142, 142)
    assert dice(refine(picture, seeds, box, triangle.astype(np.float32)), triangle) > 0.82
    assert dice(refine(picture, seeds, box), triangle) < 0.7


@pytest.mark.parametrize("box", [(0, 0, 200, 200), (0, 0, 3, 3), (199, 0, 200, 200)])
def test_seeds_are_obeyed_and_nothing_lies_outside_the_box(box: tuple[int, int, int, int]) -> None:
    rng = np.random.default_rng(1)
    seeds = rng.choice([0, OUTSIDE, INSIDE], (200, 200), p=[0.98, 0.01, 0.01]).astype(np.uint8)
    found = refine(scene(200)[0], seeds, box)
    top, left, bottom, right = box
    inside = np.zeros((200, 200), bool)
    inside[top:bottom, left:right] = True
    assert not found[~inside].any()
    assert found[inside & (seeds == INSIDE)].all()
    assert not found[seeds == OUTSIDE].any()


def test_a_large_picture_takes_a_second_or_two() -> None:
    picture, first, second = scene(1600)
    start = time.perf_counter()
    found = refine(picture, np.zeros((1600, 1600), np.uint8), (480, 240, 1120, 1360))
    assert time.perf_counter() - start < 15  # a guard against the whole picture being cut, which takes minutes
    assert dice(found, first | second) > 0.97
