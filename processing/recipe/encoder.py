"""Rows of a table → rows of features, by the outputs of a recipe and what was fitted for them.

A NUMERIC output is one column, and so is a BINARY one (0 or 1). Every word that a CATEGORICAL, TEXT or TOKENS
output had in the training rows is a column of its own: 1 where the row has the word, else 0. A word that
training did not see is none of them: all of the output's columns are 0, and the word is counted in `unseen`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Union

import numpy as np
import numpy.typing as npt

from processing.readers.table import FLOAT32_OVERFLOW, Block, Doubles, are_float32
from processing.recipe.fitted import ONE_HOT
from processing.recipe.plan import Node
from processing.recipe.transforms import JOINT, Fits, Rows
from processing.schema import CATEGORICAL, NUMERIC

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Features = Union[npt.NDArray[np.float32], "csr_matrix"]
"""float32, shape (rows, feature_dim): an array, or CSR where an output has words."""

GREY_LEVELS = 256

Indices = npt.NDArray[np.int64]


class Encoder:
    """The outputs of a recipe with their places among the features.

    pixel_maximum: the NUMERIC outputs are grey levels of 0 to 255, which are divided by it.
    unseen: output's text → how many of its words were not known from the training rows.
    """

    def __init__(
        self,
        outputs: Sequence[Node],
        fits: Fits,
        vocabularies: Mapping[str, Sequence[str]],
        pixel_maximum: int | None = None,
    ) -> None:
        self._outputs, self._fits, self._pixel_maximum = list(outputs), fits, pixel_maximum
        self._words = {
            text: {word: place for place, word in enumerate(words)} for text, words in vocabularies.items()
        }
        self._starts: list[int] = []
        self.feature_dim = 0
        for node in self._outputs:
            self._starts.append(self.feature_dim)
            self.feature_dim += len(self._words[node.text]) if node.kind in ONE_HOT else 1
        self.sparse = any(node.kind in ONE_HOT for node in self._outputs)
        self._plain = [node.variable for node in self._outputs if not node.function and node.kind == NUMERIC]
        self.unseen: Counter[str] = Counter()

    def names(self) -> Iterator[str]:
        """Yield a name for each feature, in order."""
        for node in self._outputs:
            if node.kind in ONE_HOT:
                yield from (f"{node.text}={word.replace(JOINT, ' × ')}" for word in self._words[node.text])
            else:
                yield node.variable or node.text

    def features(self, block: Block) -> Features:
        """Return the features of a block's rows; InputError names a cell that its type denies."""
        rows = Rows(block, self._fits)
        if not self.sparse:
            dense = self._dense(block, rows)
            return dense if self._pixel_maximum is None else self._pixels(block, dense)
        return self._sparse(block, rows)

    def _dense(self, block: Block, rows: Rows) -> npt.NDArray[np.float32]:
        if len(self._plain) == len(self._outputs):  # what the table has, and nothing else
            return block.table(self._plain).astype(np.float32)
        dense = np.empty((len(block), self.feature_dim), dtype=np.float32)
        for column, node in enumerate(self._outputs):
            dense[:, column] = _column(block, rows, node)
        return dense

    def _pixels(self, block: Block, dense: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        wrong = (dense != np.floor(dense)) | (dense < 0) | (dense > GREY_LEVELS - 1)
        if wrong.any():
            row, column = (int(index) for index in np.argwhere(wrong)[0])
            problem = f"is no pixel, a whole number of 0 to {GREY_LEVELS - 1}; correct it"
            raise block.refuse(row, self._outputs[column].variable, problem)
        return np.divide(dense, np.float32(self._pixel_maximum or 1), dtype=np.float32)

    def _sparse(self, block: Block, rows: Rows) -> csr_matrix:
        from scipy.sparse import coo_matrix

        places, columns, values = [], [], []
        for start, node in zip(self._starts, self._outputs, strict=True):
            if node.kind in ONE_HOT:
                where, which = self._one_hot(rows, node)
                value = np.ones(len(where), dtype=np.float32)
            else:
                whole = _column(block, rows, node).astype(np.float32)
                where = np.flatnonzero(whole)
                which, value = np.zeros_like(where), whole[where]
            places.append(where)
            columns.append(which + start)
            values.append(value)
        index = (np.concatenate(places), np.concatenate(columns))
        matrix = coo_matrix((np.concatenate(values), index), shape=(len(block), self.feature_dim)).tocsr()
        matrix.sort_indices()
        return matrix

    def _one_hot(self, rows: Rows, node: Node) -> tuple[Indices, Indices]:
        """Return row numbers and places in the vocabulary of a node's known words, each once a row."""
        known = self._words[node.text]
        if node.kind == CATEGORICAL:
            codes = np.array([known.get(word, -1) for word in rows.value(node)], dtype=np.int64)
            where = np.flatnonzero(codes >= 0)
            self.unseen[node.text] += len(codes) - len(where)
            return where, codes[where]
        found: list[tuple[int, int]] = []
        for row, words in enumerate(rows.words(node)):
            for word in dict.fromkeys(words):
                if word in known:
                    found.append((row, known[word]))
                else:
                    self.unseen[node.text] += 1
        pairs = np.array(found, dtype=np.int64).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]


def _column(block: Block, rows: Rows, node: Node) -> Doubles:
    """Return an output of one column; InputError where a value of it is no float32."""
    values = np.asarray(rows.value(node), dtype=np.float64)
    if not are_float32(values):
        row = int(np.argmax(~(np.abs(values) < FLOAT32_OVERFLOW)))
        problem = (
            f"becomes {values[row]:g} by {node.text}, which is beyond float32: it lies too far from the "
            "training rows; correct it, or leave normalize out of the recipe"
        )
        raise block.refuse(row, next(node.walk()).variable, problem)
    return values
