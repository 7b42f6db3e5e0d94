"""Which pictures are of the same person, as far as their names tell. When in doubt, each is its own."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

_EYE = re.compile(r"^(.*\d)[_ -]?(L|R|OD|OS|left|right)(?:[_-]\d+)?$", re.IGNORECASE)
_PERSON = re.compile(
    r"(?:^|[_ -])((?:patient|subject|subj|sub|pat)[_ -]?\d+|(?:patient|subject|subj|pat)[_ -]?[a-z]"
    r"|(?<![_ -])p(?:t|id)?[_ -]?\d+)(?=$|[_ -])",  # p01 stands at the beginning
    re.IGNORECASE,
)
_PIECE = re.compile(
    r"^(.+?)[_ .-]?(?:(?:slice|frame|tile|patch|crop|page)[_ -]?\d+|(?<=[_ .-])(?:sl|fr|[ztxyrc])[_-]?\d+)$",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"^(.+)[_-](\d+)$")
_NO_PERSON = re.compile(r"^(?:batch|set|site|group|class|fold|cent(?:er|re)|scanner|part|isic|img|image)?[_ -]?\d{0,4}$")
_SERIES = re.compile(
    r"(?:^|[_ -])(?:videos?|vid|movie|clip|scan|seq|sequence|series|vol|volume|stack|case|mouse|rat)[_ -]?(?:\d+|[a-z])$"
)
_DIGIT = re.compile(r"\d")
_BARE = re.compile(r"^(?!(?:19|20)\d\d$)\d{1,4}$")  # but no year

_NOBODY = re.compile(
    r"^(?:\w*data\w*|images?|imgs?|batch|set|sites?|group|class|fold|cent(?:er|re)|scanner|part|hospital|clinic|cohort|grade|stage"
    r"|type|level|phase|split|modality"
    r"|year|day|week|visit|experiment|exp|run|version|v|isic.*|(?:train|val|valid|test).*)[_ -]?(?:\d+|[a-z])?$"
    r"|^(?:19|20)\d\d$|^\d+x\d*$"  # years; magnifications and sizes
)

Guess = tuple[dict[str, str], str]


def guess_patients(ids: Sequence[str], others: Sequence[str] = ()) -> tuple[dict[str, str], str]:
    """Patient of each id, and in words what was seen in the names.

    Args:
        others: names that have no part in the guess; those that follow the pattern which was seen have a patient by it.

    Left and right eyes (`01L`, `01R`, `7_left`), named persons (`patient012_...`, `patientA_...`), slices, frames and tiles
    (`x_slice03`, `x_z07`), and numbered pieces of several things (`p12_0003`, `video1_07`, `scanA_012`, `001_034`) are
    recognised where nearly all names follow the pattern.
    """
    alone = {i: i for i in (*ids, *others)}
    for look, tells in ((_eyes, _eye), (_persons, _person), (_pieces, _strip), (_numbered, _base)):
        if ids and (guess := look(ids)) is not None:
            patients, said = guess
            return alone | {i: tells(i) for i in others} | patients, said
    things = {_thing(i) for i in ids}
    if len(ids) > 2 and len(things) == 1 and None not in things:
        return alone, (
            "The names look like slices or frames of one scan or video, or pictures of one patient. Neighbours may be nearly "
            "the same picture: figures from a split among them say little about another patient."
        )
    return alone, "Names tell nothing of patients: each picture counts as a patient of its own."


def _thing(name: str) -> str | None:
    """The scan, video or person of which a name says that it is a part."""
    if match := _PERSON.search(name) or _PIECE.match(name):
        return match[1].lower()
    match = _NUMBERED.match(name)
    if match is None or _NO_PERSON.match(base := match[1].lower()):
        return None
    return base if _SERIES.search(base) or _DIGIT.search(base) else None


def names_person(folder: str) -> bool:
    """Whether a folder may be one person's: it is numbered (`P01`, `0017`, `TCGA_CS_4941`), and no part, group or year."""
    return bool(_PERSON.search(folder) or _DIGIT.search(folder)) and not _NOBODY.match(folder.lower())


