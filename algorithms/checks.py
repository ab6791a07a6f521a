"""What every record of a training channel is checked for before an algorithm sees it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from algorithms.base import Features, LabelRule
from algorithms.errors import CustomerError

Floats = npt.NDArray[np.float32]

_WIDEST = 2**31 - 1
"""Columns of sparse rows: their numbers are kept as int32."""


class RowChecks:
    """Finite features, one width, one kind (dense or sparse), a label each, labels by the rule.

    width: the number of features; None until the first record tells it.
    """

    def __init__(self, label_rule: LabelRule, width: int | None) -> None:
        self.width = width
        self._declared = width is not None
        self._label_rule = label_rule
        self._dense: bool | None = None

    def check(self, features: Features, labels: Floats | None, where: str, first_row: int) -> None:
        """Check consecutive records; raise CustomerError that names source, row, feature (from 1) and value.

        where: what the message calls their source. first_row: the number of the first of them in it.
        """
        if not features.shape[0]:
            return
        self._check_shape(features, where, first_row)
        if labels is None:
            raise CustomerError(
                f"{where}, row {first_row} has no label: training needs a label in every record"
            )
        _check_finite(features, where, first_row)
        self._check_labels(labels, where, first_row)

    def _check_shape(self, features: Features, where: str, first_row: int) -> None:
        dense = isinstance(features, np.ndarray)
        if self._dense is None:
            self._dense = dense
        if dense != self._dense:
            kind, other = ("dense", "sparse") if dense else ("sparse", "dense")
            raise CustomerError(f"{where}, row {first_row} is {kind}, but the records before it are {other}")
        width = int(features.shape[1])
        if not width:
            raise CustomerError(f"{where}, row {first_row} has no features: every record needs one or more")
        if self.width is None:
            self.width = width
        if width != self.width:
            cure = "feature_dim is" if self._declared else "the records before it have"
            raise CustomerError(f"{where}, row {first_row} has {width} features, but {cure} {self.width}")
        if not dense and width > _WIDEST:
            raise CustomerError(
                f"{where}, row {first_row} has {width} features, but sparse records may have {_WIDEST}: "
                "number those that occur, or hash them to fewer"
            )

    def _check_labels(self, labels: Floats, where: str, first_row: int) -> None:
        rule = self._label_rule
        wrong = ~np.isfinite(labels)
        allowed = "a finite number"
        if rule.whole or rule.classes is not None:
            wrong |= (labels < 0) | (labels != np.floor(labels))
            allowed = "a whole number from 0"
        if rule.classes is not None:
            wrong |= labels >= rule.classes
            allowed = f"a whole number from 0 to {rule.classes - 1}"
        if wrong.any():
            row = int(wrong.argmax())
            seen = _number(labels[row])
            raise CustomerError(
                f"{where}, row {first_row + row} has the label {seen}, but must have {allowed}"
            )


def _check_finite(features: Features, where: str, first_row: int) -> None:
    found = find_not_finite(features)
    if found is not None:
        row, column, value = found
        seen = _number(value)
        raise CustomerError(
            f"{where}, row {first_row + row}, feature {column + 1} is {seen}, but must be finite"
        )


def find_not_finite(features: Features) -> tuple[int, int, float] | None:
    """Return row, column (both from 0) and value of the first NaN or infinity; None where all is finite."""
    values: Floats = features if isinstance(features, np.ndarray) else features.data
    # A sum is finite only if every term is, and is several times cheaper than looking at each value. einsum
    # adds up the rows of a mapped file, which have gaps between them, in a third of the time of np.sum. BLAS
    # would be as quick, but its other thread then keeps a core busy for some 20 ms, waiting for more.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(np.einsum("ij->" if values.ndim == 2 else "i->", values)):
            return None
    finite = np.isfinite(values)
    if finite.all():
        return None
    at = int(finite.argmin())
    row, column = _position(features, at)
    return row, column, float(values.flat[at])


def _position(features: Features, at: int) -> tuple[int, int]:
    """Row and column (from 0) of the stored value number `at`."""
    if isinstance(features, np.ndarray):
        row, column = divmod(at, features.shape[1])
        return row, column
    return int(np.searchsorted(features.indptr, at, side="right")) - 1, int(features.indices[at])


def _number(value: Any) -> str:
    return f"{float(value):g}"
