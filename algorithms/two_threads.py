"""Work shared by the calling thread and one more: for numpy and system calls, which run side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")


def share(work: Callable[[T], None], items: Iterable[T]) -> None:
    """Do `work` for each item, in about their order; raise what it raised first, both threads having ended.

    No pool of `concurrent.futures`, whose import takes 5 ms, as long as a job of some thousand rows.
    """
    rest = iter(list(items))  # of a list: each thread gets its next item in one step
    failed: list[BaseException] = []

    def go_on() -> None:
        try:
            for item in rest:
                work(item)
                if failed:
                    return
        except BaseException as error:
            failed.append(error)

    # In the caller's context: what it silenced with np.errstate is silent in both.
    helper = threading.Thread(target=copy_context().run, args=(go_on,), name="second half", daemon=True)
    helper.start()
    go_on()
    helper.join()
    if failed:
        raise failed[0]
