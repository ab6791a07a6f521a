"""Live progress of an execution: one line a step, redrawn on a terminal, appended elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING

from cli.display import console, is_terminal, seconds

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

    from local.executor import Event

    Part = str | tuple[str, str]
    """A piece of a line: text, or text and its style."""

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
        self._console: Console | None = None
        self._live: Live | None = None
        self._running: dict[str, float] = {}
        self._watched = True

    def __enter__(self) -> Progress:
        """Start to redraw, where there is a terminal; only there is it worth 25 ms to load what does it."""
        if is_terminal(sys.stderr):
            from rich.live import Live

            self._console = console(stderr=True)
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
            self._print(*self._ended(event))

    def _ended(self, event: Event) -> tuple[Part, ...]:
        word, colour = MARKS[event.kind]
        details = event.outcome or (event.message if event.kind in ("step-failed", "step-stopped") else "")
        said = f"  {' '.join(details.split())}" if details else ""
        return f"  {event.step:<40} ", (f"{word:<8}", colour), f" {seconds(event.seconds):>8}{said}"

    def _print(self, *parts: Part) -> None:
        if self._console is not None:
            from rich.text import Text

            # As text: brackets in a message are no mark-up.
            self._console.print(Text.assemble(*parts))
        elif self._watched:
            try:
                print("".join(part if isinstance(part, str) else part[0] for part in parts), file=sys.stderr)
            except BrokenPipeError:  # nobody looks any more, which is no reason to give up the jobs
                self._watched = False

    def _render(self) -> Table:
        from rich.spinner import Spinner
        from rich.table import Table

        table = Table.grid(padding=(0, 1))
        now = time.monotonic()
        for step, started in list(self._running.items()):
            table.add_row("", Spinner("dots"), step, seconds(now - started))
        return table
