"""Weights and biases of many models in one table, with what moves them: rates, penalties, an optimizer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy

import numpy as np
import numpy.typing as npt

from algorithms.aligned import zeros
from algorithms.linear_learner.absence import grown
from algorithms.linear_learner.columns import Columns
from algorithms.linear_learner.grid import Variant
from algorithms.linear_learner.initial import InitialWeights
from algorithms.linear_learner.optimizer import Recalled
from algorithms.linear_learner.optimizers import create
from algorithms.linear_learner.rates import GROUP, Penalty, Rates
from algorithms.linear_learner.settings import Settings

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.intp]


class Parameters:
    """The parameters of one job's models, width = classes · models columns of them.

    `weights` (features, width) and `bias` (width,) are in the scaled unit of training. The rows are the
    features, or for sparse data (with `columns`) the places of those that have occurred.
    """

    def __init__(
        self,
        settings: Settings,
        variants: Sequence[Variant],
        feature_dim: int,
        seed: int,
        columns: Columns | None = None,
    ) -> None:
        def per_column(per_model: Sequence[float]) -> Floats:
            return np.tile(np.asarray(per_model, np.float32), settings.classes)

        self.width = settings.classes * len(variants)
        self._columns = columns
        self._initial = InitialWeights(settings.initial, (feature_dim, self.width), seed)
        # One table for weights and bias, so that one step of the optimizer serves both: a step of its own
        # for the bias costs 11 µs for 32 numbers. Rows behind the bias are 0 and only fill up the last group.
        self.features = 0 if columns else feature_dim
        self._table = zeros(table_shape(self.features, self.width))
        if columns is None:
            self._initial.fill(self.weights)
        self._use_bias, self._schedule = settings.use_bias, settings.schedule
        if settings.use_bias:
            self.bias[...] = settings.initial.bias
        minimum = settings.schedule.minimum if settings.schedule else 0.0
        self._rates = Rates(per_column([variant.learning_rate for variant in variants]), minimum)
        wd = per_column([variant.wd for variant in variants])
        self._penalty = Penalty(wd, per_column([variant.l1 for variant in variants]))
        bias_wd = wd * np.float32(settings.bias_wd_mult)
        self._bias_wd = bias_wd if bias_wd.any() else None
        self._bias_lr_mult = np.float32(settings.bias_lr_mult)
        self._optimizer = create(settings.optimizer, self._table.shape)
        self._bias_group = np.empty((GROUP, self.width), np.float32)  # see `rates`
        self._gradient = np.zeros((0, self.width), np.float32)  # of all rows, once a step needs it
        # A product sums columns in a third of the time.
        self._ones = np.ones(0, np.float32)
        self._updates = 0

    @property
    def weights(self) -> Floats:
        """A view of the weights."""
        return self._table[: self.features]

    @property
    def bias(self) -> Floats:
        """A view of the bias."""
        bias: Floats = self._table[self.features]
        return bias

    @property
    def finite(self) -> npt.NDArray[np.bool_]:
        """Which columns are finite, (width,)."""
        return np.asarray(np.isfinite(self.weights).all(axis=0) & np.isfinite(self.bias))

    @property
    def follows_absence(self) -> bool:
        """Whether `recall` and `step_rows` are possible."""
        return self._optimizer.follows_absence

    @property
    def gradient(self) -> Floats:
        """Memory for a gradient of all weights, to be filled before `step`."""
        if len(self._gradient) != len(self._table):
            self._gradient = zeros(self._table.shape)
        return self._gradient[: self.features]

    def add_bias(self, scores: Floats) -> None:
        """Add the bias to scores (n, width)."""
        if not self._use_bias:
            return
        if len(scores) % GROUP:
            np.add(scores, self.bias, out=scores)
            return
        self._bias_group[...] = self.bias
        wide = scores.reshape(-1, self._bias_group.size)
        np.add(wide, self._bias_group.reshape(-1), out=wide)

    def step(self, slopes: Floats) -> None:
        """One step by `gradient`, which is lost. slopes (n, width): ∂(mean loss)/∂score.

        It leaves 0 in the rows that fill up the last group, since their moments stay 0.
        """
        self._put_bias_slope(slopes, self._gradient[self.features])
        before = self._bias_before()
        free = len(self._table) - self.features
        self._optimizer.step(self._table, self._gradient, self._rates, self._penalty, free=free)
        self._stepped(before)

    def recall(self, touched: Rows, rows: int) -> Recalled:
        """Return copies of the weights `touched` as of now, to be followed by `step_rows`.

        rows: how many copies. Behind those touched is the bias, then one of the rows that fill up the table
        and stay 0, as often as needed.
        """
        wanted = np.full(rows, self.features + 1)
        wanted[: len(touched)] = touched
        wanted[len(touched)] = self.features
        return self._optimizer.recall(self._table, self._rates, wanted)

    def step_rows(self, recalled: Recalled, touched: int, gradient: Floats, slopes: Floats) -> None:
        """One step of the weights recalled, the first of which are `touched`, and of the bias.

        gradient: of all that were recalled, and lost as they are; the bias's is filled in here.
        """
        self._put_bias_slope(slopes, gradient[touched])
        before = self._bias_before()
        free = len(recalled.rows) - touched
        self._optimizer.step_rows(self._table, recalled, gradient, self._rates, self._penalty, free=free)
        self._stepped(before)

    def settle(self) -> None:
        """Bring all weights to the present, after steps of some."""
        self._optimizer.settle(self._table, self._rates)

    def grow(self, features: int) -> None:
        """Make room for columns that have occurred for the first time, with their initial weights."""
        assert self._columns is not None, "dense features are all there"
        at, more = self.features, features - self.features
        total = table_shape(features + 1, self.width)[0]  # one row at least that only fills up, see `recall`
        self._table = grown(self._table, at, more, total)
        self._optimizer.grow(at, more, total)
        self.features = features
        self._initial.pick(self._columns.occurred[at:features], self._table[at:features])

    def clear(self, columns: npt.NDArray[np.bool_]) -> None:
        """Set columns to 0 for good."""
        self.weights[:, columns] = 0
        self.bias[columns] = 0
        self._rates = self._rates.without(columns)
        self._optimizer.clear(columns)

    def part(self, features: slice, table: Floats, *, bias: bool) -> Parameters:
        """Return parameters of some of the (dense) features, which go on from here by themselves.

        table: memory for them, of `table_shape`. bias: whether they have the bias; else it is 0 and stays so.
        """
        assert self._columns is None, "sparse features are not divided"
        count = features.stop - features.start

        def some(rows: Floats, found: Floats) -> Floats:
            found[:count] = rows[features]
            if bias:
                found[count] = rows[self.features]
            return found

        part = copy(self)
        part.features, part._table = count, some(self._table, table)
        part._optimizer = self._optimizer.part(lambda rows: some(rows, zeros(table.shape)))
        part._gradient = self._gradient[:0]
        part._use_bias = self._use_bias and bias
        return part

    def take_over(self, tables: Iterable[tuple[slice, Floats]]) -> None:
        """Take the weights of all parts from their tables, and the bias from the first one's."""
        for place, (features, table) in enumerate(tables):
            count = features.stop - features.start
            self.weights[features] = table[:count]
            if place == 0:
                self.bias[...] = table[count]

    def _put_bias_slope(self, slopes: Floats, slope: Floats) -> None:
        """Write the gradient of the bias into its row; 0 without one, which leaves it where it is."""
        if not self._use_bias:
            slope[...] = 0
            return
        if len(slopes) > len(self._ones):
            self._ones = np.ones(len(slopes), np.float32)
        np.matmul(self._ones[: len(slopes)], slopes, out=slope)
        if self._bias_wd is not None:
            slope += self._bias_wd * self.bias

    def _bias_before(self) -> Floats | None:
        return self.bias.copy() if self._bias_lr_mult != 1 else None

    def _stepped(self, before: Floats | None) -> None:
        self._updates += 1
        if self._schedule is not None and self._updates % self._schedule.step == 0:
            self._rates.multiplier = self._schedule.multiplier(self._updates)
        if before is not None:  # every optimizer's step is in proportion to the rate
            self.bias[...] += (self._bias_lr_mult - 1) * (self.bias - before)


def table_shape(features: int, width: int) -> tuple[int, int]:
    """Return the shape of a table for weights and a bias; GROUP divides its rows."""
    return -(-(features + 1) // GROUP) * GROUP, width
