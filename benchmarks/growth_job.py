"""A job that times its work from within: `python -m benchmarks.growth_job ANSWER MODULE ARGUMENT…`.

All that the job would import is imported first, then the clock starts and the module runs as `python -m
MODULE ARGUMENT…` would run it, to its end. What is left out are the start of the interpreter and the imports:
a half second whose noise is larger than the work of the smallest size. The file ANSWER gets JSON: `seconds`
of wall clock and `cpu_seconds`, user and system, of all threads. Whoever started the process sees its memory.
"""

from __future__ import annotations

import importlib
import json
import runpy
import sys
import time
from pathlib import Path


def main(answer: Path, module: str, arguments: list[str]) -> int | str | None:
    """Run the module and write the answer; return what the module's exit code is."""
    _import(module, arguments)
    sys.argv = [module, *arguments]
    code: int | str | None = None
    busy, started = time.process_time(), time.perf_counter()
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - busy
    answer.write_text(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds}))
    return code


def _import(module: str, arguments: list[str]) -> None:
    """Import what the module imports, at once or when it runs."""
    if module != "algorithms":
        importlib.import_module(module)
        return
    importlib.import_module("algorithms.stopping")
    importlib.import_module("algorithms.train")
    from algorithms.registry import find_algorithm

    find_algorithm(arguments[0])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
