"""Windows of sparse rows: in scratch files, in the order asked for, without the zeros that are stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.sparse import csr_matrix, random_array, vstack

from algorithms import sparse_windows
from algorithms.array_channel import ArrayChannel
from algorithms.base import Batch
from algorithms.mini_batches import MiniBatches
from algorithms.scratch import is_mapped
from algorithms.sparse_windows import Laid, Slices, gathered

RANDOM = np.random.default_rng(0)


def some_rows(count: int, width: int = 40) -> csr_matrix:
    """Rows of which some are empty and one in ten non-zeros is a stored 0."""
    rows = csr_matrix(random_array((count, width), density=0.05, rng=RANDOM, dtype=np.float32))
    rows.data[RANDOM.random(rows.nnz) < 0.1] = 0
    return rows


def test_batches_laid_down_are_read_back_as_one_matrix_as_wide_as_the_widest() -> None:
    batches = [some_rows(30, 20), csr_matrix((3, 20), dtype=np.float32), some_rows(50, 40)]
    laid = Laid(1000)
    for batch in batches:
        np.testing.assert_array_equal(laid.append(batch).toarray(), batch.toarray())
    whole = laid.whole()
    batches[:2] = [csr_matrix((b.data, b.indices, b.indptr), shape=(b.shape[0], 40)) for b in batches[:2]]
    np.testing.assert_array_equal(whole.toarray(), vstack(batches).toarray())
    assert is_mapped(whole.data)
    assert is_mapped(whole.indices)


@pytest.mark.parametrize("count", [1, 300])
def test_rows_are_gathered_part_after_part(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparse_windows, "_PART", 7)
    rows, order = some_rows(count), RANDOM.permutation(count).astype(np.int32)
    parts = []

    def doubled(part: csr_matrix) -> csr_matrix:
        parts.append(part)
        return part * np.float32(2)

    found = gathered(rows, order, doubled)
    np.testing.assert_array_equal(found.toarray(), 2 * rows.toarray()[order])
    assert found.nnz == np.count_nonzero(rows.data), "a stored 0 is left out"
    assert len(parts) > 5 or count < 300


def test_slices_are_views_of_the_rows_asked_for() -> None:
    rows = some_rows(50)
    slices = Slices(rows)
    for start, stop in ((0, 10), (10, 20), (20, 50), (50, 50)):
        part = slices.of(start, stop)
        np.testing.assert_array_equal(part.toarray(), rows[start:stop].toarray())
        np.testing.assert_allclose(part @ np.eye(40, dtype=np.float32), rows[start:stop].toarray())
    assert np.shares_memory(slices.of(0, 10).data, rows.data)


@dataclass
class Counted(ArrayChannel):
    """A channel that counts its passes, and the batches of all."""

    passes: int = 0
    given: int = 0

    def batches(self, rows: int) -> Iterator[Batch]:
        """See `Channel`."""
        self.passes += 1
        for batch in super().batches(rows):
            self.given += 1
            yield batch


def test_a_sparse_channel_of_several_windows_is_read_once_and_lies_outside_of_memory() -> None:
    rows, labels = some_rows(500), np.arange(500, dtype=np.float32)
    channel = Counted(rows, labels)
    batches = MiniBatches(channel, 20, seed=2, window_bytes=1000)
    assert all(is_mapped(batch.features.data) for batch in batches.head())
    for _ in range(3):
        seen = []
        for batch in batches.epoch():
            assert batch.labels is not None
            assert is_mapped(batch.features.data)
            assert is_mapped(batch.labels)
            numbers = batch.labels.astype(int)
            np.testing.assert_array_equal(batch.features.toarray(), rows[numbers].toarray())
            seen.append(numbers)
        np.testing.assert_array_equal(np.sort(np.concatenate(seen)), labels)
    assert channel.passes == 1


def test_a_sparse_mini_batch_is_read_whole_however_wide_its_space_is() -> None:
    rows = csr_matrix((np.ones(600, np.float32), (np.arange(600), np.arange(600) * 1000)), (600, 600_000))
    channel = Counted(rows, np.zeros(600, np.float32))
    assert [len(batch) for batch in MiniBatches(channel, 200, seed=2).epoch()] == [200] * 3
    assert channel.given == 3
