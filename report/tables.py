"""Tables, and the fold that puts a chart's numbers below it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from report.markup import Child, Markup, join, tag

LONGEST = 1000  # rows; beyond this the page would grow without telling more


def table(
    caption: str,
    columns: Sequence[Child],
    rows: Iterable[Sequence[Child]],
    *,
    numeric: Sequence[int] = (),
    class_: str = "",
    show_caption: bool = False,
) -> Markup:
    """Return a scrollable table whose first column heads its rows.

    `numeric` are the indices of the columns that are aligned as figures.
    """
    figures = frozenset(numeric)
    head = tag(
        "tr", (tag("th", cell, scope="col", class_=_kind(i, figures)) for i, cell in enumerate(columns))
    )
    body = [tag("tr", (_cell(i, cell, figures) for i, cell in enumerate(row))) for row in rows]
    name = tag("caption", caption, class_=None if show_caption else "unseen")
    inner = tag("table", name, tag("thead", head), tag("tbody", body), class_=class_ or None)
    return scrollable(inner, caption)


def scrollable(content: Markup, label: str) -> Markup:
    """Return a box that scrolls sideways by itself, also from the keyboard, so that the page never does."""
    return tag("div", content, class_="scroll", tabindex="0", role="region", aria_label=label)


def numbers(summary: str, *tables: Markup) -> Markup:
    """Return a chart's numbers, folded away."""
    return tag("details", tag("summary", summary), *tables, class_="numbers")


def chart(
    title: str, body: Child, data: Markup | None, *, note: Child = None, class_: str = "", won: bool = False
) -> Markup:
    """Return a figure: its title, the picture, a note, and its numbers.

    `data` is None only where the body is itself a table; `won` marks the title as the champion's.
    """
    text = tag("p", note, class_="note") if note else None
    mark = tag("span", "champion", class_="won") if won else None
    return tag(
        "figure", tag("figcaption", tag("b", title), mark, text), body, data, class_=f"chart {class_}".strip()
    )


def definition_list(pairs: Iterable[tuple[str, Child]], class_: str) -> Markup:
    """Names and their values."""
    return tag("dl", (tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs), class_=class_)


def cut(rows: Sequence[Sequence[Child]]) -> tuple[Sequence[Sequence[Child]], Markup | None]:
    """Return the first `LONGEST` rows, and a sentence that says so where some were left out."""
    if len(rows) <= LONGEST:
        return rows, None
    note = tag("p", f"The first {LONGEST:,} of {len(rows):,} rows.", class_="note")
    return rows[:LONGEST], note


def long_numbers(
    summary: str,
    caption: str,
    columns: Sequence[Child],
    rows: Sequence[Sequence[Child]],
    numeric: Sequence[int],
) -> Markup:
    """`numbers` with one table of at most `LONGEST` rows."""
    shown, note = cut(rows)
    return numbers(summary, join(table(caption, columns, shown, numeric=numeric, class_="dense"), note))


def _kind(index: int, figures: frozenset[int]) -> str | None:
    return "figure" if index in figures else None


def _cell(index: int, content: Child, figures: frozenset[int]) -> Markup:
    if index == 0:
        return tag("th", content, scope="row", class_=_kind(index, figures))
    return tag("td", content, class_=_kind(index, figures))
