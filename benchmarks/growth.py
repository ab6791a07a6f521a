"""Time and memory against rows and columns: `python -m benchmarks.growth [--plots FOLDER]`.

Every point is a job in a process of its own, as the container starts it: training through files and FIFOs,
conversion, evaluation. Rows double from 50,000 to 1.6 million, columns from 64 to 4,096. Sizes take turns,
run after run, and a point is the median of its runs.

A job's time is fitted by a line, fixed part + slope × size, with all points weighing alike by their
relative error. The slope is the time per row (for columns: per value). `flat_percent` is how far the
farthest point's own (seconds - fixed part) / size is from the slope; the target is 15. The fixed part holds
the start of the process, imports, and all that does not depend on the size; `start_s` is what 1,000 rows
took.

Memory (`peak_mb`) is the most anonymous memory at the largest size, `grew_mb` what that is above the
smallest size's. Pages of mapped files (the channel, scratch files) are the page cache's, and are not
counted.

What does grow: training's labels, 4 bytes a row, and while a window of up to 256 MiB is shuffled 8 more of
its rows; sparse windows, which are in memory; knn's sample; conversion's split; evaluation's labels, scores
and the sorting of both for an exact ROC curve.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.command import main
from benchmarks.growth_data import make_block
from benchmarks.growth_plots import Curve, write_plot
from benchmarks.growth_process import Spent
from benchmarks.growth_works import Work, works
from benchmarks.results import Result

UNIT = 50_000
FLAT_PERCENT = 15
SMALL_ROWS = 1000
QUICK_ROWS, ROWS = 200_000, 1_600_000
QUICK_COLUMNS, COLUMNS = 512, 4096
FEWEST_COLUMNS = 64


@dataclass
class Sweep:
    """One work over the sizes. scale: values a size's unit stands for; spent: size → its runs."""

    work: Work
    what: str
    scale: int
    spent: dict[int, list[Spent]] = field(default_factory=dict)

    @property
    def sizes(self) -> list[int]:
        """What was measured, rising."""
        return sorted(self.spent)

    def seconds(self, size: int) -> float:
        """Median of a size's runs."""
        return statistics.median(spent.seconds for spent in self.spent[size])

    def peak_mb(self, size: int) -> float:
        """Return the most anonymous memory of any run."""
        return max(spent.peak_mb for spent in self.spent[size])

    def line(self) -> tuple[float, float]:
        """Fit fixed seconds, and seconds per unit of size, by least squares of the relative errors."""
        sizes = np.array(self.sizes, float)
        seconds = np.array([self.seconds(size) for size in self.sizes])
        rows = np.stack([1 / seconds, sizes / seconds], axis=1)
        fixed, slope = np.linalg.lstsq(rows, np.ones(len(sizes)), rcond=None)[0]
        return float(fixed), float(slope)

    def per_unit_us(self, size: int) -> float:
        """Microseconds per row, or per value, at a size, without the fixed part."""
        return (self.seconds(size) - self.line()[0]) / (size * self.scale) * 1e6

    def flat_percent(self) -> float:
        """How far the farthest size is from the slope."""
        slope = self.line()[1] / self.scale * 1e6
        return max(abs(self.per_unit_us(size) / slope - 1) for size in self.sizes) * 100

    def curve(self) -> Curve:
        """Return what is drawn."""
        sizes = self.sizes
        return Curve(
            self.work.name,
            self.line()[1] / self.scale * 1e6,
            sizes,
            [self.per_unit_us(size) for size in sizes],
            [self.peak_mb(size) for size in sizes],
        )

    def result(self, unit: str, start_s: float) -> Result:
        """Put the sweep into the benchmarks' common form; its time is the largest size's."""
        first, last = self.sizes[0], self.sizes[-1]
        fixed, slope = self.line()
        return Result(
            f"{self.work.name}: {self.what} {first:,} to {last:,}",
            self.seconds(last),
            target=f"time per {unit} flat within {FLAT_PERCENT} %",
            met=self.flat_percent() <= FLAT_PERCENT,
            notes={
                f"us_per_{unit}": slope / self.scale * 1e6,
                "flat_percent": self.flat_percent(),
                "fixed_s": fixed,
                "start_s": start_s,
                "peak_mb": self.peak_mb(last),
                "grew_mb": self.peak_mb(last) - self.peak_mb(first),
            },
        )


def over_rows(work: Work, columns: int, most: int, runs: int) -> tuple[Sweep, float]:
    """Measure rows from 50,000 by doubling, and what 1,000 rows take in seconds."""
    block, small = make_block(UNIT, columns), make_block(SMALL_ROWS, columns)
    start_s = statistics.median(work.run(small, 1).seconds for _ in range(runs))
    sweep = Sweep(work, f"{columns} columns, rows", 1)
    for _ in range(runs):
        for size in _doubled(UNIT, most):
            sweep.spent.setdefault(size, []).append(work.run(block, size // UNIT))
    return sweep, start_s


def over_columns(work: Work, rows: int, most: int, runs: int) -> tuple[Sweep, float]:
    """Measure columns from 64 by doubling, and what 1,000 rows of 64 columns take in seconds."""
    start_s = statistics.median(
        work.run(make_block(SMALL_ROWS, FEWEST_COLUMNS), 1).seconds for _ in range(runs)
    )
    sweep = Sweep(work, f"{rows:,} rows, columns", rows)
    for columns in _doubled(FEWEST_COLUMNS, most):
        # Encoding takes as long as a job: one size's runs follow each other.
        block = make_block(min(rows, SMALL_ROWS), columns)
        sweep.spent[columns] = [work.run(block, max(1, rows // SMALL_ROWS)) for _ in range(runs)]
    return sweep, start_s


def measure(options: argparse.Namespace) -> Iterator[Result]:
    """Measure all works over rows, then those that have a sweep over columns; draw both at the end."""
    by_rows: list[Sweep] = []
    by_columns: list[Sweep] = []
    for work, columns, _ in works():
        if options.only in f"{work.name}: rows":
            sweep, start_s = over_rows(work, columns, QUICK_ROWS if options.quick else ROWS, options.runs)
            by_rows.append(sweep)
            yield sweep.result("row", start_s)
    for work, _, rows in works():
        if rows and options.only in f"{work.name}: columns":
            sweep, start_s = over_columns(
                work, rows, QUICK_COLUMNS if options.quick else COLUMNS, options.runs
            )
            by_columns.append(sweep)
            yield sweep.result("value", start_s)
    if options.plots:
        write_plot(options.plots / "growth-rows.svg", "row", [sweep.curve() for sweep in by_rows])
        write_plot(options.plots / "growth-columns.svg", "value", [sweep.curve() for sweep in by_columns])


def _doubled(first: int, last: int) -> Sequence[int]:
    return [first << power for power in range((last // first).bit_length())]


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="draw growth-rows.svg and -columns.svg")


if __name__ == "__main__":
    main("growth", __doc__, measure, more=_options)
