"""Hyperparameters as the built-in algorithms declare and check them.

A job's hyperparameters arrive as strings. An algorithm declares a `Schema`; `Schema.parse` turns the strings
into values or raises one `CustomerError` that lists every problem: the key, the value seen, what is allowed.
Unknown keys fail, as they do at the service.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from algorithms.errors import CustomerError

AUTO = "auto"
"""The parsed value of a hyperparameter that the algorithm is to choose itself."""

SERVICE_KEYS = frozenset({"_tuning_objective_metric"})
"""Keys that the service itself adds (under hyperparameter tuning); they pass through as strings."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)


class Hyperparameter(Protocol):
    """One declared hyperparameter: its default, whether it is required, and how its string is read."""

    @property
    def default(self) -> Any:
        """The value when the key is absent."""
        ...

    @property
    def required(self) -> bool:
        """Whether the job fails when the key is absent."""
        ...

    @property
    def allowed(self) -> str:
        """What is allowed, for error messages: `an integer from 1 to 100`."""
        ...

    def parse(self, text: str) -> Any:
        """Return the value; raise ValueError when `text` is not allowed."""
        ...


@dataclass(frozen=True, kw_only=True)
class _Number:
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: bool = False
    exclusive_maximum: bool = False
    auto: bool = False
    required: bool = False

    def _range(self) -> str:
        ends = []
        if self.minimum is not None:
            ends.append(f"{'above' if self.exclusive_minimum else 'from'} {self.minimum}")
        if self.maximum is not None:
            ends.append(f"{'below' if self.exclusive_maximum else 'to'} {self.maximum}")
        return " ".join(ends)

    def _check(self, value: float) -> None:
        low, high = self.minimum, self.maximum
        too_low = low is not None and (value <= low if self.exclusive_minimum else value < low)
        too_high = high is not None and (value >= high if self.exclusive_maximum else value > high)
        if too_low or too_high:
            raise ValueError("out of range")

    def _describe(self, noun: str) -> str:
        described = " ".join(part for part in (noun, self._range()) if part)
        return f"{described} or {AUTO!r}" if self.auto else described


@dataclass(frozen=True, kw_only=True)
class Integer(_Number):
    """A whole number; parsed to int (or `AUTO`). Range ends are included unless declared exclusive."""

    default: int | str | None = None

    @property
    def allowed(self) -> str:
        """`an integer from 1 to 100 or 'auto'`."""
        return self._describe("an integer")

    def parse(self, text: str) -> int | str:
        """Return the int, or AUTO where permitted."""
        if self.auto and text == AUTO:
            return AUTO
        if not _INTEGER.fullmatch(text):
            raise ValueError("not an integer")
        value = int(text)
        self._check(value)
        return value


@dataclass(frozen=True, kw_only=True)
class Continuous(_Number):
    """A finite number; parsed to float (or `AUTO`). Range ends are included unless declared exclusive."""

    default: float | str | None = None

    @property
    def allowed(self) -> str:
        """`a number above 0 below 1`."""
        return self._describe("a number")

    def parse(self, text: str) -> float | str:
        """Return the float, or AUTO where permitted."""
        if self.auto and text == AUTO:
            return AUTO
        if not _DECIMAL.fullmatch(text):
            raise ValueError("not a number")
        value = float(text)
        if not math.isfinite(value):
            raise ValueError("not finite")
        self._check(value)
        return value


@dataclass(frozen=True, kw_only=True)
class Categorical:
    """One of a few words (case matters, as at the service); parsed to str."""

    choices: tuple[str, ...]
    default: str | None = None
    required: bool = False

    @property
    def allowed(self) -> str:
        """`one of 'a', 'b'`."""
        return "one of " + ", ".join(repr(choice) for choice in self.choices)

    def parse(self, text: str) -> str:
        """Return the word itself."""
        if text not in self.choices:
            raise ValueError("not a choice")
        return text


@dataclass(frozen=True, kw_only=True)
class Boolean:
    """`true` or `false` in any case (the SDK sends `True`); parsed to bool (or `AUTO`)."""

    default: bool | str | None = None
    auto: bool = False
    required: bool = False

    @property
    def allowed(self) -> str:
        """`'true' or 'false'`."""
        return f"'true', 'false' or {AUTO!r}" if self.auto else "'true' or 'false'"

    def parse(self, text: str) -> bool | str:
        """Return the bool, or AUTO where permitted."""
        if self.auto and text == AUTO:
            return AUTO
        try:
            return {"true": True, "false": False}[text.lower()]
        except KeyError:
            raise ValueError("not a boolean") from None


Check = Callable[[Mapping[str, Any]], Iterable[str]]
"""Looks at all parsed values together and yields one sentence per problem."""


@dataclass(frozen=True)
class Schema:
    """All hyperparameters of one algorithm.

    fields: name → declaration. checks: rules across fields, run only once every field by itself is right.
    """

    fields: Mapping[str, Hyperparameter]
    checks: tuple[Check, ...] = field(default=())

    def parse(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return a value for every declared key (defaults filled in, None where there is none).

        Raises CustomerError that lists every problem, one sentence each.
        """
        values: dict[str, Any] = {name: declared.default for name, declared in self.fields.items()}
        problems = [*self._unknown(given), *self._missing(given)]
        for name, text in given.items():
            if name in SERVICE_KEYS:
                values[name] = text
            elif name in self.fields:
                problems.extend(self._read(name, text, values))
        if not problems:
            problems = [problem for check in self.checks for problem in check(values)]
        if problems:
            raise CustomerError("Invalid hyperparameters: " + "; ".join(problems))
        return values

    def _unknown(self, given: Mapping[str, Any]) -> Iterator[str]:
        for name in given:
            if name in self.fields or name in SERVICE_KEYS:
                continue
            near = difflib.get_close_matches(name, self.fields, n=1)
            cure = f"did you mean {near[0]!r}?" if near else "allowed: " + ", ".join(sorted(self.fields))
            yield f"{name!r} is not a hyperparameter of this algorithm ({cure})"

    def _missing(self, given: Mapping[str, Any]) -> Iterator[str]:
        for name, declared in self.fields.items():
            if declared.required and name not in given:
                yield f"{name!r} is required: {declared.allowed}"

    def _read(self, name: str, text: Any, values: dict[str, Any]) -> Iterator[str]:
        declared = self.fields[name]
        if not isinstance(text, str):
            yield f"{name!r} is {text!r}, but hyperparameters are strings: {declared.allowed}"
            return
        try:
            values[name] = declared.parse(text)
        except ValueError:
            yield f"{name!r} is {text!r}, but must be {declared.allowed}"
