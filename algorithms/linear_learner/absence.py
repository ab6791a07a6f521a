"""What rows of a parameter block miss while their features do not occur, and how it is made up for.

A sparse mini-batch moves only the rows whose features occur in it: moving all would cost as much as dense
rows do. To the others it would have brought a gradient without data. When they next take part:

- Moments: k missed steps have multiplied each by its decay^k. Done exactly.
- Weights: leftover momentum would have moved them on. Missed step s moves by a_s ρ^(s - t₀) times the step
  that the moments at t₀, the last step taken, lead to; a_s is the schedule's multiplier times Adam's bias
  corrections at s, ρ is momentum (SGD) or beta_1 / √beta_2 (Adam); RMSProp does not move without a gradient.
  The sum over s is done exactly but for Adam's ε, which counts as 0 there, and for rates that
  lr_scheduler_minimum_lr holds up, which count as held up all together. Terms below 1e-9 are left out.
- Penalties: they leave the objective as it is, in which a rare feature is penalised in every mini-batch and
  not only where it occurs.
  - SGD: before a row takes part again, its weights shrink as the missed steps would have let them, by
    exp(-t wd), and then go towards 0 by t l1, never across it (as lazily as Carpenter 2008, "Lazy sparse
    stochastic gradient descent for regularized multinomial logistic regression"; truncated as Langford et
    al. 2009, "Sparse online learning via truncated gradient"). t is the sum of the missed steps' rates over
    1 - momentum, which is how far momentum carries a step in the end. All of it at once would be a step of
    its own, and with t wd above 2 one that overshoots more at each occurrence.
  - Adam and RMSProp: wd·w and l1·sign(w) are added to the next step's gradient, (k + 1) times at once. They
    normalise the sum and not each part, which bounds the step: their way differs from the dense one.

So sparse training equals dense training up to these for wd = l1 = 0, and in what it minimises for all. A
feature that has never occurred has no penalty to pay, and under Adam and RMSProp what is owed since the last
occurrence of one that does not come again is never paid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from algorithms.linear_learner.blocks import Blocks
from algorithms.linear_learner.rates import Penalty

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

_NOTHING = 1e-9
_LONGEST = 65536
_UNDERFLOW = 1e-30


def can_follow(ratio: float) -> bool:
    """Say whether leftover momentum fades soon enough to be summed up: within 65,536 steps."""
    return _reach(ratio) <= _LONGEST


def _reach(ratio: float) -> float:
    """Return the number of steps after which ratio^steps counts as nothing."""
    if ratio <= 0:
        return 0
    return math.ceil(math.log(_NOTHING) / math.log(ratio)) if ratio < 1 else math.inf


Table = TypeVar("Table", bound=npt.NDArray[Any])


def grown(table: Table, at: int, more: int, total: int, value: float = 0) -> Table:
    """Return a copy with `more` rows of `value` before row `at`, and filled up with such to `total` rows."""
    larger: Any = np.full_like(table, value, shape=(total, *table.shape[1:]))
    larger[:at] = table[:at]
    kept = min(len(table) - at, total - at - more)
    larger[at + more : at + more + kept] = table[at : at + kept]
    return cast("Table", larger)


class Absence:
    """The last step in which each of `rows` took part, from step `now` on in which all did.

    decays: of the moments. ratio: ρ above, one that `can_follow` allows.
    """

    def __init__(self, rows: int, now: int, decays: Sequence[float], ratio: float) -> None:
        self._moved = np.full(rows, now, np.int64)
        self._clock = 0.0
        self._paid = np.zeros(rows)  # the clock when a row last paid its penalties
        self._powers = [Powers(decay) for decay in decays]
        self._fading = ratio ** np.arange(_reach(ratio), 0, -1, dtype=np.float64)
        self.restart(now)

    def restart(self, now: int) -> None:
        """All rows have been brought to step `now`, but for penalties that they owe."""
        self._moved[:] = now
        self._begin = now
        self._sums = np.zeros(1024)  # [i]: Σ a_s ρ^(s - begin - i) over the steps s after begin + i

    def all_took_part(self, now: int) -> None:
        """Step `now` moved all rows, none of which had missed one before."""
        self._paid[:] = self._clock
        self.restart(now)

    def none_since(self, now: int) -> bool:
        """Whether no row misses anything at step `now` but for penalties."""
        return self._begin == now

    def grow(self, at: int, more: int, total: int, now: int) -> None:
        """Insert rows that are present at step `now`."""
        self._moved = grown(self._moved, at, more, total, now)
        self._paid = grown(self._paid, at, more, total, self._clock)

    def drift(self, rows: Rows) -> Floats | None:
        """Return Σ a_s ρ^(s - t₀) over the steps that each row missed, (rows, 1); None: all are 0."""
        if not len(self._fading):
            return None
        since = self._moved.take(rows)
        since -= self._begin
        sums = self._sums.take(since)
        return sums.astype(np.float32)[:, None] if sums.any() else None

    def decays(self, rows: Rows, now: int) -> list[Floats]:
        """Return per moment its decay to the power of the steps since a row last moved, (rows, 1)."""
        steps = np.subtract(now, self._moved.take(rows))
        return [powers.of(steps, now - self._begin)[:, None] for powers in self._powers]

    def missed(self, rows: Rows) -> Floats:
        """Return how far the clock has gone since each row last paid its penalties, (rows, 1)."""
        return (self._clock - self._paid.take(rows)).astype(np.float32)[:, None]

    def pay(self, rows: Rows) -> None:
        """Let the rows owe nothing for the steps that they missed."""
        self._paid[rows] = self._clock

    def owed(self, rows: Rows) -> Floats:
        """Return how many steps' penalties are due in the coming step, its own among them, (rows, 1)."""
        missed = self.missed(rows)
        missed += 1
        return missed

    def owed_by_all(self) -> Floats | None:
        """Return the same of all rows; None where each owes its own step's alone."""
        missed = self._clock - self._paid
        return (missed + 1).astype(np.float32)[:, None] if missed.any() else None

    def took_part(self, rows: Rows, now: int, amount: float, duration: float) -> None:
        """Step `now` moved `rows`. amount: a_now. duration: by how much the clock of penalties goes on."""
        self._moved[rows] = now
        self._clock += duration
        self._paid[rows] = self._clock
        here = now - self._begin
        if here >= len(self._sums):
            self._sums = np.concatenate([self._sums, np.zeros(len(self._sums))])
        reach = min(here, len(self._fading))
        if reach:
            self._sums[here - reach : here] += amount * self._fading[len(self._fading) - reach :]


