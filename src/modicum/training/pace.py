"""How far a training has come and how fast it goes: by a number of steps, or by the clock.

A budget is a promise. The first steps are timed, the schedule is laid out to end in time, and after every epoch it is laid
out anew for the time that is left, so that a machine that slows down still ends on time with a rate that has come to rest.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from modicum.errors import ModicumError

TIMED_STEPS = 5  # after two that warm up caches
EPOCHS_BY_THE_CLOCK = 10, 40  # at least so many where there are pictures for it, at most so many
LEAST_EPOCH = 20  # steps, where that is no more than a round
LEAST_STEPS = 50  # what a budget must have room for, where seeing every picture once takes more


def now() -> float:
    """Seconds of the clock that budgets go by."""
    return time.monotonic()


class BudgetTooShort(ModicumError):
    """A budget has room for next to no steps."""

    def __init__(self, problem: str, needed: float) -> None:
        super().__init__(problem, remedy=f"Give at least --budget {max(1, round(needed + 0.5))}s, or choose a smaller network.")
        self.needed = needed  # seconds

    def scaled(self, factor: float) -> BudgetTooShort:
        """What is needed where this budget is one part of `factor` of the whole."""
        return BudgetTooShort(self.problem, self.needed * factor)


@dataclass
class Pace:
    """Progress 0..1 of a training.

    Exactly one of `steps` and `seconds` rules; the other is None. `elapsed` counts training time only, over all the
    sittings of a run that was interrupted.
    """

    steps: int | None
    seconds: float | None
    round_steps: int  # steps in which every picture is seen
    step: int = 0
    progress: float = 0.0
    elapsed: float = 0.0
    increment: float = 0.0
    _since: float = 0.0
    _mark: tuple[int, float] = (0, 0.0)

    def begin(self) -> None:
        """Start or restart the clock."""
        self._since = now() - self.elapsed
        self._mark = (self.step, self.elapsed)
        if self.steps is not None:
            self.increment = 1 / self.steps

    def advance(self) -> None:
        """One step has been made.

        Raises:
            ModicumError: by the clock, once, when the first steps have been timed: the budget is too short.
        """
        self.step += 1
        self.elapsed = now() - self._since
        if self.steps is not None:
            self.progress = self.step / self.steps
            return
        self.progress = min(1.0, self.progress + self.increment)
        since_mark = self.step - self._mark[0]
        if self.increment == 0.0:
            if since_mark == 2:
                self._mark = (self.step, self.elapsed)
            if self.step >= 2 + TIMED_STEPS:
                self.lay_out()
                self._check_budget()
            elif self.done:
                self._check_budget()

    def lay_out(self) -> None:
        """By the clock: spread what is left of the progress over the steps that still fit (time since the last call)."""
        self.elapsed = now() - self._since
        if self.seconds is None or self.step == self._mark[0]:
            return
        self.increment = (1 - self.progress) / max(1.0, (self.seconds - self.elapsed) / self.step_seconds)
        self._mark = (self.step, self.elapsed)

    @property
    def step_seconds(self) -> float:
        """Seconds of a step, everything included, since the schedule was last laid out."""
        return (self.elapsed - self._mark[1]) / max(1, self.step - self._mark[0])

    @property
    def steps_left(self) -> int:
        """Steps that are still to come, as far as is known."""
        if self.steps is not None:
            return self.steps - self.step
        if self.seconds is not None and self.elapsed >= self.seconds:
            return 0
        return round((1 - self.progress) / self.increment) if self.increment else 1

    @property
    def epoch_steps(self) -> int:
        """Steps of an epoch: one round through the pictures; by the clock a tenth to a fortieth of a training of many steps.

        So looking at validation pictures stays a small expense, and of very many pictures an epoch shows only some.
        """
        if self.steps is not None:
            return self.round_steps
        if self.increment == 0.0:
            return self.step + 1  # not laid out yet
        fewest, most = EPOCHS_BY_THE_CLOCK
        whole = self.step + self.steps_left
        return max(1, whole // most, min(self.round_steps, max(whole // fewest, LEAST_EPOCH)))

    @property
    def done(self) -> bool:
        if self.steps is not None:
            return self.step >= self.steps
        assert self.seconds is not None
        return self.progress >= 1 - 1e-9 or self.elapsed >= self.seconds

    def _check_budget(self) -> None:
        """Refuse a budget in which next to no steps fit, after the first few; later it is too late to refuse.

        Raises:
            ModicumError: with the least budget that would do.
        """
        assert self.seconds is not None, "only a budget is checked"
        possible, least = self.step + self.steps_left, min(self.round_steps, LEAST_STEPS)
        if possible < least:
            left = self.steps_left
            step_seconds = (self.seconds - self.elapsed) / left if left else self.elapsed / self.step
            needed = (self.elapsed + step_seconds * (least - self.step)) * 1.2
            raise BudgetTooShort(
                f"the budget of {self.seconds:.3g} s is too short: about {possible} steps fit, {least} are the least.",
                needed,
            )
