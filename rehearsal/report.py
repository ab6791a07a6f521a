"""What was checked, line by line with the seconds since the start, and a summary."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class CheckError(AssertionError):
    """Something is not as it must be; the text says what and what was found."""


class Report:
    """Prints lines as checks pass, and remembers how long each part took."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._parts: list[tuple[str, float]] = []
        self._checks = 0

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def check(self, holds: object, what: str, found: object = "") -> None:
        """Print a check that holds.

        Raises:
            CheckError: it does not.

        """
        if not holds:
            raise CheckError(f"not so: {what}" + (f"; found: {found}" if found != "" else ""))
        self._checks += 1
        self._line("ok", what)

    def note(self, what: str) -> None:
        """Print what was seen and is no check."""
        self._line("  ", what)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Measure a part of the rehearsal."""
        begun = time.monotonic()
        yield
        self._parts.append((name, time.monotonic() - begun))

    def summary(self) -> None:
        """Print how long each part took and how much was checked."""
        print()
        for name, seconds in self._parts:
            print(f"{seconds:7.1f} s  {name}")
        print(f"{self.seconds:7.1f} s  in all; {self._checks} checks passed", flush=True)

    def _line(self, mark: str, what: str) -> None:
        print(f"{self.seconds:7.1f} s  {mark}  {what}", flush=True)
