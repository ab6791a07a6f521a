"""What sparse rows mean: numbers given for one and the same cell are added up."""

from __future__ import annotations

import numpy as np

from algorithms.base import Features


def distinct(rows: Features) -> Features:
    """Return the same rows with every column once in each, ascending; dense ones as they are.

    Matrix products add such numbers up by themselves, but squares and variances do not.
    """
    if isinstance(rows, np.ndarray) or rows.has_canonical_format:
        return rows
    own = rows.copy()  # the decoder's memory may be a read-only map, or used again
    own.sum_duplicates()
    return own
