"""What came out of a training and of those before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import mean

from modicum.bundle import Bundle
from modicum.errors import Finding
from modicum.runs.pretraining import Pretrained
from modicum.runs.unlabelled import Unlabelled
from modicum.training.device import Compute
from modicum.training.loop import EpochRecord


@dataclass(frozen=True)
class Tried:
    """What trials of several recipes found, or what was chosen because there was no room for them."""

    chosen: str
    dice: Mapping[str, Mapping[str, float]]  # of each recipe that was tried, of each held-out picture
    seconds: float  # spent, reading and testing included
    bet: str = ""  # why it was chosen without trials

    @property
    def reason(self) -> str:
        """In words."""
        if self.bet:
            return f"Chosen untried, for want of time or patients for trials: {self.chosen}, because {self.bet}."
        pictures = set.intersection(*(set(one) for one in self.dice.values()))
        if not pictures:
            return f"Trials told nothing, because one of them failed: {self.chosen} stays."
        told = ", ".join(f"{name} {mean(one[p] for p in pictures):.3f}" for name, one in self.dice.items())
        return (
            f"Chosen by trials: {self.chosen}. Mean Dice of {len(pictures)} training pictures, held out while the others "
            f"taught: {told}. The trials took {self.seconds:.0f} s of the budget."
        )


@dataclass(frozen=True)
class Trained:
    """What came out of one training, and of that of its localiser."""

    bundle: Bundle
    history: list[EpochRecord]
    findings: list[Finding]
    compute: Compute
    parameters: int
    seconds: float
    first: Trained | None = None  # the localiser's training
    start: Pretrained | None = None  # what was learned without labels first
    before: tuple[Trained, ...] = ()  # where unlabelled pictures teach: labelled ones alone, and all rounds but the last
    beside: Unlabelled | None = None  # these unlabelled pictures
    trials: Tried | None = None  # by which its recipe was chosen

    @property
    def both(self) -> list[Trained]:
        """The localiser's training, if there was one, and this one: the networks of the model."""
        return [*(self.first.both if self.first else []), self]

    @property
    def whole_seconds(self) -> float:
        """Of everything that was trained."""
        others = [*self.before, *([self.first] if self.first else [])]
        own = self.seconds + (self.start.seconds if self.start else 0.0) + (self.trials.seconds if self.trials else 0.0)
        return own + sum(t.whole_seconds for t in others)

    @property
    def whole_steps(self) -> int:
        """Of everything that was trained."""
        others = [*self.before, *([self.first] if self.first else [])]
        start = self.start.history[-1].step if self.start else 0
        own = self.history[-1].step if self.history else 0  # a classical method makes none
        return own + start + sum(t.whole_steps for t in others)

    @property
    def all_findings(self) -> list[Finding]:
        """Of everything; those of what was trained before say so."""
        found = [replace(f, message=f"localiser: {f.message}") for f in (self.first.all_findings if self.first else [])]
        found += self.start.findings if self.start else []
        for earlier in self.before:
            found += [replace(f, message=f"before: {f.message}") for f in earlier.all_findings]
        return [*found, *(self.beside.findings if self.beside else []), *self.findings]
