"""`trainyard approve MODEL_PACKAGE`: what brings a model package to its endpoint."""

from __future__ import annotations

import argparse

from cli.decision import add_decision_arguments, decide


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add_decision_arguments(parser)


def execute(options: argparse.Namespace) -> int:
    """Approve; 1 where this machine deployed it and that failed."""
    return decide(options, "Approved")
