"""What the functions of a recipe do to the rows of a block.

Values are arrays of float64 (NUMERIC), lists of strings (CATEGORICAL, BINARY and TEXT) or lists of lists of
strings (TOKENS), one entry a row. The developer guide's examples are this module's source: `ngram(x, 3)`
gives all runs of one, two and three words; `osb(x, 4)` all pairs of a word and one of the three after it,
with an underscore a step between them; `no_punct` takes punctuation from the ends of words, not from within.
"""

from __future__ import annotations

import itertools
import string
from collections.abc import Mapping, Sequence
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from processing.readers.table import Block
from processing.recipe.plan import TOKENS, Node
from processing.schema import BINARY, BINARY_WORDS, NOT_BINARY, NUMERIC, TEXT

Value = Union[npt.NDArray[np.float64], Sequence[str], Sequence[Sequence[str]]]
Fits = Mapping[str, Mapping[str, Any]]
"""Node's text → what was learnt for it: `mean` and `deviation`, or `cuts`."""

JOINT = "\x1f"
"""Stands between the parts of a cartesian value: the unit separator occurs in no word."""


class Rows:
    """One block's values of nodes, each worked out once."""

    def __init__(self, block: Block, fits: Fits) -> None:
        self._block, self._fits = block, fits
        self._values: dict[str, Any] = {}

    def value(self, node: Node) -> Any:
        """Return a node's `Value`; InputError names a cell that its attribute's type denies."""
        if node.text not in self._values:
            self._values[node.text] = self._variable(node) if not node.function else self._applied(node)
        return self._values[node.text]

    def words(self, node: Node) -> Sequence[Sequence[str]]:
        """Return the strings of each row of a CATEGORICAL, BINARY, TEXT or TOKENS node."""
        value = self.value(node)
        if node.kind == TOKENS:
            return list(value)
        if node.kind == TEXT:
            return [text.split() for text in value]
        return [(text,) for text in value]

    def _variable(self, node: Node) -> Value:
        if node.kind == NUMERIC:
            return self._block.values(node.variable)
        cells = self._block.cells(node.variable)
        if node.kind == BINARY:
            return _binary(self._block, node.variable)
        return [cell.strip() for cell in cells]

    def _applied(self, node: Node) -> Value:
        if node.function == "cartesian":
            return self._cartesian(node)
        value = self.value(node.arguments[0])
        if node.function == "normalize":
            fit = self._fits[node.text]
            return np.asarray((value - fit["mean"]) / fit["deviation"])
        if node.function == "quantile_bin":
            return list(map(str, np.searchsorted(self._fits[node.text]["cuts"], value, side="right")))
        if node.function == "lowercase":
            return [text.lower() for text in value]
        if node.function == "no_punct":
            return [_without_punctuation(text) for text in value]
        if node.function == "ngram":
            return [_ngrams(text.split(), node.number) for text in value]
        assert node.function == "osb", node.function
        return [_sparse_bigrams(text.split(), node.number) for text in value]

    def _cartesian(self, node: Node) -> Value:
        parts = zip(*(self.words(argument) for argument in node.arguments), strict=True)
        products = [[JOINT.join(words) for words in itertools.product(*row)] for row in parts]
        return products if node.kind == TOKENS else [product[0] for product in products]


def _binary(block: Block, column: str) -> list[str]:
    """Return `0` or `1` for each cell."""
    texts = {word: str(int(value)) for word, value in BINARY_WORDS.items()}
    found = [texts.get(cell.strip().lower(), "") for cell in block.cells(column)]
    if "" in found:
        raise block.refuse(found.index(""), column, NOT_BINARY)
    return found


def _without_punctuation(text: str) -> str:
    words = (word.strip(string.punctuation) for word in text.split())
    return " ".join(word for word in words if word)


def _ngrams(words: list[str], longest: int) -> list[str]:
    return [
        " ".join(words[first : first + length])
        for length in range(1, longest + 1)
        for first in range(len(words) - length + 1)
    ]


def _sparse_bigrams(words: list[str], window: int) -> list[str]:
    return [
        f"{word}{'_' * step}{words[first + step]}"
        for first, word in enumerate(words)
        for step in range(1, min(window, len(words) - first))
    ]
