"""The least that eight steps in processes of their own can cost: `python runner_bound.py SLOTS`.

The same order and the same number of processes side by side as in `trainyard run`, and nothing else: nothing
is recorded, logged, checked or shown. Of the standard library it loads what every interpreter has loaded.
"""

import os
import sys

AFTER: dict[str, set[str]] = {
    "Convert": set(),
    **{f"Train{lane}": {"Convert"} for lane in "ABC"},
    **{f"Transform{lane}": {f"Train{lane}"} for lane in "ABC"},
    "Evaluate": {f"Transform{lane}" for lane in "ABC"},
}
"""Step → the steps that it waits for."""


def run(slots: int) -> None:
    """Run `python -c pass` once a step, as many at a time as there are slots."""
    done: set[str] = set()
    waiting = dict(AFTER)
    running: dict[int, str] = {}
    while waiting or running:
        for name in [name for name, needs in waiting.items() if needs <= done][: slots - len(running)]:
            del waiting[name]
            running[os.posix_spawn(sys.executable, [sys.executable, "-c", "pass"], os.environ)] = name
        pid, status = os.wait()
        if status:
            raise SystemExit(f"{running[pid]} failed")
        done.add(running.pop(pid))


if __name__ == "__main__":
    run(int(sys.argv[1]))
