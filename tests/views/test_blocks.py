"""Blocks of slices: together they show the whole volume, and aimed ones show what there is."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from modicum.views import VIEWS, TrainingPicture
from modicum.views.blocks import random_block, slices_from, starts_of


@given(depth=st.integers(1, 90), block=st.integers(2, 40))
def test_blocks_cover_every_slice(depth: int, block: int) -> None:
    seen = [slices_from(start, block, depth) for start in starts_of(depth, block)]
    assert set(np.concatenate(seen)) == set(range(depth))
    assert all(len(one) == block and (np.diff(one) >= 0).all() for one in seen)
    if depth > block:
        assert all(np.diff(one).tolist() == [1] * (block - 1) for one in seen)
        shared = np.diff(starts_of(depth, block))
        assert (shared <= -(-block // 2)).all()


def volume() -> TrainingPicture:
    label = np.zeros((20, 24, 40), np.uint8)
    label[5:9, 6:10, 31:33] = 1
    image = np.broadcast_to(np.arange(40, dtype=np.uint8), (20, 24, 40)).copy()
    return VIEWS.build({"name": "patches", "size": 16}).prepare(TrainingPicture("v", image, label))


def test_half_of_the_blocks_aim_at_what_is_there() -> None:
    rng, whole, aimed = np.random.default_rng(0), volume(), 0
    for _ in range(400):
        block = random_block(whole, 6, 0.0, rng)
        assert block.image.shape == block.label.shape == (20, 24, 6)
        assert (np.diff(block.image[0, 0].astype(int)) == 1).all()
        assert bool(block.objects) == bool(block.label.any())
        for y, x in block.objects[0] if block.objects else ():
            assert block.label[y, x].any()
        aimed += bool(block.label.any())
    by_chance = 7 / 35
    assert 0.5 < aimed / 400 < 0.5 + by_chance


def test_foot_and_head_change_places_in_picture_and_label_alike() -> None:
    whole = volume()
    block = random_block(whole, 40, 1.0, np.random.default_rng(0))
    assert np.array_equal(block.image, whole.image[..., ::-1])
    assert np.array_equal(block.label, whole.label[..., ::-1])


def test_a_volume_of_few_slices_repeats_its_last_ones() -> None:
    thin = TrainingPicture(
        "v", np.arange(3, dtype=np.uint8)[None, None].repeat(4, 0).repeat(4, 1), np.zeros((4, 4, 3), np.uint8)
    )
    assert random_block(thin, 6, 0.0, np.random.default_rng(0)).image[0, 0].tolist() == [0, 0, 0, 1, 2, 2]
