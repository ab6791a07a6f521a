"""How glibc's allocator gives memory back; other C libraries have no such function, and are left alone."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h


def give_back() -> None:
    """Let freed memory beyond 4 MiB go back to the system.

    By itself glibc raises both thresholds with every large array that is freed, to 32 and 64 MiB: a job that
    shuffles a few windows then holds some 10 to 20 MB that nothing lies in.
    """
    _keep(4 * 2**20)


def keep_freed() -> None:
    """Keep freed memory, up to 32 MiB, for what is allocated next.

    By itself glibc gives the memory of a request's rows back with its answer, and fetches it again, page by
    page, for the next: two thirds of the time that 100 rows of recordIO take.
    """
    _keep(32 * 2**20)


def _keep(most: int) -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, most)
        mallopt(_TRIM_THRESHOLD, most)
