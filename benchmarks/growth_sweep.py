"""One work over rising sizes: what a unit of its data takes at each, and how flat that is."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.growth_plots import Curve
from benchmarks.growth_process import Spent
from benchmarks.results import Result

FLAT_PERCENT = 15
GREW_MB = 10


@dataclass
class Point:
    """One size: its jobs, those that are taken off, and those that were taken off twice and are given back.

    units: what is left of the work. All hold a `Spent` for each run.
    """

    size: int
    units: int
    work: list[Spent] = field(default_factory=list)
    off: list[list[Spent]] = field(default_factory=list)
    back: list[list[Spent]] = field(default_factory=list)

    def per_unit_us(self, measure: Callable[[Spent], float] = lambda spent: spent.seconds) -> float:
        """Microseconds a unit: of the least disturbed runs, since what else the machine does only adds."""
        return (self._least([self.work, *self.back], measure) - self.off_s(measure)) / self.units * 1e6

    def off_s(self, measure: Callable[[Spent], float] = lambda spent: spent.seconds) -> float:
        """Seconds that are taken off."""
        return self._least(self.off, measure)

    @staticmethod
    def _least(jobs: Sequence[Sequence[Spent]], measure: Callable[[Spent], float]) -> float:
        return sum(min(map(measure, runs)) for runs in jobs)

    @property
    def peak_mb(self) -> float:
        """The most anonymous memory of any run."""
        return max(spent.peak_mb for spent in self.work)


@dataclass(frozen=True)
class Sweep:
    """A work's points, rising. unit: `row` or `value`; what: the sizes in words."""

    name: str
    what: str
    unit: str
    points: Sequence[Point]

    def flat_percent(self, measure: Callable[[Spent], float] = lambda spent: spent.seconds) -> float:
        """How much more the dearest size's unit takes than the cheapest one's."""
        found = [point.per_unit_us(measure) for point in self.points]
        return (max(found) / min(found) - 1) * 100 if min(found) > 0 else float("inf")

    def curve(self) -> Curve:
        """Return what is drawn."""
        return Curve(
            self.name,
            [point.size for point in self.points],
            [point.per_unit_us() for point in self.points],
            [point.peak_mb for point in self.points],
        )

    def result(self) -> Result:
        """Put the sweep into the benchmarks' common form; its time is the largest size's."""
        first, last = self.points[0], self.points[-1]
        flat, grew_mb = self.flat_percent(), last.peak_mb - first.peak_mb
        target, met = f"time per {self.unit} flat within {FLAT_PERCENT} %", flat <= FLAT_PERCENT
        if self.unit == "row":
            target, met = f"{target}, memory within {GREW_MB} MB", met and grew_mb <= GREW_MB
        return Result(
            f"{self.name}: {self.what}",
            statistics.median(spent.seconds for spent in last.work),
            target=target,
            met=met,
            notes={
                f"us_per_{self.unit}": last.per_unit_us(),
                f"us_at_{first.size}": first.per_unit_us(),
                "flat_percent": flat,
                "cpu_flat_percent": self.flat_percent(lambda spent: spent.cpu_seconds),
                "base_s": last.off_s(),
                "peak_mb": last.peak_mb,
                "grew_mb": grew_mb,
            },
        )
