"""What the C library does with memory that was freed."""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Of glibc's malloc.h."""

_KEPT_BYTES = 32 << 20
"""The most that glibc takes for M_MMAP_THRESHOLD on 64 bits, and more than a request's arrays have."""


def keep_freed_memory() -> None:
    """Keep freed memory in the process, where the C library is glibc; others are left as they are.

    By default the memory of a request's larger arrays is given back to the kernel with the answer and fetched
    again, page by page, for the next: two thirds of the time that 100 rows take.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
