"""Every problem of a data set, each with its file and what to do. Each file is decoded once."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from modicum.datasets.case import Dataset, Split, counted
from modicum.datasets.examination import Examined, examine
from modicum.datasets.leaks import copies, patients_apart, sides_of
from modicum.datasets.resemblance import resemblance
from modicum.errors import Finding

Progress = Callable[[int, int], None]


def check(dataset: Dataset, split: Split | None = None, progress: Progress | None = None) -> list[Finding]:
    """Problems of the data (those of the discovery are in `dataset.findings`).

    An error names the file that cannot be used, and none where the whole data set cannot; a warning may make the result
    wrong. Without a split, the prescribed parts are looked at, and where there are none every pair of near-duplicates;
    `check_split` then tells what a split that is drawn divides.

    Args:
        progress: called with (done, total) pictures.
    """
    seen = list(_examined(dataset, progress))
    findings = [f for one in seen for f in one.findings]
    usable = [s for s in seen if s.size is not None]
    findings += _masks(dataset, usable)
    findings += _marks(usable)
    sides = [sides_of(dataset, split)]
    findings += patients_apart(dataset, sides)
    findings += copies(dataset, sides, resemblance(dataset, seen))
    findings += _mixture(usable)
    return [*findings, *_left_out(dataset, findings), *_count(dataset, seen)]


def unusable(dataset: Dataset, findings: Sequence[Finding]) -> frozenset[str]:
    """Ids of the labelled cases that cannot be used, because an error names one of their files."""
    broken = {f.file for f in findings if f.severity == "error" and f.file}
    return frozenset(c.id for c in dataset.labelled if broken & {str(p) for p in (c.image, *c.labels, c.field_of_view) if p})


def _examined(dataset: Dataset, progress: Progress | None) -> Iterator[Examined]:
    with ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, 4)) as pool:
        for done, one in enumerate(pool.map(lambda c: examine(c, dataset.code), dataset.cases), 1):
            if progress is not None:
                progress(done, len(dataset.cases))
            yield one


def _masks(dataset: Dataset, seen: Sequence[Examined]) -> list[Finding]:
    """Masks that are empty or inverted, and classes that no mask has."""
    labelled = [s for s in seen if s.share is not None]
    shares = np.array([s.share for s in labelled], float)
    if not labelled:
        return []
    if not shares.any():
        message = f"all {len(labelled)} masks are empty: there is nothing to learn."
        remedy = "Export the labels again, or name their values or colours in classes.json."
        return [Finding("error", "all-masks-empty", message, remedy=remedy)]
    findings = []
    median = float(np.median(shares))
    by_volume: dict[str, list[Examined]] = {}
    for one in labelled:
        by_volume.setdefault(one.case.volume, []).append(one)
    for one in labelled:
        share, file = one.share or 0.0, str(one.case.labels[0])
        whole = by_volume[one.case.volume] if one.case.slice is not None else [one]
        if one is not whole[0]:
            continue
        if not any(s.share for s in whole) and any(s.marked for s in whole):
            message = "the mask is empty."
            remedy = "Right if nothing is to be seen in the picture; else label it."
            findings.append(Finding("warning", "empty-mask", message, file, remedy))
        elif one.case.slice is None and share > 0.5 and median < 0.2 and one.border > 0.8 and 1 - share < max(0.3, 3 * median):
            message = f"the mask may be inverted: {share:.0%} is foreground, in half of the others less than {median:.0%}."
            findings.append(Finding("warning", "mask-maybe-inverted", message, file, "Look at it; swap black and white."))
    found = frozenset[int]().union(*(s.numbers for s in labelled))
    all_read = len(labelled) == len(dataset.labelled)
    for name in (name for number, name in enumerate(dataset.classes, 1) if all_read and number not in found):
        message = f"no label holds the class '{name}': it cannot be learned."
        remedy = "Label some of it, or take it out of the table of classes (classes.json)."
        findings.append(Finding("warning", "class-nowhere", message, remedy=remedy))
    if len(labelled) > 1 and shares.min() > 0.6 and min(s.border for s in labelled) > 0.9:
        message = f"the masks may all be inverted: {median:.0%} is foreground, up to every border."
        remedy = "Look at some; swap black and white if objects are black."
        findings.append(Finding("warning", "all-masks-maybe-inverted", message, remedy=remedy))
    return findings


def _marks(seen: Sequence[Examined]) -> list[Finding]:
    """Labels that say something of some pixels only."""
    labelled = [s for s in seen if s.share is not None]
    partly = [s for s in labelled if s.marked < 1]
    if not partly:
        return []
    if not any(s.ground for s in labelled):
        message = "no label marks any background: nothing would tell what is not an object."
        remedy = "Mark some background in each picture, with the value that classes.json gives it, or 0."
        return [Finding("error", "no-background-marked", message, remedy=remedy)]
    median = float(np.median([s.marked for s in partly]))
    message = (
        f"{len(partly)} of {len(labelled)} labels are marked in part: in half of them less than {median:.1%} of the pixels."
    )
    findings = [Finding("note", "partly-marked", message, remedy="Figures are of marked pixels alone; test on full labels.")]
    for one in (s for s in partly if not s.marked and s.case.slice is None):
        remedy = "Mark something in it, or remove the label."
        findings.append(Finding("warning", "nothing-marked", "nothing is marked in it.", str(one.case.labels[0]), remedy))
    return findings


def _mixture(seen: Sequence[Examined]) -> list[Finding]:
    findings = []
    channels = Counter(s.channels for s in seen)
    if len(channels) > 1:
        counts = ", ".join(f"{n} with {c}" for c, n in sorted(channels.items()))
        findings.append(Finding("note", "mixed-channels", f"grey and coloured pictures are mixed: {counts} channels."))
    dtypes = Counter(s.dtype for s in seen)
    if len(dtypes) > 1:
        counts = ", ".join(f"{n} {d}" for d, n in sorted(dtypes.items()))
        findings.append(Finding("note", "mixed-depths", f"files of different number types are mixed: {counts}."))
    longest = np.array([max(s.size) for s in seen if s.size is not None])
    if len(longest) and longest.max() >= 2 * longest.min():
        message = f"sizes differ much: the longer side is {longest.min()} to {longest.max()} pixels."
        findings.append(Finding("note", "mixed-sizes", message))
    return findings


def _left_out(dataset: Dataset, findings: Sequence[Finding]) -> list[Finding]:
    number = len(unusable(dataset, findings))
    if not number:
        return []
    message = f"{number} of {counted(dataset.labelled, 'labelled')} {'is' if number == 1 else 'are'} left out: see the errors."
    return [Finding("warning", "left-out", message)]


def _count(dataset: Dataset, seen: Sequence[Examined]) -> list[Finding]:
    usable = sum(s.share is not None for s in seen)
    if not dataset.labelled:
        message = "no picture is labelled: there is nothing to train on or to measure with."
        return [Finding("warning", "no-labels", message, remedy="Label at least two pictures.")]
    if usable < 2:
        message = f"there {'is one usable labelled picture' if usable else 'are no usable labelled pictures'}."
        return [Finding("warning", "too-few-labels", message, remedy="Two are the least; ten make figures worth trusting.")]
    if usable < 10:
        message = f"there are only {usable} usable labelled pictures: figures on so few vary much."
        return [Finding("note", "few-labels", message, remedy="Label more before you trust a difference.")]
    return []
