"""Columns of a manifest as groups."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from modicum.datasets.subgroups import NOT_GIVEN, in_order, subgroups


def test_few_values_are_a_group_each() -> None:
    assert subgroups(["m", "f", "", "m"]) == ["m", "f", NOT_GIVEN, "m"]
    assert in_order(["10", "9", NOT_GIVEN, "b", "a"]) == ["9", "10", "a", "b", NOT_GIVEN]


def test_one_value_and_many_words_divide_nothing() -> None:
    assert subgroups(["A", "A"]) is None
    assert subgroups([f"note {i}" for i in range(13)]) is None
    assert subgroups([*map(str, range(13)), "old"]) is None


@given(st.lists(st.integers(0, 99), min_size=30, max_size=200).filter(lambda ages: len(set(ages)) > 12), st.booleans())
def test_ages_become_three_ranges_that_part_the_cases(ages: list[int], gap: bool) -> None:
    groups = subgroups([*map(str, ages), *[""] * gap])
    assert groups is not None
    names = [g for g in in_order(groups) if g != NOT_GIVEN]
    assert len(names) <= 3
    assert (groups[-1] == NOT_GIVEN) == gap
    ends = [tuple(map(int, name.split(" to "))) for name in names]
    assert all(a[1] < b[0] for a, b in pairwise(ends))
    assert all(low <= age <= high for age, g in zip(ages, groups, strict=False) for low, high in [ends[names.index(g)]])
    most = Counter(ages).most_common(1)[0][1]
    assert max(Counter(groups).values()) <= len(ages) / 3 + most + 1
