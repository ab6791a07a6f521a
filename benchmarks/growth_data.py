"""Data of any length: a block of rows is made and encoded once, and written as often as wanted.

What a row costs does not depend on whether another has the same values, and so the longest file takes as
long to make as its bytes take to write. A label is 1 where a random projection of the row is above 0.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from processing.recordio import encode_dense

SEED = 7
CSV, RECORDIO = "text/csv", "application/x-recordio-protobuf"

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Block:
    """features (rows, columns) and labels (rows,), float32: of 0 and 1."""

    features: Floats
    labels: Floats

    def recordio(self, *, labelled: bool = True) -> bytes:
        """Encode as the channel that conversion writes."""
        return encode_dense(self.features, self.labels if labelled else None)

    def csv(self) -> bytes:
        """Encode as a CSV channel: the label first, no header."""
        return self._text(self.labels.astype(int).tolist())

    def table(self) -> bytes:
        """Encode as a raw table's rows: the class's name in the first column."""
        return self._text(["ab"[int(label)] for label in self.labels])

    def _text(self, first: list[int] | list[str]) -> bytes:
        text = io.StringIO()
        rows = [[f"{value:.4f}" for value in row] for row in self.features.tolist()]
        csv.writer(text, lineterminator="\n").writerows(
            [cell, *row] for cell, row in zip(first, rows, strict=True)
        )
        return text.getvalue().encode()


def make_block(rows: int, columns: int) -> Block:
    """Draw rows: normally distributed features, and labels that a line parts."""
    random = np.random.default_rng(SEED)
    features = random.standard_normal((rows, columns), np.float32)
    return Block(features, (features @ random.standard_normal(columns, np.float32) > 0).astype(np.float32))


def predictions(block: Block) -> bytes:
    """Encode what linear-learner would answer: JSON Lines with a score and a label."""
    random = np.random.default_rng(SEED)
    scores = np.clip(block.labels * 0.4 + random.random(len(block.labels)) * 0.6, 0, 1)
    lines = (json.dumps({"score": score, "predicted_label": int(score > 0.5)}) for score in scores.tolist())
    return "".join(f"{line}\n" for line in lines).encode()


def repeat(path: Path, block: bytes, times: int, *, head: bytes = b"") -> None:
    """Write `head`, then the block so many times."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(head)
        for _ in range(times):
            file.write(block)
