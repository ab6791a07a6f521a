"""Following an execution that runs elsewhere: look, tell what is new, pause ever longer, until it is over."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cli.errors import UsageError

if TYPE_CHECKING:
    from local.executor import Event, OnEvent

OVER = ("Succeeded", "Failed", "Stopped")
FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.2, 10.0, 1.4
"""Seconds between two looks: short while something happens, ever longer while nothing does."""

_ENDS = {"Succeeded": "step-succeeded", "Failed": "step-failed", "Stopped": "step-stopped"}


def follow(
    look: Callable[[], Mapping[str, Any]],
    on_event: OnEvent,
    *,
    timeout: float | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Mapping[str, Any]:
    """Look until the execution is over, tell what is new, and return its last description.

    An interrupt ends the looking and nothing else: the execution goes on where it runs.

    Args:
        look: describes the execution: `execution` (its id), `status` and `steps`.
        on_event: told what happens.
        timeout: seconds after which to give up.
        pause: waits for a number of seconds.

    Raises:
        UsageError: it is not over after `timeout` seconds.

    """
    from local.executor import Event

    with _heeding_interrupts(look) as heeding:
        execution = heeding()
        name = execution["execution"]
        on_event(Event("execution-started", name))
        try:
            return _followed(execution, heeding, on_event, timeout, pause)
        except KeyboardInterrupt:
            print(f"execution {name} goes on; follow it with: trainyard wait {name}", file=sys.stderr)
            raise


@contextmanager
def _heeding_interrupts(look: Callable[[], Mapping[str, Any]]) -> Iterator[Callable[[], Mapping[str, Any]]]:
    """Give a look that ends in KeyboardInterrupt where there was an interrupt, though it has been lost.

    Python drops what is raised while it finalises a file-like object, and boto3's answers are such objects:
    urllib3's code runs as they go. So an interrupt is noted, too, and raised again after the look.
    """
    noted: list[int] = []

    def note(number: int, _: object) -> None:
        noted.append(number)
        raise KeyboardInterrupt

    def heeding() -> Mapping[str, Any]:
        execution = look()
        if noted:
            raise KeyboardInterrupt
        return execution

    interrupting = (signal.SIGINT, signal.SIGTERM)
    replaced = [number for number in interrupting if signal.getsignal(number) is signal.default_int_handler]
    try:
        for number in replaced:
            signal.signal(number, note)
        yield heeding
    finally:
        for number in replaced:
            signal.signal(number, signal.default_int_handler)


def _followed(
    execution: Mapping[str, Any],
    look: Callable[[], Mapping[str, Any]],
    on_event: OnEvent,
    timeout: float | None,
    pause: Callable[[float], None],
) -> Mapping[str, Any]:
    told: dict[str, str] = {}
    waited, seconds = 0.0, FIRST_PAUSE
    while True:
        news = [step for step in execution["steps"] if told.get(step["name"]) != step["status"]]
        for step in news:
            for event in _events(execution["execution"], step, step["name"] in told):
                on_event(event)
            told[step["name"]] = step["status"]
        if execution["status"] in OVER:
            return execution
        if timeout is not None and waited >= timeout:
            raise UsageError(
                f"execution {execution['execution']} is {execution['status']} after {timeout:g} s; it goes on"
            )
        seconds = FIRST_PAUSE if news else min(seconds * GROWTH, LONGEST_PAUSE)
        if timeout is not None:
            seconds = min(seconds, timeout - waited)
        pause(seconds)
        waited += seconds
        execution = look()


def _events(execution: str, step: Mapping[str, Any], started: bool) -> Iterator[Event]:
    """Yield what to tell of a step whose status is new."""
    from local.executor import Event

    common = {"execution": execution, "step": step["name"], "type": step["type"], "status": step["status"]}
    if not started:
        yield Event("step-started", **common)
    if step["status"] in _ENDS:
        yield Event(
            "step-cached" if step["cached"] else _ENDS[step["status"]],
            **common,
            seconds=step["seconds"],
            message=step["failure_reason"] or "",
            outcome=step["outcome"] or "",
        )