class Shrinkage:
    """What the penalties of missed steps make of weights under SGD with `momentum`, see above."""

    def __init__(self, penalty: Penalty, momentum: float) -> None:
        reach = np.float32(1 / (1 - momentum))
        self._wd, self._l1 = penalty.wd * reach, penalty.l1 * reach

    def apply(self, weights: Floats, rates: Floats, missed: Floats, blocks: Blocks) -> None:
        """Shrink weights (rows, columns) in place.

        rates: (columns,), unscheduled. missed: the sum of the missed steps' paces, (rows, 1). Rows that are
        free of penalties are to have missed none, or to be 0.
        """
        if not missed.any():
            return
        decay, sink = -self._wd * rates, self._l1 * rates
        decays, sinks = decay.any(), sink.any()

        def shrink(block: slice, scratch: Floats) -> None:
            part, times = weights[block], missed[block]
            room = scratch[: part.size].reshape(part.shape)
            if decays:
                np.multiply(times, decay, out=room)
                part *= np.exp(room, out=room)
            if sinks:
                np.multiply(times, sink, out=room)
                np.minimum(np.abs(part), room, out=room)
                part -= np.copysign(room, part, out=room)

        blocks.run(len(weights), shrink)


class Powers:
    """decay^steps from a table that grows with the steps asked for: pow takes ten times as long.

    What is below 1e-30 counts as 0, and the table ends there.
    """

    def __init__(self, decay: float) -> None:
        self._decay = decay
        self._table = np.ones(1, np.float32)
        self._complete = False

    def of(self, steps: npt.NDArray[np.int64], most: int) -> Floats:
        """Return the powers of so many steps each, none more than `most`; `steps` is lost."""
        if most >= len(self._table) and not self._complete:
            powers = self._decay ** np.arange(max(2 * len(self._table), most + 1), dtype=np.float64)
            kept = powers >= _UNDERFLOW
            self._complete = not kept.all()
            self._table = (
                np.append(powers[kept], 0).astype(np.float32) if self._complete else powers.astype(np.float32)
            )
        return self._table.take(steps, mode="clip")
