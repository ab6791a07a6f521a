"""One self-contained HTML page per execution: `render` makes it, `write` puts it on disk."""

from report.page import render, write

__all__ = ["render", "write"]
