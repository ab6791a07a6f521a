"""Building HTML and SVG so that text is escaped unless it was built here.

The base install stays light, hence no template engine: most of this page is SVG whose coordinates are
computed anyway, and a call is checked by mypy where a template is not. `tag` escapes every child and every
attribute value; only what `tag` itself returned (`Markup`) passes unescaped, so a hostile class name has no
way into the page but as text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import TypeAlias

VOID = frozenset({"meta", "link", "img", "br", "hr", "wbr", "col"})

# C0 and C1 controls (but tab and newline) are no text in HTML, a lone surrogate is not even UTF-8, and
# directional overrides would let a class name reorder the words around it.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


class Markup(str):
    """Text that is already HTML: made by `tag` and `join` alone."""

    __slots__ = ()


Child: TypeAlias = "str | int | float | Iterable[Child] | None"
Attribute: TypeAlias = "str | int | float | bool | None"


def escape(text: str) -> str:
    """`text` with markup characters as entities and characters that HTML forbids as U+FFFD."""
    return html.escape(_UNPRINTABLE.sub("\ufffd", text), quote=True)


def number(value: float, digits: int = 2) -> str:
    """Return a coordinate for SVG: at most `digits` decimals, no trailing zeros, never `-0`."""
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}"
    return "0" if text in ("-0", "") else text


def join(*children: Child) -> Markup:
    """Return the children in a row: strings are escaped, None is nothing, iterables are flattened."""
    return Markup("".join(_pieces(children)))


def tag(name: str, /, *children: Child, **attributes: Attribute) -> Markup:
    """Return the element `name` with `children` inside.

    In attribute names a trailing underscore is dropped (`class_`) and the others become hyphens
    (`aria_label`). A value of None or False leaves the attribute out, True writes it bare.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{''.join(_pieces(children))}</{name}>")


def _attribute(key: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    written = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {written}"
    text = value if isinstance(value, str) else number(value)
    return f' {written}="{escape(text)}"'


def _pieces(children: Iterable[Child]) -> Iterable[str]:
    for child in children:
        if child is None:
            continue
        if isinstance(child, Markup):
            yield str(child)
        elif isinstance(child, str):
            yield escape(child)
        elif isinstance(child, int | float):
            yield escape(str(child))
        else:
            yield from _pieces(child)