def tell_persons(names: Sequence[str]) -> bool:
    """Whether nearly all names of pictures name a person, who may have pictures in several folders."""
    return sum(bool(_PERSON.search(name)) for name in names) >= 0.8 * len(names)


def told_of_volumes(reason: str) -> str:
    """What was seen in the names, where each is a volume's."""
    return reason.replace("picture", "volume").replace("Picture", "Volume")


def _eyes(ids: Sequence[str]) -> Guess | None:
    found = {i: m for i in ids if (m := _EYE.match(i))}
    sides = {m[2].lower() for m in found.values()}
    pairs = sides & {"l", "od", "left"} and sides & {"r", "os", "right"}
    same_style = len({len(m[2]) > 1 for m in found.values()}) == 1
    if len(found) < 0.8 * len(ids) or not pairs or not same_style:
        return None
    patients = {i: _eye(i) for i in ids}
    if len(set(patients.values())) == len(ids):
        return None
    return patients, f"Left and right eyes of one person stay together (such as {_example(patients)})."


def _persons(ids: Sequence[str]) -> Guess | None:
    found = {i: m[1].lower() for i in ids if (m := _PERSON.search(i))}
    if len(found) < 0.8 * len(ids) or len(set(found.values())) in (1, len(ids)):
        return None
    patients = {i: _person(i) for i in ids}
    return patients, f"Pictures of one patient, as named in the file, stay together (such as {_example(patients)})."


def _pieces(ids: Sequence[str]) -> Guess | None:
    bases = {i: _strip(i) for i in ids}
    changed = sum(bases[i] != i for i in ids)
    if changed < 0.8 * len(ids) or len(set(bases.values())) in (1, len(ids)):
        return None
    return bases, f"Slices, frames or tiles of one scan, video or picture stay together (such as {_example(bases)})."


def _numbered(ids: Sequence[str]) -> Guess | None:
    """Several close numbers for each of several things, which are themselves numbered or are known words for a series.

    Bare numbers (`001_034`) must start again for each thing: what is numbered throughout may just have two numbers.
    """
    patients = (
        _runs(ids, lambda base: bool(_SERIES.search(base)), fewest=2)
        or _runs(ids, lambda base: bool(_DIGIT.search(base)) and not _NO_PERSON.match(base), fewest=3)
        or _runs(ids, lambda base: bool(_BARE.match(base)), fewest=3, restart=True)
    )
    if patients is None:
        return None
    return patients, f"Numbered pictures of one scan or person stay together (such as {_example(patients)})."


def _runs(ids: Sequence[str], fits: Callable[[str], bool], *, fewest: int, restart: bool = False) -> dict[str, str] | None:
    """Thing of each id, where nearly all ids are `thing_number`, and each of at least `fewest` things has close numbers."""
    numbers: dict[str, list[int]] = defaultdict(list)
    bases = {}
    for i in ids:
        if (match := _NUMBERED.match(i)) and fits(match[1].lower()):
            numbers[match[1]].append(int(match[2]))
            bases[i] = match[1]
    steps = [int(s) for n in numbers.values() for s in np.diff(np.sort(n))]
    several = len(numbers) >= fewest and len(bases) >= 2 * len(numbers)
    if len(bases) < 0.9 * len(ids) or not several or float(np.median(steps)) > 10:
        return None
    if restart and len({n for found in numbers.values() for n in found}) > 0.7 * len(bases):
        return None
    return {i: bases.get(i, i) for i in ids}


def _eye(name: str) -> str:
    return match[1].rstrip("_- ") if (match := _EYE.match(name)) else name


def _person(name: str) -> str:
    return match[1].lower() if (match := _PERSON.search(name)) else name


def _base(name: str) -> str:
    return match[1] if (match := _NUMBERED.match(name)) else name


def _strip(name: str) -> str:
    while match := _PIECE.match(name):
        name = match[1]
    return name


def _example(patients: dict[str, str]) -> str:
    members: dict[str, list[str]] = defaultdict(list)
    for i, patient in patients.items():
        members[patient].append(i)
    return next(" and ".join(m[:2]) for m in members.values() if len(m) > 1)
