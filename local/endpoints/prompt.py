"""Coroutines that go on at once when what they wait for has come.

A task goes on in the event loop's next turn, and begins in the next as well. Two turns, and the task, take
longer than what the router does for a request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Waiter(asyncio.Future[T]):
    """A future that a coroutine under `Prompt` goes on with as soon as `settled` is called."""

    _resume: Callable[[], None] | None = None

    def settled(self) -> None:
        """Let the coroutine go on; called when there is a result or an exception."""
        if self._resume is not None:
            self._resume()

    def resume_by(self, resume: Callable[[], None]) -> None:
        """Set what `settled` calls."""
        self._resume = resume


class Prompt(Generic[T]):
    """Runs a coroutine to its end within its creation and the callbacks of what it waits for.

    It is no task: nothing in the coroutine may ask for the current one, as asyncio.timeout does.
    """

    _closed = False

    def __init__(
        self, coroutine: Coroutine[Any, None, T], done: Callable[[T | None, Exception | None], None]
    ) -> None:
        """Begin at once; `done` gets the result, or the exception that was raised."""
        self._coroutine = coroutine
        self._done = done
        self._go_on()

    def close(self) -> None:
        """Give the coroutine up where it waits, without a call of `done`."""
        self._closed = True
        self._coroutine.close()

    def _go_on(self, _: object = None) -> None:
        if self._closed:
            return
        try:
            waited = self._coroutine.send(None)
        except StopIteration as end:
            result, error = end.value, None
        except Exception as raised:
            result, error = None, raised
        else:
            self._wait(waited)
            return
        self._done(result, error)

    def _wait(self, waited: asyncio.Future[Any] | None) -> None:
        if waited is None:  # asyncio.sleep(0)
            asyncio.get_running_loop().call_soon(self._go_on)
        elif isinstance(waited, Waiter):
            waited.resume_by(self._go_on)
        else:
            waited.add_done_callback(self._go_on)
