"""`trainyard reject MODEL_PACKAGE`: what takes a model package from its endpoint."""

from __future__ import annotations

import argparse

from cli.decision import add_decision_arguments, decide


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add_decision_arguments(parser)


def execute(options: argparse.Namespace) -> int:
    """Reject; 1 where this machine could not go back to the version before."""
    return decide(options, "Rejected")
