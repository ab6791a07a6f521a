"""Time and memory against rows and columns: `python -m benchmarks.growth [--only rows] [--plots FOLDER]`.

Every point is a job in a process of its own, as the container starts it: training through files and FIFOs,
conversion, evaluation. Its seconds are taken inside that process and begin behind its imports
(`benchmarks.growth_job`); its processor time stands beside them. One BLAS thread: threads that wait for each
other add noise, and the question is how time grows.

Rows double from 50,000 to 1.6 million. Time per row at a size is (its seconds - those of 1,000 rows) / (its
rows - 1,000): what a job costs whatever it is given is measured, not fitted. Columns go from 64 to 4,096 by
fours, and the rows become as many fewer: every size has the same number of values, so that the narrowest has
rows enough and the widest fits on a disk. What a job costs however many rows it is given (a schema and a
model of so many columns) is that of an eighth of the rows. A row has a cost of its own (its label, its
losses), however wide it is, which is that of jobs with 16 columns (a matrix product of fewer costs more than
its values do). So with T(rows, columns) the seconds of a job, and e an eighth of the rows n, time per value
at c columns is (T(n, c) - T(e, c) - T(n, 16) + T(e, 16)) / ((n - e) · (c - 16)).

Sizes take turns, run after run; each point is of its fastest run: what else the machine does adds.
`flat_percent` is how much more the dearest size takes for a row (a value) than the cheapest one; to reach:
15. n·log n would have 32 from 50,000 to 1.6 million. `cpu_flat_percent` is the same of processor time: where
it is much smaller, the machine was busy. `base_s` is what was taken off at the largest size.

Memory (`peak_mb`) is the most anonymous memory at the largest size, `grew_mb` what that is above the
smallest size's; to reach over the rows: 10. Pages of mapped files (the channel, scratch files) are the page
cache's, and are not counted.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.command import main
from benchmarks.growth_data import make_block
from benchmarks.growth_plots import write_plot
from benchmarks.growth_process import Spent
from benchmarks.growth_sweep import Point, Sweep
from benchmarks.growth_works import Work, works
from benchmarks.results import Result

UNIT = 50_000
SMALL_ROWS = 1000
QUICK_ROWS, ROWS = 200_000, 1_600_000
COLUMNS, NARROW = (64, 256, 1024, 4096), 16
FEW_SHARE = 8
"""An eighth of the rows shows what does not depend on them."""
QUICK_SHARE = 16
"""Quick sweeps over columns have so many times fewer values."""
BLOCK_VALUES = 2**20
"""Values that are encoded; they are written as often as the size has them."""


def over_rows(work: Work, columns: int, most: int, runs: int) -> Sweep:
    """Measure rows from 50,000 by doubling."""
    block, small = make_block(UNIT, columns), make_block(SMALL_ROWS, columns)
    base: list[Spent] = []
    points = [Point(size, size - SMALL_ROWS, off=[base]) for size in _doubled(UNIT, most)]
    for _ in range(runs):
        base.append(work.run(small, 1))
        for point in points:
            point.work.append(work.run(block, point.size // UNIT))
    return Sweep(work.name, f"{columns} columns, rows {UNIT:,} to {points[-1].size:,}", "row", points)


def over_columns(work: Work, values: int, runs: int) -> Sweep:
    """Measure columns from 64 by fours, with the same number of values at each."""
    points, jobs = [], []
    for columns in COLUMNS:
        rows, few = values // columns, values // columns // FEW_SHARE
        off: list[list[Spent]] = [[], []]
        point = Point(columns, (rows - few) * (columns - NARROW), off=off, back=[[]])
        points.append(point)
        wide, narrow = (make_block(min(few, BLOCK_VALUES // width), width) for width in (columns, NARROW))
        jobs += [(wide, rows, point.work), (wide, few, off[0]), (narrow, rows, off[1])]
        jobs.append((narrow, few, point.back[0]))
    for _ in range(runs):
        for block, count, spent in jobs:
            spent.append(work.run(block, count // len(block.labels)))
    megabytes = values * 4 / 1e6
    what = f"{megabytes:.0f} MB of values, columns {COLUMNS[0]} to {COLUMNS[-1]:,}"
    return Sweep(work.name, what, "value", points)


def measure(options: argparse.Namespace) -> Iterator[Result]:
    """Measure all works over rows, then those that have a sweep over columns; draw both at the end."""
    by_rows: list[Sweep] = []
    by_columns: list[Sweep] = []
    for work, columns, _ in works():
        if options.only in f"{work.name}: rows":
            by_rows.append(over_rows(work, columns, QUICK_ROWS if options.quick else ROWS, options.runs))
            yield by_rows[-1].result()
    for work, _, values in works():
        if values and options.only in f"{work.name}: columns":
            by_columns.append(
                over_columns(work, values // QUICK_SHARE if options.quick else values, options.runs)
            )
            yield by_columns[-1].result()
    if options.plots:
        write_plot(options.plots / "growth-rows.svg", "row", [sweep.curve() for sweep in by_rows])
        write_plot(options.plots / "growth-columns.svg", "value", [sweep.curve() for sweep in by_columns])


def _doubled(first: int, last: int) -> Sequence[int]:
    return [first << power for power in range((last // first).bit_length())]


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="draw growth-rows.svg and -columns.svg")


if __name__ == "__main__":
    main("growth", __doc__, measure, more=_options)
