"""What a recipe learns from the training rows: means, deviations, quantiles, and which words there are.

Memory is bounded: moments are merged block by block, quantiles come from a uniform sample of the rows, exact
where there are no more rows than it holds, and a vocabulary has a limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from processing.container import InputError
from processing.readers.table import Block
from processing.recipe.plan import TOKENS, Node
from processing.recipe.transforms import Rows
from processing.schema import CATEGORICAL, TEXT

SAMPLE_VALUES = 16 * 1024 * 1024
SAMPLE_ROWS = 200_000
MAXIMUM_WORDS = 1_000_000
ONE_HOT = (CATEGORICAL, TEXT, TOKENS)
"""Types whose values become a column each."""

Doubles = npt.NDArray[np.float64]


NOISE = 10 * float(np.finfo(np.float64).eps)
"""Of a mean: deviations up to here are what rounding makes of equal values."""


class Moments:
    """Mean and deviation (the population's) of a stream, by the update of Chan, Golub and LeVeque (1979)."""

    def __init__(self) -> None:
        self.count, self.mean, self.squares = 0, 0.0, 0.0
        self.minimum, self.maximum = float("inf"), float("-inf")

    def add(self, values: Doubles) -> None:
        """Take in values, one or more."""
        count, mean = len(values), float(values.mean())
        total, difference = self.count + count, mean - self.mean
        self.squares += float(np.square(values - mean).sum())
        self.squares += difference**2 * self.count * count / total
        self.mean += difference * count / total
        self.count = total
        self.minimum = min(self.minimum, float(values.min()))
        self.maximum = max(self.maximum, float(values.max()))

    def fit(self) -> dict[str, Any]:
        """Return what normalize needs; a constant is left at 0 by a deviation of 1."""
        if self.minimum == self.maximum:  # the sums' rounding would make of it a deviation of 1e-17
            return {"mean": self.minimum, "deviation": 1.0}
        deviation = float(np.sqrt(self.squares / self.count))
        return {"mean": self.mean, "deviation": deviation if deviation > NOISE * abs(self.mean) else 1.0}


class Quantiles:
    """The quantiles of a stream, from the `rows` values with the smallest of random keys."""

    def __init__(self, bins: int, rows: int, seed: int) -> None:
        self._bins, self._rows = bins, rows
        self._random = np.random.default_rng(seed)
        self._keys: Doubles = np.empty(0)
        self._values: Doubles = np.empty(0)

    def add(self, values: Doubles) -> None:
        """Take in values."""
        keys = np.concatenate([self._keys, self._random.random(len(values))])
        kept = np.concatenate([self._values, values])
        if len(keys) > self._rows:
            smallest = np.argpartition(keys, self._rows)[: self._rows]
            keys, kept = keys[smallest], kept[smallest]
        self._keys, self._values = keys, kept

    def fit(self) -> dict[str, Any]:
        """Return the cuts between the bins; equal cuts are one, so that a bin may be missing."""
        shares = np.arange(1, self._bins) / self._bins
        return {"cuts": np.unique(np.quantile(self._values, shares)).tolist()}


class Learner:
    """Learns in as many passes over the training rows as functions depend on each other.

    learner = Learner(outputs)
    while learner.wanted:
        for block in training blocks: learner.add(block)
        learner.end_pass()
    learner.fits, learner.vocabularies
    """

    def __init__(self, outputs: Sequence[Node], seed: int = 0) -> None:
        self._one_hot = [node for node in outputs if node.kind in ONE_HOT]
        self._levels = _levels(outputs)
        self._seed = seed
        self.fits: dict[str, dict[str, Any]] = {}
        self.vocabularies: dict[str, list[str]] = {}
        self._words: dict[str, set[str]] = {}
        self._begin()

    @property
    def wanted(self) -> bool:
        """Whether another pass is needed."""
        return bool(self._learning or self._words)

    def add(self, block: Block) -> None:
        """Take in training rows."""
        rows = Rows(block, self.fits)
        for node, learning in self._learning:
            learning.add(rows.value(node.arguments[0]))
        for node in self._one_hot if self._words else ():
            self._words[node.text].update(_words(rows, node))
            if len(self._words[node.text]) > MAXIMUM_WORDS:
                raise InputError(
                    f"{node.text} has more than {MAXIMUM_WORDS} different values in the training rows; "
                    "bin or exclude it"
                )

    def end_pass(self) -> None:
        """Conclude a pass; InputError where the features have become too many."""
        for node, learning in self._learning:
            self.fits[node.text] = learning.fit()
        for text, words in self._words.items():
            self.vocabularies[text] = sorted(words, key=natural)
        features = sum(map(len, self.vocabularies.values()))
        if features > MAXIMUM_WORDS:
            raise InputError(
                f"the recipe makes {features} features, more than {MAXIMUM_WORDS}; make it coarser"
            )
        self._begin()

    def _begin(self) -> None:
        self._learning: list[tuple[Node, Any]] = []
        self._words = {}
        if self._levels:
            level = self._levels.pop(0)
            rows = max(1, min(SAMPLE_ROWS, SAMPLE_VALUES // len(level)))
            self._learning = [(node, _learning(node, rows, self._seed)) for node in level]
        elif self._one_hot and not self.vocabularies:
            self._words = {node.text: set() for node in self._one_hot}


def _learning(node: Node, rows: int, seed: int) -> Moments | Quantiles:
    return Moments() if node.function == "normalize" else Quantiles(node.number, rows, seed)


def _levels(outputs: Iterable[Node]) -> list[list[Node]]:
    """Return the nodes that learn from numbers: first those that need no others, then those that do."""
    depth: dict[str, int] = {}
    levels: list[list[Node]] = []
    for output in outputs:
        for node in output.walk():
            if node.text in depth:
                continue
            below = max((depth[argument.text] for argument in node.arguments), default=0)
            learns = node.function in ("normalize", "quantile_bin")
            depth[node.text] = below + learns
            if learns:
                levels += [[]] if len(levels) == below else []
                levels[below].append(node)
    return levels


def _words(rows: Rows, node: Node) -> Iterable[str]:
    if node.kind == CATEGORICAL:
        words: Sequence[str] = rows.value(node)
        return words
    return (word for words in rows.words(node) for word in words)


def natural(word: str) -> tuple[int, float, str]:
    """Return the key by which words are sorted: numbers by value, before all others."""
    try:
        value = float(word)
    except ValueError:
        return (1, 0.0, word)
    return (0, value, word) if value == value else (1, 0.0, word)


def is_number(word: str) -> bool:
    """Whether a word is sorted as a number."""
    return natural(word)[0] == 0
