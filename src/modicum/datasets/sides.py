"""Classes that differ by left and right alone: to a mirrored or turned picture they would be contradictory."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SIDE = re.compile(r"left|right|(?<![a-z0-9])[lr](?![a-z0-9])")
_OF_THE_HEART = re.compile(r"^(?!.*lateral).*(ventric|atri)")  # its chambers are no mirror images of each other
_BEGINS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")  # a word within a name: LungLeft


def sides(classes: Sequence[str]) -> tuple[str, str] | None:
    """The first two names that are one without "left" and "right", or l and r as words; None where there are none."""
    known: dict[str, str] = {}
    for name in classes:
        if _OF_THE_HEART.search(name.lower()):
            continue
        bare = re.sub(r"[\W_]+", "", _SIDE.sub("", _BEGINS.sub("_", name).lower()))
        if bare in known:
            return known[bare], name
        known[bare] = name
    return None
