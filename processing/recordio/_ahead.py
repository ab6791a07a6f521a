"""Work that goes one step ahead, in a thread: numpy and files release Python's lock for long enough."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from itertools import islice
from typing import TypeVar

Result = TypeVar("Result")


def one_ahead(calls: Iterable[Callable[[], Result]]) -> Generator[Result, None, None]:
    """Yield what each call returns, in order; while one result is used, the next call is under way.

    One call alone is made here, without a thread. An error comes in its turn, once the results before it are
    handed out. Close the iterator where it is left early.
    """
    remaining = iter(calls)
    few = list(islice(remaining, 2))
    if len(few) < 2:
        yield from (call() for call in few)
        return
    # Not at the top: what fits into one block, as requests do, should not wait for this import.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        current, following = (pool.submit(call) for call in few)
        for call in remaining:
            yield current.result()
            current, following = following, pool.submit(call)
        yield current.result()
        yield following.result()
