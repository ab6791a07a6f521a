"""`python -m benchmarks`, and what every `python -m benchmarks.NAME` does with its options."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import __main__ as every
from benchmarks.command import main
from benchmarks.results import Result


def measure(options: argparse.Namespace) -> Iterator[Result]:
    for name in ("dense", "sparse"):
        if options.only in name:
            yield Result(name, 0.5 if options.quick else 2.0)


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str, **more: bool) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
    main("growth", "How much.", measure, **more)


def test_json_is_one_object_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call(monkeypatch, "--json")
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["work"], each["median_s"]) for each in found] == [("dense", 2.0), ("sparse", 2.0)]


def test_the_table_names_the_machine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call(monkeypatch, "--quick", "--only", "spa")
    machine, header, *lines = capsys.readouterr().out.splitlines()
    assert "cores" in machine
    assert header.startswith("work")
    assert [line.split()[:2] for line in lines] == [["sparse", "500"]]


def test_data_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"mnist is not there: give the path of mnist\.pkl\.gz with --data"):
        call(monkeypatch, "--data", str(tmp_path / "mnist"), mnist=True)


@pytest.mark.parametrize("arguments", [["trainning"], ["--write", "--quick"]])
def test_what_cannot_be_run_is_refused(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(name: str, _: list[str]) -> list[Result]:
        raise AssertionError(f"{name} should not run")  # for minutes

    monkeypatch.setattr(every, "run", run)
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
    with pytest.raises(SystemExit) as ended:
        every.main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "no benchmark is called trainning; there are recordio, training" in said or "--quick" in said


def test_the_table_of_one_benchmark_replaces_its_own_in_the_document(tmp_path: Path) -> None:
    document = tmp_path / "benchmarks.md"
    document.write_text(
        "# A\n<!-- knn: begin -->\nold\n<!-- knn: end -->\n"
        "B\n<!-- synth: begin -->\nkept\n<!-- synth: end -->\n"
    )
    every.write("knn", [Result("10,000 queries", 4.0)], document)
    every.write("knn", [Result("10,000 queries", 3.9)], document)
    found = document.read_text()
    assert "old" not in found
    assert "4.00 s" not in found
    assert found.count("| **10,000 queries** | 3.90 s |") == 1
    assert found.endswith("B\n<!-- synth: begin -->\nkept\n<!-- synth: end -->\n")


def test_a_document_without_its_place_is_an_error() -> None:
    with pytest.raises(ValueError, match="knn: begin"):
        every.with_table("# A\n", "knn", "table")


def test_every_benchmark_has_its_place_in_the_document() -> None:
    document = every.DOCUMENT.read_text()
    for name in every.NAMES:
        assert f"table of {name}" in every.with_table(document, name, f"table of {name}")
