"""Tables and words on the terminal."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console


def is_terminal(stream: TextIO) -> bool:
    """Return whether to redraw and colour what is written to a stream, as rich would decide it."""
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def console(*, stderr: bool = False) -> Console:
    """Return a console that writes plain text where it is no terminal, and shortens nothing there."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False, soft_wrap=True)
    if not made.is_terminal:
        # Redirected output is for files and programs: an ARN must not be cut to 80 columns there.
        made.width = 10_000
    return made


def show_table(header: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """Print a table; the columns whose numbers are in `right` are aligned to the right."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for number, title in enumerate(header):
        table.add_column(
            title, justify="right" if number in right else "left", overflow="fold", no_wrap=number in right
        )
    for row in rows:
        # As text: a name in brackets, such as ProcessingInputs[train], is no mark-up.
        table.add_row(*(Text(str(cell)) for cell in row))
    console().print(table)


def seconds(value: float | None) -> str:
    """Return a duration as people read it: `0.4 s`, `12 s`, `3 min 05 s`."""
    if value is None:
        return ""
    if value < 10:
        return f"{value:.1f} s"
    if value < 60:
        return f"{value:.0f} s"
    return f"{int(value // 60)} min {int(value % 60):02d} s"
