"""Numbers of plain lines of CSV, without an object for each.

simdjson takes 40 ns for a number, numpy's parser 200; it is there on one machine, but not in SageMaker's
images. Both round correctly, so the values are the same. What JSON does not know as a number (`+1`, `.5`,
`007`) numpy may.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

try:
    import simdjson
except ImportError:  # SageMaker's images, and Pythons that it has no wheel for
    simdjson = None  # type: ignore[assignment]

Doubles = npt.NDArray[np.float64]

_UNUSUAL = (ValueError, TypeError, RuntimeError)
"""What simdjson raises for text that is no array of numbers."""

_parser: Any = None if simdjson is None else simdjson.Parser()


def parse(lines: Sequence[str], columns: int, places: Sequence[int]) -> Doubles | None:
    """Return the cells of each line at these rising places, shape (lines, places); None if one is no number.

    lines: of so many cells each, apart by commas, with their ends. NaN and infinity may be among the numbers.
    """
    if not lines:
        return np.empty((0, len(places)))
    found = _by_simdjson(lines, columns, places)
    return _by_numpy(lines, places) if found is None else found


def _by_simdjson(lines: Sequence[str], columns: int, places: Sequence[int]) -> Doubles | None:
    """Parse cells that stand side by side as the JSON array that they are between brackets."""
    if _parser is None or not places or places[-1] - places[0] != len(places) - 1:
        return None
    before, after = places[0], columns - 1 - places[-1]
    if after:
        lines = [line.rsplit(",", after)[0] for line in lines]
    if before:
        lines = [line.split(",", before)[before] for line in lines]
    text = ",".join(lines)
    if "[" in text:  # arrays in the array would be laid side by side
        return None
    try:
        values: bytes = _parser.parse(f"[{text}]".encode()).as_buffer(of_type="d")
    except _UNUSUAL:
        return None
    found = np.frombuffer(values)
    # One empty cell by itself is an array of nothing.
    return found.reshape(len(lines), len(places)) if found.size else None


def _by_numpy(lines: Sequence[str], places: Sequence[int]) -> Doubles | None:
    try:
        found: Doubles = np.loadtxt(lines, np.float64, delimiter=",", comments=None, usecols=places, ndmin=2)
    except ValueError:
        return None
    return found
