"""`trainyard wait`: what it shows, how often it looks, and when it gives up."""

from __future__ import annotations

import io
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cli.errors import UsageError
from cli.following import FIRST_PAUSE, LONGEST_PAUSE, follow


def step(name: str, status: str, **more: Any) -> dict[str, Any]:
    details = {"type": "Processing", "cached": False, "seconds": 1.0, "failure_reason": None, "outcome": None}
    return {"name": name, "status": status, **details, **more}


def execution(status: str, *steps: dict[str, Any]) -> dict[str, Any]:
    return {"execution": "abc", "status": status, "steps": list(steps)}


def followed(looks: Iterator[dict[str, Any]], **options: Any) -> tuple[list[tuple[str, str]], list[float]]:
    """What was told, as (kind, step), and the pauses between the looks."""
    told: list[tuple[str, str]] = []
    pauses: list[float] = []
    follow(
        lambda: next(looks),
        lambda event: told.append((event.kind, event.step)),
        pause=pauses.append,
        **options,
    )
    return told, pauses


def test_every_change_is_told_once() -> None:
    told, _ = followed(
        iter(
            [
                execution("Executing", step("Convert", "Executing")),
                execution("Executing", step("Convert", "Executing")),
                execution("Executing", step("Convert", "Succeeded"), step("Train", "Succeeded", cached=True)),
                execution("Failed", step("Convert", "Succeeded"), step("Evaluate", "Failed")),
            ]
        )
    )
    assert told == [
        ("execution-started", ""),
        ("step-started", "Convert"),
        ("step-succeeded", "Convert"),
        ("step-started", "Train"),
        ("step-cached", "Train"),
        ("step-started", "Evaluate"),
        ("step-failed", "Evaluate"),
    ]


def test_pauses_grow_while_nothing_happens_and_begin_anew_when_something_does() -> None:
    quiet = [execution("Executing", step("Train", "Executing"))] * 30
    end = [
        execution("Executing", step("Train", "Succeeded")),
        execution("Succeeded", step("Train", "Succeeded")),
    ]
    _, pauses = followed(iter([*quiet, *end]))
    assert pauses[0] == FIRST_PAUSE
    assert pauses[:-1] == sorted(pauses[:-1])
    assert max(pauses) == LONGEST_PAUSE
    assert pauses[-1] == FIRST_PAUSE


def test_it_gives_up_after_its_time_and_says_that_the_execution_goes_on() -> None:
    pauses: list[float] = []
    with pytest.raises(UsageError, match="execution abc is Executing after 5 s; it goes on"):
        follow(lambda: execution("Executing"), lambda event: None, timeout=5, pause=pauses.append)
    assert sum(pauses) == pytest.approx(5)


def test_an_interrupt_leaves_the_execution_and_says_how_to_follow_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow(lambda: execution("Executing"), lambda event: None, pause=interrupted)
    assert "execution abc goes on; follow it with: trainyard wait abc" in capsys.readouterr().err


class Answer(io.IOBase):
    """Is interrupted as it is finalised, where Python drops what is raised."""

    def close(self) -> None:
        signal.raise_signal(signal.SIGINT)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Python's own handler, as a command finds it; tests that ran before may have left another."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_that_is_lost_as_an_answer_is_finalised_is_heeded_after_the_look(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answers: Iterator[Callable[[], object]] = iter([object, Answer, object, object])

    def look() -> dict[str, Any]:
        next(answers)()  # nobody keeps the answer
        return execution("Executing")

    with pytest.raises(KeyboardInterrupt):
        follow(look, lambda event: None, timeout=5, pause=lambda _: None)
    assert len(list(answers)) == 2
    assert "execution abc goes on; follow it with: trainyard wait abc" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
