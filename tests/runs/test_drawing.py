"""Some of many cases: none of the volumes is forgotten, and the first names are not preferred."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from modicum.datasets.case import Case
from modicum.runs.drawing import some_of


def pictures(count: int) -> list[Case]:
    return [Case(f"case{n:03}", Path(f"{n}.png")) for n in range(count)]


def volumes(*depths: int) -> list[Case]:
    return [
        Case(f"patient{n:02}_z{z:03}", Path(f"{n}.nii.gz"), slice=z, volume=f"patient{n:02}")
        for n, depth in enumerate(depths)
        for z in range(depth)
    ]


def test_few_pictures_are_all_there_and_many_are_drawn_by_the_seed() -> None:
    assert some_of(pictures(40), 40, seed=0) == pictures(40)
    many = pictures(200)
    found = some_of(many, 40, seed=0)
    assert len({case.id for case in found}) == 40
    assert 10 <= sum(case.id < "case100" for case in found) <= 30, "of one half of the names as many as of the other"
    assert found == some_of(many, 40, seed=0) != some_of(many, 40, seed=1)


def test_of_two_long_volumes_every_third_slice() -> None:
    found = some_of(volumes(60, 60), 40, seed=0)
    assert Counter(case.volume for case in found) == {"patient00": 20, "patient01": 20}
    assert [case.slice for case in found[:20]] == list(range(1, 60, 3))


@given(st.lists(st.integers(1, 70), min_size=1, max_size=10), st.integers(0, 9))
def test_no_volume_is_forgotten(depths: list[int], seed: int) -> None:
    found = some_of(volumes(*depths), 40, seed=seed)
    assert len({case.id for case in found}) == len(found) <= 40
    assert len({case.volume for case in found}) == len(depths)
    if sum(depths) <= 40:
        assert found == volumes(*depths)


def test_of_very_many_volumes_some_are_drawn_with_a_few_slices_each() -> None:
    found = Counter(case.volume for case in some_of(volumes(*[30] * 100), 40, seed=0))
    assert len(found) == 10
    assert set(found.values()) == {4}
    assert max(found) > "patient20"


@given(st.lists(st.integers(2, 700), min_size=1, max_size=12), st.integers(0, 9))
def test_a_network_of_three_dimensions_sees_whole_volumes(depths: list[int], seed: int) -> None:
    found = Counter(case.volume for case in some_of(volumes(*depths), 40, seed=seed, whole=True))
    assert all(count == depths[int(name.removeprefix("patient"))] for name, count in found.items())
    assert min(2, len(depths)) <= len(found) <= 8
    assert len(found) == 2 or sum(found.values()) <= 400 or len(depths) == 1
