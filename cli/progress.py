"""Live progress of an execution: one line a step, redrawn on a terminal, appended elsewhere."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING

from cli.display import console, seconds

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from local.executor import Event

MARKS = {
    "step-succeeded": ("done", "green"),
    "step-cached": ("cached", "cyan"),
    "step-failed": ("FAILED", "bold red"),
    "step-stopped": ("stopped", "yellow"),
}
"""Kind of event that ends a step → its word and its colour; the word alone tells, too."""


class Progress(AbstractContextManager["Progress"]):
    """Shows the runner's events on standard error, which leaves standard output to the results."""

    def __init__(self) -> None:
        self._console = console(stderr=True)
        self._live: Live | None = None
        self._running: dict[str, float] = {}

    def __enter__(self) -> Progress:
        """Start to redraw, where there is a terminal."""
        if self._console.is_terminal:
            from rich.live import Live

            self._live = Live(
                get_renderable=self._render, console=self._console, refresh_per_second=8, transient=True
            )
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last state of every step on the screen."""
        if self._live is not None:
            self._live.stop()

    def __call__(self, event: Event) -> None:
        """Take one event of the runner."""
        if event.kind == "execution-started":
            self._print(f"execution {event.execution}")
        elif event.kind == "step-started":
            self._running[event.step] = time.monotonic()
            if self._live is None:
                self._print(f"  {event.step:<40} started")
        elif event.kind == "step-retrying":
            self._print(f"  {event.step:<40} {event.message}")
        elif event.kind in MARKS:
            self._running.pop(event.step, None)
            self._print(self._ended(event))

    def _ended(self, event: Event) -> str:
        word, colour = MARKS[event.kind]
        details = event.outcome or (event.message if event.kind in ("step-failed", "step-stopped") else "")
        line = f"  {event.step:<40} [{colour}]{word:<8}[/] {seconds(event.seconds):>8}"
        return f"{line}  {_escaped(details)}" if details else line

    def _print(self, text: str) -> None:
        self._console.print(text)

    def _render(self) -> Table:
        from rich.spinner import Spinner
        from rich.table import Table

        table = Table.grid(padding=(0, 1))
        now = time.monotonic()
        for step, started in list(self._running.items()):
            table.add_row("", Spinner("dots"), step, seconds(now - started))
        return table


def _escaped(text: str) -> str:
    """Keep brackets in a message from being read as colours."""
    from rich.markup import escape

    return escape(" ".join(text.split()))
