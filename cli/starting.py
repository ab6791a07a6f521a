"""What a run starts from: its definition, the parameters that the command line sets, and its raw data."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.errors import UsageError
from cli.results import RAW_DATA

if TYPE_CHECKING:
    from local.events import OnEvent
    from local.state import State

Start = Callable[[Mapping[str, str]], str]
"""Runs the pipeline to its end with parameters besides those of the command line; gives the execution."""


def starter(state: State, options: argparse.Namespace, on_event: OnEvent) -> Start:
    """Return what runs the command line's pipeline in this process; its raw data is in the object store then.

    Raises:
        UsageError: the definition's file, a parameter or the raw data cannot be used.
        DefinitionError: likewise, in what the definition itself says.

    """
    from cli.raw_data import with_companions
    from local.executor import run
    from local.names import local_names, put_raw
    from pipeline.definition import parameters, resolve_parameters

    name, definition = _definition(options)
    overrides = overridden(options)
    if wants_data(options, overrides):
        if RAW_DATA not in parameters(definition):
            raise UsageError(f"{options.definition} declares no parameter {RAW_DATA}, which --data would set")
        # Checked before the data is copied: a mistyped parameter should cost nothing.
        resolve_parameters(definition, {**overrides, RAW_DATA: ""})
        raw = raw_data(state.home, options)
        with with_companions(raw, state.home, options.schema, options.recipe) as data:
            overrides[RAW_DATA] = put_raw(state, data)
    elif RAW_DATA in overrides and not state.objects.exists(overrides[RAW_DATA]):
        raise UsageError(
            f"--set {RAW_DATA}={overrides[RAW_DATA]}: no such object in the state directory; "
            "name a file of yours with --data"
        )
    names = local_names(state, definition, name)
    return lambda values: run(
        state,
        definition,
        name,
        resolve_parameters(definition, {**overrides, **values}),
        names=names,
        on_event=on_event,
    )


def _definition(options: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Return the pipeline's name and its definition, placeholders still open."""
    if options.definition is None:
        from pipeline.definition import load

        return options.task, load(options.task)
    from cli.own_definition import pipeline_name, read_definition

    return pipeline_name(options.definition), read_definition(options.definition)


# --- parameters ---------------------------------------------------------------------------------------------


def overridden(options: argparse.Namespace) -> dict[str, str]:
    """Return the parameters that the command line sets."""
    overrides = assignments(options.set)
    if options.split is not None:
        if "Split" in overrides:
            raise UsageError(
                f"--split {options.split} and --set Split={overrides['Split']}: give one of them"
            )
        overrides["Split"] = options.split
    return overrides


def assignments(texts: list[str]) -> dict[str, str]:
    """Return {parameter: value} of the --set options."""
    assignments: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"--set {text}: write PARAMETER=VALUE, such as --set MinF1=0.95")
        if name in assignments:
            raise UsageError(f"--set {name} is given twice: {assignments[name]} and {value}")
        assignments[name] = value
    return assignments


# --- raw data -----------------------------------------------------------------------------------------------


def wants_data(options: argparse.Namespace, overrides: Mapping[str, str]) -> bool:
    """Return whether raw data is to be put: what was named, or else a task's sample."""
    named = bool(options.data or options.schema or options.recipe)
    return named or (options.definition is None and RAW_DATA not in overrides)


def raw_data(home: Path, options: argparse.Namespace) -> Path:
    """Return the raw file or folder to read: what --data names, or the task's sample."""
    if options.data is None:
        if options.definition is not None:
            raise UsageError("--schema and --recipe go with --data PATH")
        from cli.samples import write_sample
        from pipeline.tasks import CATALOGUE

        sample = CATALOGUE[options.task].sample
        if sample is None:
            raise UsageError(f"task {options.task} has no built-in data: name yours with --data PATH")
        return write_sample(sample, home / "samples")
    path: Path = options.data
    if not path.exists():
        raise UsageError(f"--data {path}: no such file or folder")
    if not os.access(path, os.R_OK):
        raise UsageError(f"--data {path}: not readable by this user; check its permissions")
    return path
