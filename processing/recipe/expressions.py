"""The expressions of a recipe: `function(argument, …)`, names of variables and groups, whole numbers.

A name runs up to the next comma or parenthesis, so that `hours-per-week` needs no quotes; one that holds
these itself, or that looks like a number, stands in single or double quotes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Union

from processing.container import InputError

MAXIMUM_DEPTH = 50

_TOKEN = re.compile(
    r"""\s*(?: (?P<mark>[(),])
             | '(?P<single>[^']*)'
             | "(?P<double>[^"]*)"
             | (?P<bare>[^(),'"]+) )""",
    re.VERBOSE,
)
_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class Name:
    """A variable, a group, or the name of an assignment."""

    name: str


@dataclass(frozen=True)
class Number:
    """A whole number, such as a count of bins."""

    value: int


@dataclass(frozen=True)
class Call:
    """A function and its arguments."""

    function: str
    arguments: tuple[Expression, ...]


Expression = Union[Name, Number, Call]


def parse(text: object, where: str) -> Expression:
    """Read one expression; InputError, beginning with `where`, says at which character it breaks off."""
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"{where}: {text!r} is no expression; write one such as quantile_bin(age, 10)")
    return _Parser(text, where).whole()


class _Parser:
    def __init__(self, text: str, where: str) -> None:
        self._text, self._where = text, where
        self._position = 0

    def whole(self) -> Expression:
        expression = self._expression(0)
        if self._text[self._position :].strip():
            raise self._error("nothing more is expected")
        return expression

    def _expression(self, depth: int) -> Expression:
        if depth > MAXIMUM_DEPTH:
            raise self._error(f"functions are nested more than {MAXIMUM_DEPTH} deep")
        match = _TOKEN.match(self._text, self._position)
        if match is None or match["mark"]:
            raise self._error("a name, a number or a function is expected")
        self._position = match.end()
        if match["bare"] is None:
            return Name(match["single"] if match["single"] is not None else match["double"])
        word = match["bare"].strip()
        if not word:
            raise self._error("a name, a number or a function is expected")
        if self._next_is("("):
            return Call(word, self._arguments(depth))
        return Number(int(word)) if _NUMBER.fullmatch(word) else Name(word)

    def _arguments(self, depth: int) -> tuple[Expression, ...]:
        self._expect("(")
        arguments = [self._expression(depth + 1)]
        while self._next_is(","):
            self._expect(",")
            arguments.append(self._expression(depth + 1))
        self._expect(")")
        return tuple(arguments)

    def _next_is(self, mark: str) -> bool:
        match = _TOKEN.match(self._text, self._position)
        return match is not None and match["mark"] == mark

    def _expect(self, mark: str) -> None:
        if not self._next_is(mark):
            raise self._error(f"{mark!r} is expected")
        match = _TOKEN.match(self._text, self._position)
        assert match is not None
        self._position = match.end()

    def _error(self, what: str) -> InputError:
        return InputError(
            f"{self._where}: {self._text!r} breaks off at character {self._position + 1}: {what}"
        )
