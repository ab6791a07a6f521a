"""A server that keeps its freed memory does not fetch it anew for each request: page faults are counted."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import numpy as np
from algorithms.heap import give_back, keep_freed

{set_up}
def work():
    several = [np.ones(80_000, np.float32) for _ in range(4)]
    del several

work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(set_up: str) -> int:
    child = subprocess.run(
        [sys.executable, "-c", FAULTS.format(set_up=set_up)], capture_output=True, text=True, check=True
    )
    return int(child.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left as they are")
def test_memory_that_is_kept_is_not_fetched_again() -> None:
    assert faults("keep_freed()") < 1000
    assert faults("") > 10_000  # by itself glibc fetches these arrays' pages each time
