"""Cross-validation: `run --folds K` runs the pipeline once a fold, and says how its figures vary.

A fold is an ordinary execution of the one definition, whose parameters say that it tests the fold and that
nothing is registered. So folds are cached, resumed and reported like any other, here and on AWS.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from cli.errors import UsageError

if TYPE_CHECKING:
    from cli.results import Source

SPREAD = 0.1
"""Folds vary widely where the best one's figure exceeds the worst one's by more than this."""

FIGURES = ("accuracy", "precision", "recall", "f1", "macro_f1")
MAXIMUM = 100

_OWN = ("Split", "Registration", "MinF1", "ApprovalStatus")
"""Parameters in which a fold differs from the run that it belongs to."""

_FOLD = re.compile(r"fold=(\d+)/(\d+),random")


def fold_parameters(folds: int) -> list[dict[str, str]]:
    """Return the parameters of each fold; the rows are dealt out at random, with the seed 0."""
    if not 2 <= folds <= MAXIMUM:
        raise UsageError(f"--folds {folds}: give a number of folds from 2 to {MAXIMUM}")
    return [
        {"Split": f"fold={fold}/{folds},random", "Registration": "None", "MinF1": "0"}
        for fold in range(1, folds + 1)
    ]


def run_all(
    options: argparse.Namespace,
    start: Callable[[Mapping[str, str]], str],
    describe: Callable[[str], Mapping[str, Any]],
) -> str:
    """Run the folds that the command line asks for and then the task itself; return the last execution.

    A fold that does not succeed is the last.
    """
    for parameters in fold_parameters(options.folds) if options.folds is not None else ():
        execution = start(parameters)
        if describe(execution)["status"] != "Succeeded":
            return execution
    return start({})


def cross_validation(state: Source, execution: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the figures of the folds that belong to a described execution, or None where it has none.

    Its folds are those of the same pipeline with the same data and parameters; of executions of the same
    fold the newest that succeeded counts.

    Returns:
        {"folds": K, "candidates": {name: {figure: {"mean", "deviation", "folds": […]}}}, "warnings": […]};
        the deviation is that of a sample.

    """
    from cli.results import read_output

    shared = _shared(execution["parameters"])
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for row in state.executions(execution["pipeline"]):
        match = _FOLD.fullmatch(str(row["parameters"].get("Split")))
        if match and row["status"] == "Succeeded" and _shared(row["parameters"]) == shared:
            place = (int(match[2]), int(match[1]))
            if place not in found:
                found[place] = row
    whole = [k for k in {k for k, _ in found} if all((k, fold) in found for fold in range(1, k + 1))]
    if not whole or _FOLD.fullmatch(str(execution["parameters"].get("Split"))):
        return None
    folds = max(whole, key=lambda k: max(str(found[k, fold]["started"]) for fold in range(1, k + 1)))
    rows = [state.describe(found[folds, fold]["execution"]) for fold in range(1, folds + 1)]
    evaluations = [read_output(state, row, "evaluation") or {} for row in rows]
    return summary([evaluation.get("candidates", {}) for evaluation in evaluations])


def summary(folds: list[Mapping[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """Return mean, deviation and each fold's figures of every candidate, and warnings of wide variation."""
    candidates: dict[str, dict[str, Any]] = {}
    warnings = []
    for name in folds[0]:
        candidates[name] = {
            figure: _spread(float(fold[name][figure]) for fold in folds) for figure in FIGURES
        }
        values = candidates[name]["macro_f1"]["folds"]
        if max(values) - min(values) > SPREAD:
            warnings.append(
                f"{name}: macro F1 varies widely between the folds, from {min(values):.4f} to "
                f"{max(values):.4f}; one split's figure says little, so give more rows"
            )
    return {"folds": len(folds), "candidates": candidates, "warnings": warnings}


def _spread(values: Iterable[float]) -> dict[str, Any]:
    import statistics  # imported here: every run asks for folds, few have any

    listed = list(values)
    return {"mean": statistics.fmean(listed), "deviation": statistics.stdev(listed), "folds": listed}


def _shared(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name not in _OWN}


def show(result: Mapping[str, Any]) -> None:
    """Print the folds' macro F1, candidate by candidate."""
    from cli.display import show_table

    print(f"Cross-validation with {result['folds']} folds, macro F1:")
    show_table(
        ("candidate", "mean", "deviation", *(f"fold {n}" for n in range(1, result["folds"] + 1))),
        [
            (
                name,
                f"{figures['macro_f1']['mean']:.4f}",
                f"{figures['macro_f1']['deviation']:.4f}",
                *(f"{value:.4f}" for value in figures["macro_f1"]["folds"]),
            )
            for name, figures in result["candidates"].items()
        ],
        right=range(1, result["folds"] + 3),
    )
    for warning in result["warnings"]:
        print(f"warning: {warning}")
    print()
