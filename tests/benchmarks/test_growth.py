"""The growth benchmark: a figure that tells flat from not flat, and jobs that are timed from within."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import log2
from pathlib import Path

import pytest

from benchmarks.growth import SMALL_ROWS, over_columns
from benchmarks.growth_data import Block
from benchmarks.growth_plots import write_plot
from benchmarks.growth_process import JobFailedError, Spent, run_job
from benchmarks.growth_sweep import Point, Sweep
from benchmarks.growth_works import Work

SIZES = [50_000 << power for power in range(6)]


def sweep(seconds: Callable[[int], float], peak_mb: Callable[[int], float] = lambda _: 40.0) -> Sweep:
    """A sweep whose jobs take what a formula says, in three runs of which one is disturbed."""

    def runs(rows: int) -> list[Spent]:
        taken = seconds(rows)
        return [Spent(factor * taken, taken, peak_mb(rows), 0.0) for factor in (1.0, 1.6, 1.01)]

    points = [Point(size, size - SMALL_ROWS, runs(size), [runs(SMALL_ROWS)]) for size in SIZES]
    return Sweep("work", "rows", "row", points)


def test_what_a_job_costs_whatever_it_is_given_is_no_growth() -> None:
    found = sweep(lambda rows: 0.4 + rows * 2e-6)
    assert found.flat_percent() == pytest.approx(0, abs=1e-9)
    assert found.result().met
    assert found.result().notes["us_per_row"] == pytest.approx(2)


@pytest.mark.parametrize(
    "seconds",
    [
        lambda rows: rows * log2(rows) * 1e-7,
        lambda rows: rows**1.1 * 1e-6,
        lambda rows: rows * 2e-6 + rows**2 * 1e-12,
        lambda rows: rows * (1e-6 if rows < 400_000 else 1.2e-6),
        lambda rows: 0.2 * min(rows, 150_000) / 150_000 + rows * 2e-6,
    ],
    ids=["n log n", "a power", "a square beside", "a step", "a part that ends"],
)
def test_time_that_is_not_in_proportion_is_seen(seconds: Callable[[int], float]) -> None:
    found = sweep(seconds)
    assert found.flat_percent() > 15
    assert found.result().met is False


def by_columns(seconds: Callable[[int, int], float]) -> Sweep:
    """A sweep over columns whose jobs take what a formula of rows and columns says."""

    def run(block: Block, times: int) -> Spent:
        rows, columns = block.features.shape
        return Spent(seconds(rows * times, columns), 0.0, 40.0, 0.0)

    return over_columns(Work("work", run), 2**19, 1)


def test_what_a_job_a_column_or_a_row_costs_by_itself_is_not_a_values_cost() -> None:
    found = by_columns(lambda rows, columns: 0.4 + columns * 1e-3 + rows * (2e-5 + columns * 1e-6))
    assert [point.size for point in found.points] == [64, 256, 1024, 4096]
    assert [point.per_unit_us() for point in found.points] == pytest.approx([1] * 4)
    assert found.result().met


@pytest.mark.parametrize(
    "seconds",
    [
        lambda rows, columns: rows * columns * log2(columns) * 1e-7,
        lambda rows, columns: rows * (columns * 1e-6 + columns**2 * 1e-10),
        lambda rows, columns: rows * columns * (1e-6 if columns < 4096 else 1.2e-6),
    ],
    ids=["c log c", "a square beside", "a step"],
)
def test_rows_that_cost_more_than_in_proportion_to_their_columns_are_seen(
    seconds: Callable[[int, int], float],
) -> None:
    found = by_columns(seconds)
    assert found.flat_percent() > 15
    assert found.result().met is False


def test_memory_that_grows_with_the_rows_is_seen() -> None:
    found = sweep(lambda rows: rows * 2e-6, lambda rows: 40 + rows * 8e-6).result()
    assert found.notes["grew_mb"] == pytest.approx(12.4)
    assert found.met is False


def test_a_job_is_timed_from_within_and_its_failure_is_told(tmp_path: Path) -> None:
    raw = tmp_path / "processing" / "input" / "raw"
    raw.mkdir(parents=True)
    (raw / "table.csv").write_text("label,x\n" + "a,1\nb,2\n" * 20)
    options = ("--format", "csv", "--label-column", "label", "--classes", "a,b", "--split", "70")
    spent = run_job(tmp_path, "processing.data_conversion", *options)
    assert 0 < spent.seconds < 60
    assert spent.cpu_seconds >= 0
    assert spent.peak_mb > 1
    written = json.loads((tmp_path / "processing" / "output" / "dataset" / "dataset.json").read_text())
    assert written["rows"] == {"train": 28, "test": 12}
    with pytest.raises(JobFailedError, match=r"ended with 2: .*no column 'y'"):
        run_job(tmp_path, "processing.data_conversion", *options[:2], "--label-column", "y", *options[4:])


def test_both_sweeps_are_drawn(tmp_path: Path) -> None:
    curve = sweep(lambda rows: rows * 2e-6).curve()
    write_plot(tmp_path / "growth-rows.svg", "row", [curve, curve])
    drawn = (tmp_path / "growth-rows.svg").read_text()
    assert drawn.count("work: 2 µs") == 2
    assert "1.6 M" in drawn
    write_plot(tmp_path / "none.svg", "row", [])
    assert not (tmp_path / "none.svg").exists()
