"""`python -m algorithms NAME train|serve`: what a built-in image runs as `docker run IMAGE train|serve`."""

from __future__ import annotations

import argparse
import sys

from algorithms.paths import container_paths
from algorithms.registry import NAMES


def main(arguments: list[str] | None = None) -> int:
    """Run one container command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m algorithms", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("command", choices=("train", "serve"))
    options = parser.parse_args(arguments)
    return _train(options.name) if options.command == "train" else _serve(options.name)


# Each command imports what it needs itself: SIGTERM is taken care of before numpy's threads begin, and a
# training job does not load an HTTP server.


def _train(name: str) -> int:
    from algorithms.stopping import stop_on_sigterm

    paths = container_paths()
    stop_on_sigterm(paths.unfinished_model)

    from algorithms.train import run_training

    return run_training(name, paths)


def _serve(name: str) -> int:
    from algorithms.serve import run_server

    return run_server(name, container_paths())


if __name__ == "__main__":
    sys.exit(main())
