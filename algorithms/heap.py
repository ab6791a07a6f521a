"""How glibc's allocator gives memory back."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h
_KEPT_BYTES = 4 * 2**20


def give_back() -> None:
    """Let freed memory beyond 4 MiB go back to the system.

    By itself glibc raises both thresholds with every large array that is freed, to 32 and 64 MiB: a job that
    shuffles a few windows then holds some 10 to 20 MB that nothing lies in. Other C libraries have no such
    function, and need none.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _KEPT_BYTES)
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
