"""Readers of raw data: outside bytes become checked arrays, or an InputError that says what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from processing.splits import Split


@dataclass(frozen=True)
class RawImages:
    """Labelled images as a reader found them, split the way their publisher split them.

    splits: by name (train, validation, test); features have height x width columns, row by row.
    image_shape: (height, width) in pixels.
    files: what was read; format: `mnist-pickle` or `mnist-idx`.
    """

    splits: dict[str, Split]
    image_shape: tuple[int, int]
    files: list[Path]
    format: str


@dataclass(frozen=True)
class RawTable:
    """A labelled table, not yet split: float64 features in the order of `feature_names`."""

    rows: Split
    feature_names: list[str]
    files: list[Path]
