"""The recordIO codec: what is written, what is read, and what is refused."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_matrix, csc_matrix, csr_matrix

from processing.recordio import (
    Arrays,
    RecordIOError,
    decode_labels,
    encode_dense,
    encode_labels,
    encode_sparse,
    read_arrays,
    read_batches,
    read_chunks,
    read_dense,
    read_records,
    read_sparse,
    rebatch,
    write_numpy_to_dense_tensor,
    write_spmatrix_to_sparse_tensor,
)
from processing.recordio import _encode as encode_module
from processing.recordio import _frames as frames_module
from processing.recordio import _sparse as sparse_module
from processing.recordio import _varints as varints_module
from processing.recordio._decode import together
from processing.recordio._form import Form
from processing.recordio._ragged import PIECE, gather
from processing.recordio._records import collect

MAGIC = bytes.fromhex("0a23d7ce")
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def dense(rows: int, width: int, dtype: object = "f4", seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=(rows, width)) * 100).astype(dtype)


def sparse(counts: list[int], width: int, dtype: object = "f4", seed: int = 0) -> csr_matrix:
    """A matrix with so many numbers in each row, at random columns."""
    rng = np.random.default_rng(seed)
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    columns = [np.sort(rng.choice(width, count, replace=False)) for count in counts]
    indices = np.concatenate(columns).astype(np.int64) if columns else np.empty(0, np.int64)
    data = (rng.normal(size=len(indices)) * 100).astype(dtype)
    return csr_matrix((data, indices, indptr), shape=(len(counts), width))


def assert_same(got: Arrays, features: object, labels: np.ndarray | None) -> None:
    """Equal to the bit, NaN included."""
    assert got.features.dtype == np.float32
    assert got.features.shape == features.shape
    if isinstance(features, np.ndarray):
        assert isinstance(got.features, np.ndarray)
        assert got.features.tobytes() == features.astype("f4").tobytes()
    else:
        expected = features.tocsr()
        assert got.features.data.tobytes() == expected.data.astype("f4").tobytes()
        assert np.array_equal(got.features.indices, expected.indices)
        assert np.array_equal(got.features.indptr, expected.indptr)
    assert (got.labels is None) == (labels is None)
    if labels is not None:
        assert got.labels.tobytes() == labels.astype("f4").tobytes()


class TestTheDocumentedLayout:
    def test_a_labelled_record_of_784_features_byte_by_byte(self) -> None:
        features = dense(2, 784)
        record = encode_dense(features, np.array([1, 0], "f4"))[:3184]
        assert record[0:8] == MAGIC + struct.pack("<I", 3176)
        assert record[8:11] == bytes.fromhex("0ad118")
        assert record[11:19] == b"\x0a\x06values"
        assert record[19:22] == bytes.fromhex("12c618")
        assert record[22:25] == bytes.fromhex("12c318")
        assert record[25:28] == bytes.fromhex("0ac018")
        assert record[28:3164] == features[0].tobytes()
        assert record[3164:3180] == b"\x12\x12\x0a\x06values\x12\x08\x12\x06\x0a\x04"
        assert record[3180:3184] == struct.pack("<f", 1)

    @pytest.mark.parametrize(("width", "begins"), [(4, 24), (13, 24), (30, 25), (54, 28), (784, 28)])
    def test_values_begin_where_the_lengths_end(self, width: int, begins: int) -> None:
        features = dense(1, width)
        assert encode_dense(features)[begins : begins + 4 * width] == features.tobytes()

    def test_a_record_ends_on_a_multiple_of_four(self) -> None:
        record = encode_dense(dense(1, 30), np.ones(1, "f4"))
        assert len(record) == 168
        assert record[-3:] == bytes(3)
        assert len(encode_dense(dense(1, 784))) == 3164

    def test_a_sparse_record_holds_values_then_keys_then_shape(self) -> None:
        matrix = csr_matrix(np.array([[0, 0, 1.0], [0, 0, 0]], "f4"))
        full = MAGIC + b"\x1a\0\0\0\x0a\x18\x0a\x06values\x12\x0e\x12\x0c"
        full += b"\x0a\x04\0\0\x80\x3f" + b"\x12\x01\x02" + b"\x1a\x01\x03" + b"\0\0"
        blank = MAGIC + b"\x11\0\0\0\x0a\x0f\x0a\x06values\x12\x05\x12\x03" + b"\x1a\x01\x03" + b"\0\0\0"
        assert encode_sparse(matrix) == full + blank

    def test_integers_are_varints_and_negative_ones_take_ten_bytes(self) -> None:
        record = encode_dense(np.array([[1, -1, 300]]))
        values = b"\x01" + b"\xff" * 9 + b"\x01" + b"\xac\x02"
        assert record[8:37] == b"\x0a\x1b\x0a\x06values\x12\x11\x3a\x0f\x0a\x0d" + values


class TestWhatIsWrittenIsRead:
    @quick
    @given(
        rows=st.integers(0, 40),
        width=st.integers(0, 200),
        dtype=st.sampled_from(["f4", "f8", "i8"]),
        label=st.sampled_from([None, "f4", "f8", "i8"]),
    )
    def test_dense(self, tmp_path: Path, rows: int, width: int, dtype: str, label: str | None) -> None:
        features = dense(rows, width, dtype)
        labels = None if label is None else dense(1, rows, label, seed=1)[0]
        encoded = encode_dense(features, labels)
        path = tmp_path / "train.pbr"
        path.write_bytes(encoded)
        if rows == 0:
            features, labels = np.empty((0, 0), "f4"), None
        for source in (encoded, path, io.BytesIO(encoded)):
            assert_same(read_dense(source), features, labels)
        assert_same(read_arrays(str(path), copy=True), features, labels)

    @quick
    @given(
        counts=st.lists(st.integers(0, 20), min_size=1, max_size=40),
        width=st.sampled_from([20, 127, 128, 129, 20_000, 1_000_000]),
        dtype=st.sampled_from(["f4", "f8", "i8"]),
        label=st.sampled_from([None, "f4", "f8", "i8"]),
    )
    def test_sparse(self, counts: list[int], width: int, dtype: str, label: str | None) -> None:
        features = sparse(counts, width, dtype)
        labels = None if label is None else dense(1, len(counts), label, seed=1)[0]
        encoded = encode_sparse(features, labels)
        assert_same(read_sparse(encoded), features, labels)
        assert_same(read_arrays(io.BytesIO(encoded)), features, labels)

    def test_columns_beyond_32_bits(self) -> None:
        width = 1 << 62
        indices = np.array([0, 1 << 35, width - 1])
        features = csr_matrix((np.ones(3, "f4"), indices, [0, 1, 3]), shape=(2, width))
        assert_same(read_sparse(encode_sparse(features)), features, None)

    def test_a_chunk_too_large_to_be_decoded_at_once_reads_alike(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        features = sparse([3, 0, 5, 2], 70_000)
        monkeypatch.setattr(sparse_module, "LARGEST", 100)
        assert_same(read_sparse(encode_sparse(features)), features, None)

    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    @pytest.mark.parametrize("width", [70_000, 1 << 40])
    def test_ragged_rows_over_many_chunks(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int, dtype: str
    ) -> None:
        # Lengths of one, two and three bytes, empty rows at either end, rows longer than a chunk.
        counts = [0, 0, *np.random.default_rng(3).geometric(0.05, 150).tolist(), 0, 6000, 31, 32, 0]
        rng = np.random.default_rng(4)
        indptr = np.concatenate([[0], np.cumsum(counts)])
        # Keys of all widths, in no order, some of them twice in a row.
        keys = rng.integers(0, width, indptr[-1]) >> rng.integers(0, 40, indptr[-1])
        features = csr_matrix(
            (rng.normal(size=len(keys)).astype(dtype), keys, indptr), shape=(len(counts), width)
        )
        labels = dense(1, len(counts))[0]
        encoded = encode_sparse(features, labels)
        path = tmp_path / "rows.pbr"
        path.write_bytes(encoded)
        monkeypatch.setattr(frames_module, "CHUNK", 5000)
        for source in (path, encoded, io.BytesIO(encoded)):
            assert_same(read_sparse(source), features, labels)
        read = read_sparse(path).features
        assert not read.has_sorted_indices
        assert np.array_equal(read.sorted_indices().indices, features.sorted_indices().indices)
        assert_same(one(list(read_batches(io.BytesIO(encoded), 7))), features, labels)

    @pytest.mark.parametrize("other", [coo_matrix, csc_matrix])
    def test_any_sparse_format_is_written_row_by_row(self, other: type) -> None:
        features = sparse([3, 0, 2], 50)
        assert encode_sparse(other(features)) == encode_sparse(features)

    def test_numbers_that_are_not_finite_pass_through(self) -> None:
        features = np.array([[np.nan, np.inf, -np.inf, -0.0]], "f4")
        assert_same(read_dense(encode_dense(features)), features, None)

    def test_doubles_are_read_as_float32_and_too_large_ones_as_infinity(self) -> None:
        read = read_dense(encode_dense(np.array([[1e300, -1e300, 0.1]])))
        assert read.features.tolist() == [[np.inf, -np.inf, np.float32(0.1)]]

    @pytest.mark.parametrize("dtype", ["u1", "i4", "?", "f2", ">f4"])
    def test_dtypes_that_sdk_v2_refused_are_written_as_float32(self, dtype: str) -> None:
        features = np.array([[0, 1, 1], [1, 0, 0]], dtype)
        assert encode_dense(features, features[:, 0]) == encode_dense(
            features.astype("f4"), features[:, 0].astype("f4")
        )

    def test_columns_first_and_strided_arrays_are_written_alike(self) -> None:
        features = dense(30, 40)
        wanted = encode_dense(np.ascontiguousarray(features[::2, ::3]))
        assert encode_dense(features[::2, ::3]) == wanted
        assert encode_dense(np.asfortranarray(features[::2, ::3])) == wanted

    def test_batch_after_batch_makes_one_stream(self) -> None:
        features, labels = dense(10, 7), dense(1, 10)[0]
        file = io.BytesIO()
        for start in range(0, 10, 3):
            write_numpy_to_dense_tensor(file, features[start : start + 3], labels[start : start + 3])
        assert file.getvalue() == encode_dense(features, labels)
        matrix = sparse([2, 0, 5, 1], 30)
        file = io.BytesIO()
        write_spmatrix_to_sparse_tensor(file, matrix[:1])
        write_spmatrix_to_sparse_tensor(file, matrix[1:])
        assert file.getvalue() == encode_sparse(matrix)

    def test_more_rows_than_one_block_holds(self) -> None:
        features = dense(3000, 784)
        assert_same(read_dense(encode_dense(features)), features, None)
        wide = sparse([100_000, 0, 300_000, 7], 1_000_000)
        assert_same(read_sparse(encode_sparse(wide, np.arange(4.0))), wide, np.arange(4.0))

    def test_a_file_that_takes_a_part_of_what_it_is_given(self) -> None:
        class Reluctant(io.RawIOBase):
            taken = b""

            def write(self, data: memoryview) -> int:
                self.taken += bytes(data[:5])
                return min(5, len(data))

        file = Reluctant()
        write_numpy_to_dense_tensor(file, dense(3, 9))
        assert file.taken == encode_dense(dense(3, 9))

    def test_blocks_are_written_in_order_and_whole(self, monkeypatch: pytest.MonkeyPatch) -> None:
        features, labels = dense(50, 9), np.arange(50, dtype="f4")
        wanted = encode_dense(features, labels)
        monkeypatch.setattr(encode_module, "BLOCK", 3 * len(wanted) // 50)
        file = io.BytesIO()
        write_numpy_to_dense_tensor(file, features, labels)
        assert file.getvalue() == wanted

    def test_a_file_that_fails_between_blocks_ends_the_writing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(encode_module, "BLOCK", 100)

        class Full(io.BytesIO):
            def write(self, data: memoryview) -> int:
                if self.tell() > 300:
                    raise OSError("no space left on device")
                return super().write(data)

        with pytest.raises(OSError, match="no space left"):
            write_numpy_to_dense_tensor(Full(), dense(50, 9))

    def test_a_number_that_cannot_be_written_is_refused_in_a_later_block_too(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(encode_module, "BLOCK", 100)
        features = np.zeros((50, 9), "i4")
        features[40, 3] = 2**24 + 1
        with pytest.raises(ValueError, match="hold 16777217, which float32 would change"):
            write_numpy_to_dense_tensor(io.BytesIO(), features)

    def test_a_file_that_does_not_say_how_much_it_took(self) -> None:
        parts: list[bytes] = []

        class Silent:
            def write(self, data: memoryview) -> None:
                parts.append(bytes(data))

        write_numpy_to_dense_tensor(Silent(), dense(3, 9))
        assert b"".join(parts) == encode_dense(dense(3, 9))


class TestViews:
    def test_a_mapped_file_is_not_copied(self, tmp_path: Path) -> None:
        path = tmp_path / "train.pbr"
        path.write_bytes(encode_dense(dense(5, 784), np.zeros(5, "f4")))
        features = read_dense(path).features
        assert features.base is not None
        assert not features.flags.writeable
        assert features.strides == (3184, 4)

    def test_a_copy_is_contiguous_and_writable(self, tmp_path: Path) -> None:
        path = tmp_path / "train.pbr"
        path.write_bytes(encode_dense(dense(5, 784)))
        features = read_dense(path, copy=True).features
        assert features.flags.c_contiguous
        assert features.flags.writeable
        assert features.base is None

    def test_values_that_are_not_aligned_are_copied(self) -> None:
        assert read_dense(encode_dense(dense(5, 30))).features.flags.aligned

    def test_an_empty_source_has_no_rows(self, tmp_path: Path) -> None:
        path = tmp_path / "empty.pbr"
        path.write_bytes(b"")
        for source in (path, b"", io.BytesIO()):
            assert_same(read_arrays(source), np.empty((0, 0), "f4"), None)


class Dribble(io.RawIOBase):
    """A stream that cannot seek and gives a few bytes at a time, as a FIFO does."""

    def __init__(self, data: bytes, size: int) -> None:
        self.rest, self.size = memoryview(data), size

    def readable(self) -> bool:
        return True

    def readinto(self, view: memoryview) -> int:
        count = min(self.size, len(view), len(self.rest))
        view[:count] = self.rest[:count]
        self.rest = self.rest[count:]
        return count


def one(batches: list[Arrays]) -> Arrays:
    return next(iter(rebatch(batches, sum(batch.features.shape[0] for batch in batches))))


class TestStreaming:
    @quick
    @given(
        rows=st.integers(1, 70), batch=st.integers(1, 80), chunk=st.integers(8, 900), size=st.integers(1, 99)
    )
    @pytest.mark.slow
    def test_batches_do_not_depend_on_how_the_bytes_arrive(
        self, monkeypatch: pytest.MonkeyPatch, rows: int, batch: int, chunk: int, size: int
    ) -> None:
        monkeypatch.setattr(frames_module, "CHUNK", chunk)
        labels = np.arange(rows, dtype="f4")
        counts = np.random.default_rng(rows).integers(0, 9, rows).tolist()
        for features, encoded in (
            (dense(rows, 9), encode_dense(dense(rows, 9), labels)),
            (sparse(counts, 5000), encode_sparse(sparse(counts, 5000), labels)),
        ):
            batches = list(read_batches(Dribble(encoded, size), batch))
            sizes = [b.features.shape[0] for b in batches]
            assert sizes == [batch] * (rows // batch) + [rows % batch] * (rows % batch > 0)
            assert_same(one(batches), features, labels)

    def test_batches_within_a_chunk_are_views_of_it(self) -> None:
        """Also the second and later ones: a copy of each would cost a pass over the data."""
        chunk = Arrays(dense(100, 9), np.arange(100, dtype="f4"))
        batches = list(rebatch([chunk], 20))
        assert len(batches) == 5
        assert all(np.shares_memory(batch.features, chunk.features) for batch in batches)

    def test_sparse_batches_are_views_too(self) -> None:
        features = sparse([3, 0, 5, 2, 0, 0], 50)
        chunk = Arrays(features.astype("f4"), np.arange(6, dtype="f4"))
        batches = list(rebatch([chunk], 2))
        for batch, start in zip(batches, (0, 2, 4), strict=True):
            assert_same(batch, features[start : start + 2], chunk.labels[start : start + 2])
        assert all(np.shares_memory(batch.features.data, chunk.features.data) for batch in batches[:2])

    def test_from_a_fifo(self, tmp_path: Path) -> None:
        fifo = tmp_path / "train_0"
        os.mkfifo(fifo)
        features, labels = dense(3000, 784), np.arange(3000, dtype="f4")

        def write() -> None:
            with fifo.open("wb") as file:
                for start in range(0, 3000, 500):
                    write_numpy_to_dense_tensor(
                        file, features[start : start + 500], labels[start : start + 500]
                    )

        writer = threading.Thread(target=write)
        writer.start()
        with fifo.open("rb", buffering=0) as stream:
            batches = list(read_batches(stream, 200))
        writer.join()
        assert [len(batch.features) for batch in batches] == [200] * 15
        assert_same(one(batches), features, labels)

    def test_a_fifo_may_be_read_whole(self, tmp_path: Path) -> None:
        fifo = tmp_path / "train_0"
        os.mkfifo(fifo)
        writer = threading.Thread(target=lambda: fifo.write_bytes(encode_dense(dense(4, 3))))
        writer.start()
        assert_same(read_dense(fifo), dense(4, 3), None)
        writer.join()

    def test_a_stream_that_can_only_read(self) -> None:
        class Body:
            def __init__(self, data: bytes) -> None:
                self.read = io.BytesIO(data).read

        assert_same(one(list(read_chunks(Body(encode_dense(dense(4, 3)))))), dense(4, 3), None)

    def test_a_text_file_is_refused(self) -> None:
        with pytest.raises(TypeError, match="mode 'rb'"):
            list(read_chunks(io.StringIO("1,2,3")))

    def test_an_empty_stream_yields_nothing(self) -> None:
        assert list(read_batches(io.BytesIO(), 10)) == []

    def test_a_batch_has_a_row(self) -> None:
        with pytest.raises(ValueError, match="rows is 0"):
            read_batches(io.BytesIO(), 0)

    def test_memory_stays_bounded_on_a_long_stream(self) -> None:
        encoded = encode_dense(dense(1000, 784))

        class Repeated(io.RawIOBase):
            left = 60

            def readinto(self, view: memoryview) -> int:
                # One thousand records at a time, whatever is asked for: 190 MB in all.
                self.rest = getattr(self, "rest", b"")
                if not self.rest and self.left:
                    self.left -= 1
                    self.rest = memoryview(encoded)
                count = min(len(view), len(self.rest))
                view[:count] = self.rest[:count]
                self.rest = self.rest[count:]
                return count

        tracemalloc.start()
        rows = sum(len(batch.features) for batch in read_batches(Repeated(), 200))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert rows == 60_000
        assert peak < 40 << 20

    def test_chunks_of_several_files_join_into_full_batches(self) -> None:
        parts = [Arrays(dense(n, 4, seed=n), np.arange(n, dtype="f4")) for n in (3, 0, 9, 1)]
        batches = list(rebatch(parts, 5))
        assert [len(batch.features) for batch in batches] == [5, 5, 3]
        assert_same(
            one(batches),
            np.concatenate([p.features for p in parts]),
            np.concatenate([p.labels for p in parts]),
        )

    @pytest.mark.parametrize(
        "other",
        [
            Arrays(dense(2, 5), None),
            Arrays(dense(2, 4), np.zeros(2, "f4")),
            Arrays(sparse([1, 1], 4), None),
        ],
    )
    def test_chunks_must_agree(self, other: Arrays) -> None:
        with pytest.raises(ValueError, match="dense records of 4 features, unlabelled are followed by"):
            list(rebatch([Arrays(dense(2, 4), None), other], 3))


def field(number: int, data: bytes) -> bytes:
    """A length-delimited protobuf field of at most 127 bytes."""
    return bytes([number << 3 | 2, len(data)]) + data


def framed(payload: bytes) -> bytes:
    return MAGIC + struct.pack("<I", len(payload)) + payload + bytes(-len(payload) % 4)


def entry(number: int, tensor: bytes, name: bytes = b"values", kind: int = 2) -> bytes:
    return field(number, field(1, name) + field(2, field(kind, tensor)))


def widely(number: int, data: bytes) -> bytes:
    """The same, its length in one byte more than it needs."""
    return bytes([number << 3 | 2, len(data) | 0x80, 0]) + data


FLOATS = struct.pack("<2f", 1, 2)
TENSOR = field(1, FLOATS) + field(2, b"\x01\x04") + field(3, b"\x06")
TENSOR_ENTRY = field(1, b"values") + field(2, field(2, TENSOR))
FEATURES = entry(1, field(1, FLOATS))
LABEL = entry(2, field(1, struct.pack("<f", 3)))


class TestRecordsThatOthersWrote:
    @pytest.mark.parametrize(
        "payload",
        [
            FEATURES + LABEL,
            LABEL + FEATURES,
            FEATURES + LABEL + field(3, b"row 1"),
            FEATURES + LABEL + field(4, b"{}") + field(5, b"{}"),
            FEATURES
            + LABEL
            + bytes([15 << 3, 7])
            + bytes([14 << 3 | 1])
            + bytes(8)
            + bytes([13 << 3 | 5])
            + bytes(4),
            entry(1, b"\x0d" + FLOATS[:4] + b"\x0d" + FLOATS[4:]) + LABEL,
            entry(1, field(1, FLOATS[:4]) + field(1, FLOATS[4:])) + LABEL,
            entry(1, field(1, FLOATS) + field(3, b"\x02")) + LABEL,
            entry(1, field(1, FLOATS) + field(3, b"\x02\x01")) + LABEL,
            entry(1, field(1, struct.pack("<2d", 1, 2)), kind=3)
            + entry(2, field(1, struct.pack("<d", 3)), kind=3),
            entry(1, field(1, b"\x01\x02"), kind=7) + entry(2, field(1, b"\x03"), kind=7),
            entry(1, b"\x08\x01\x08\x02", kind=7) + LABEL,
            field(1, field(2, field(2, field(1, FLOATS))) + field(1, b"values")) + LABEL,
        ],
    )
    def test_dense(self, payload: bytes) -> None:
        plain = framed(FEATURES + LABEL)
        for encoded, rows in (
            (framed(payload) * 3, 3),
            (plain + framed(payload), 2),
            (framed(payload) + plain, 2),
        ):
            for source in (encoded, io.BytesIO(encoded)):
                assert_same(read_arrays(source), np.array([[1, 2]] * rows, "f4"), np.full(rows, 3, "f4"))

    @pytest.mark.parametrize(
        "tensor",
        [
            field(1, FLOATS) + field(2, b"\x01\x04") + field(3, b"\x06"),
            field(3, b"\x06") + field(2, b"\x01\x04") + field(1, FLOATS),
            field(1, FLOATS) + b"\x10\x01\x10\x04" + b"\x18\x06",
            field(1, FLOATS) + field(2, b"\x01\x84\x00") + field(3, b"\x86\x00"),
            field(1, FLOATS) + field(2, b"\x01\x04") + field(3, b"\x02\x03"),
        ],
    )
    def test_sparse(self, tensor: bytes) -> None:
        wanted = csr_matrix(np.array([[0, 1, 0, 0, 2, 0]] * 2, "f4"))
        assert_same(read_arrays(framed(entry(1, tensor) + LABEL) * 2), wanted, np.full(2, 3, "f4"))

    @pytest.mark.parametrize(
        "payload",
        [
            pytest.param(widely(1, TENSOR_ENTRY), id="features"),
            pytest.param(field(1, field(1, b"values") + widely(2, field(2, TENSOR))), id="value"),
            pytest.param(field(1, field(1, b"values") + field(2, widely(2, TENSOR))), id="tensor"),
            pytest.param(entry(1, widely(1, FLOATS) + TENSOR[len(FLOATS) + 2 :]), id="values"),
            pytest.param(entry(1, field(1, FLOATS) + widely(2, b"\x01\x04") + field(3, b"\x06")), id="keys"),
            pytest.param(entry(1, field(1, FLOATS) + field(2, b"\x01\x04") + widely(3, b"\x06")), id="shape"),
        ],
    )
    def test_lengths_that_take_more_bytes_than_they_need(self, payload: bytes) -> None:
        plain = framed(entry(1, TENSOR) + LABEL)
        wanted = csr_matrix(np.array([[0, 1, 0, 0, 2, 0]] * 2, "f4"))
        odd = framed(payload + LABEL)
        for encoded in (odd * 2, plain + odd, odd + plain):
            assert_same(read_arrays(encoded), wanted, np.full(2, 3, "f4"))

    def test_an_empty_row_may_say_so_or_leave_its_fields_out(self) -> None:
        full, out = entry(1, TENSOR), entry(1, field(3, b"\x06"))
        said = entry(1, field(1, b"") + field(2, b"") + field(3, b"\x06"))
        wanted = csr_matrix(np.array([[0, 1, 0, 0, 2, 0], [0] * 6], "f4"))
        for empty_row in (out, said):
            assert_same(read_arrays(framed(full) + framed(empty_row)), wanted, None)
            assert_same(read_arrays(framed(empty_row) + framed(full)), wanted[::-1], None)
            assert_same(read_arrays(framed(out) + framed(empty_row)), csr_matrix((2, 6), dtype="f4"), None)

    def test_the_magic_inside_a_record_does_not_begin_another(self) -> None:
        features = np.frombuffer(MAGIC * 12, "f4").reshape(3, 4)
        uneven = encode_dense(features) + encode_sparse(csr_matrix(features))
        assert len(read_records(io.BytesIO(uneven))) == 6
        assert_same(read_dense(encode_dense(features, np.array([1, -1, 1]))), features, np.array([1, -1, 1]))


class TestRecordsAsObjects:
    def test_dense_ones_with_sdk_v2s_attributes(self) -> None:
        record, _ = read_records(
            io.BytesIO(encode_dense(np.array([[1.5, 2], [3, 4]], "f4"), np.array([1, 0], "f4")))
        )
        assert record.features["values"].float32_tensor.values == [1.5, 2.0]
        assert record.features["values"].float32_tensor.keys == []
        assert record.label["values"].float32_tensor.values[0] == 1.0
        assert record.features["values"].float64_tensor.values == []
        assert (record.uid, record.metadata, record.configuration) == ("", "", "")

    def test_sparse_ones(self) -> None:
        (record,) = read_records(io.BytesIO(encode_sparse(csr_matrix(np.array([[0, 2.5, 0, 1]])))))
        tensor = record.features["values"].float64_tensor
        assert (tensor.values, tensor.keys, tensor.shape) == ([2.5, 1.0], [1, 3], [4])

    def test_integers_keep_their_sign(self) -> None:
        (record,) = read_records(io.BytesIO(encode_dense(np.array([[-1, 2**31 - 1, -(2**31)]]))))
        assert record.features["values"].int32_tensor.values == [-1, 2**31 - 1, -(2**31)]

    def test_bytes_and_texts(self) -> None:
        image = field(
            1, field(1, b"image") + field(2, field(9, field(1, b"\xff\xd8") + field(2, b"image/jpeg")))
        )
        texts = field(3, "ü".encode()) + field(4, b"m") + field(5, b"c")
        (record,) = read_records(io.BytesIO(framed(image + texts)))
        assert record.features["image"].bytes.value == [b"\xff\xd8"]
        assert record.features["image"].bytes.content_type == "image/jpeg"
        assert (record.uid, record.metadata, record.configuration) == ("ü", "m", "c")


class TestAnswers:
    def test_scores_and_labels_come_back_by_name(self) -> None:
        score, label = dense(5, 3), np.arange(5, dtype="f4")
        encoded = encode_labels({"score": score, "predicted_label": label})
        decoded = decode_labels(encoded)
        assert list(decoded) == ["score", "predicted_label"]
        assert np.array_equal(decoded["score"], score)
        assert np.array_equal(decoded["predicted_label"], label)
        record = read_records(io.BytesIO(encoded))[2]
        assert record.features == {}
        assert record.label["predicted_label"].float32_tensor.values == [2.0]

    def test_no_rows(self) -> None:
        assert encode_labels({"score": []}) == b""
        assert decode_labels(b"") == {}

    def test_columns_must_be_of_one_length(self) -> None:
        with pytest.raises(ValueError, match=r"\{'score': 1, 'predicted_label': 2\} rows"):
            encode_labels({"score": [1], "predicted_label": [1, 2]})
        with pytest.raises(ValueError, match="one column or more"):
            encode_labels({})

    def test_records_must_have_the_same_labels(self) -> None:
        encoded = encode_labels({"score": [1]}) + encode_labels({"score": [[1, 2]]})
        with pytest.raises(
            RecordIOError, match=r"record 1, byte 28: found labels \{'score': 2\}, expected \{"
        ):
            decode_labels(encoded)


PLAIN = encode_dense(dense(2, 3), np.zeros(2, "f4"))
"""Two records of 56 bytes."""


class TestBadInput:
    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (
                b"5.1,3.5,1.4,0.2\n",
                "record 0, byte 0: found the bytes 352e312c, expected the magic 0a23d7ce; check",
            ),
            (PLAIN + b"abcdefgh", "record 2, byte 112: found the bytes 61626364"),
            (PLAIN + b"abcde", "record 2, byte 112: found the bytes 61626364"),
            (
                PLAIN + b"\x0a",
                "record 2, byte 112: found the end of the data after 1 bytes .* a header of 8 bytes",
            ),
            (
                PLAIN[:-1],
                "record 1, byte 56: found the end of the data after 55 bytes .* a frame of 56 bytes",
            ),
            (
                MAGIC + b"\xff\xff\xff\xff",
                "record 0, byte 4: found a length of 4294967295 bytes, expected at most",
            ),
            (MAGIC + b"\xff\xff\xff\x7f" + bytes(99), "after 107 bytes .* a frame of 2147483656 bytes"),
            (framed(b"\x0a\x7f"), "byte 8: found a field of 127 bytes, expected at most the 0 that are left"),
            (framed(b"\x0b\x00"), "found wire type 3"),
            (framed(b"\x02\x00"), "found field number 0"),
            (framed(b"\xff" * 12), "found a varint that does not end within 10 bytes"),
            (framed(b"\xff" * 9 + b"\x7f"), "expected at most 64 bits"),
            (framed(b"\x08\x01"), "byte 9: found wire type 0 for field 1, expected 2"),
            (framed(FEATURES + field(3, b"\xff")), "found text with the byte 0xff, expected UTF-8"),
            (
                framed(entry(1, field(1, bytes(6)))),
                "found 6 bytes of float32_tensor values, expected a multiple of 4",
            ),
            (framed(entry(1, b"\x09" + bytes(8))), "found wire type 1 for float32_tensor, expected 2 or 5"),
            (framed(b""), r"found features named \[\]"),
            (
                framed(entry(1, b"", name=b"pixels")),
                r"found features named \['pixels'\], expected exactly one",
            ),
            (framed(entry(1, field(1, b"x"), kind=9)), "found features of kind bytes"),
            (framed(FEATURES + entry(2, field(1, FLOATS))), "found 2 numbers in a label, expected 1"),
            (framed(FEATURES + entry(2, b"")), "found 0 numbers in a label, expected 1"),
            (
                framed(entry(1, field(1, FLOATS) + field(2, b"\x01") + field(3, b"\x06"))),
                "found 1 keys, expected 2",
            ),
            (
                # Two keys for two values, but not record by record.
                framed(entry(1, field(1, FLOATS[:4]) + field(2, b"\x01\x02") + field(3, b"\x06")))
                + framed(entry(1, field(1, FLOATS) + field(2, b"\x01") + field(3, b"\x06"))),
                "record 0, .* found 2 keys, expected 1",
            ),
            (
                framed(entry(1, TENSOR)) + framed(entry(1, TENSOR[:-3] + field(1, FLOATS) + TENSOR[-3:])),
                "record 1, .* found 2 keys, expected 4",
            ),
            (
                framed(entry(1, field(1, FLOATS) + field(2, b"\x01\x02"))),
                "found a sparse record without a shape",
            ),
            (
                framed(entry(1, field(1, FLOATS) + field(2, b"\x01\x06") + field(3, b"\x06"))),
                "found the key 6",
            ),
            (
                framed(entry(1, field(1, FLOATS) + field(3, b"\x03"))),
                r"found 2 values, expected 3 as the shape \[3\]",
            ),
            (framed(entry(1, field(3, b"\xff" * 9 + b"\x01"))), "expected at most 63 bits"),
            (framed(entry(1, field(3, (b"\xff" * 8 + b"\x7f") * 9))), "expected at most 63 bits"),
        ],
    )
    def test_says_where_and_what_is_wrong(self, data: bytes, message: str) -> None:
        for source in (data, io.BytesIO(data)):
            with pytest.raises(RecordIOError, match=message):
                read_arrays(source)

    def test_padding_is_zero(self) -> None:
        good = encode_dense(dense(3, 30), np.zeros(3, "f4"))
        bad = good[:335] + b"\x01" + good[336:]
        with pytest.raises(RecordIOError, match="record 1, byte 335: found the byte 0x01 in the padding"):
            read_arrays(io.BytesIO(bad))
        with pytest.raises(RecordIOError, match="record 1, byte 335"):
            read_dense(bad)
        # The first of several is named.
        worse = bad[:-1] + b"\x01"
        with pytest.raises(RecordIOError, match="record 1, byte 335"):
            read_arrays(io.BytesIO(worse))

    @pytest.mark.parametrize(
        ("second", "message"),
        [
            (
                encode_dense(dense(1, 4), np.zeros(1, "f4")),
                "record 2, byte 112: found a width of 4, expected 3",
            ),
            (encode_dense(dense(1, 3)), "record 2, byte 112: found no label, expected one"),
            (encode_sparse(sparse([2], 3), np.zeros(1, "f4")), "found a sparse record, expected a dense one"),
        ],
    )
    def test_records_must_be_of_one_form(self, second: bytes, message: str) -> None:
        with pytest.raises(RecordIOError, match=message):
            read_arrays(PLAIN + second)

    def test_the_form_holds_across_chunks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(frames_module, "CHUNK", 56)
        chunks = read_chunks(io.BytesIO(PLAIN + encode_dense(dense(1, 4), np.zeros(1, "f4"))))
        assert [len(next(chunks).features) for _ in range(2)] == [1, 1]
        with pytest.raises(RecordIOError, match="record 2, byte 112: found a width of 4"):
            next(chunks)

    def test_a_reader_of_one_kind_refuses_the_other(self) -> None:
        with pytest.raises(
            RecordIOError, match="found a sparse record, expected a dense one; read it with read_sparse"
        ):
            read_dense(encode_sparse(sparse([1, 2], 5)))
        with pytest.raises(
            RecordIOError, match="found a dense record, expected a sparse one; read it with read_dense"
        ):
            read_sparse(PLAIN)

    def test_the_error_carries_its_place(self) -> None:
        with pytest.raises(RecordIOError) as caught:
            read_arrays(PLAIN[:-1])
        assert (caught.value.record, caught.value.offset) == (1, 56)

    @pytest.mark.parametrize(
        "encoded",
        [
            encode_dense(dense(3, 2), np.zeros(3, "f4")),
            encode_sparse(sparse([2, 0, 3], 300), np.zeros(3, "f4")),
            encode_dense(np.array([[1, -1], [1, 1], [300, 2]])),
        ],
        ids=["dense", "sparse", "integers"],
    )
    def test_every_truncation_gives_the_whole_records_then_an_error(self, encoded: bytes) -> None:
        whole = read_arrays(encoded)
        starts = [at for at in range(len(encoded)) if encoded[at : at + 4] == MAGIC]
        for cut in range(1, len(encoded)):
            records = sum(start <= cut for start in starts[1:])
            read, error = drain(encoded[:cut])
            if cut in starts:
                assert error is None
            else:
                assert error is not None
                assert (error.record, error.offset) == (records, starts[records])
                with pytest.raises(RecordIOError):
                    read_arrays(encoded[:cut])
            assert sum(chunk.features.shape[0] for chunk in read) == records
            if read:
                part = whole.rows(0, records)
                assert_same(one(read), part.features, part.labels)


SAMPLES = [
    encode_dense(dense(6, 5), np.arange(6, dtype="f4")),
    encode_dense(dense(6, 5, "f8")),
    encode_dense(dense(4, 3, "i8"), np.array([1, -1, 1, 300])),
    encode_sparse(sparse([3, 0, 5, 2], 70_000), np.arange(4, dtype="f4")),
    encode_sparse(sparse([3, 3, 3], 100, "f8")),
    encode_sparse(sparse([17, 18, 17, 200, 0, 18, 17], 3_000_000), dense(1, 7)[0]),
]


class TestDamage:
    @settings(max_examples=400, deadline=None)
    @given(
        sample=st.sampled_from(SAMPLES),
        flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 255)), min_size=1, max_size=3),
        chunk=st.sampled_from([16, 100, 1 << 20]),
    )
    @pytest.mark.slow
    def test_damaged_bytes_are_read_or_refused_alike_by_all_readers(
        self, sample: bytes, flips: list[tuple[int, int]], chunk: int
    ) -> None:
        damaged = bytearray(sample)
        for at, bits in flips:
            damaged[at % len(damaged)] ^= bits
        data = bytes(damaged)
        outcomes = []
        for read in (
            lambda: read_arrays(data),
            lambda: streamed(data, chunk),
            lambda: streamed(data, 1 << 20),
        ):
            try:
                outcomes.append(as_bytes(read()))
            except RecordIOError:
                outcomes.append("refused")
        assert outcomes[0] == outcomes[1] == outcomes[2]

    @settings(max_examples=300, deadline=None)
    @given(
        sample=st.sampled_from(SAMPLES),
        flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 255)), max_size=2),
    )
    def test_reading_all_at_once_agrees_with_one_by_one(
        self, sample: bytes, flips: list[tuple[int, int]]
    ) -> None:
        damaged = bytearray(sample)
        for at, bits in flips:
            damaged[at % len(damaged)] ^= bits
        try:
            frames = frames_module.split(np.frombuffer(bytes(damaged), np.uint8), 0, 0)
            if not len(frames.starts):
                return
            fast = together(frames)
        except RecordIOError:
            return
        if fast is not None:
            slow = collect(frames, Form())
            assert_same(fast, slow.features, slow.labels)

    def test_lying_lengths_allocate_nothing(self) -> None:
        huge = (1 << 31) - 1
        liars = [
            MAGIC + struct.pack("<I", huge) + bytes(100),
            framed(b"\x0a\xff\xff\xff\xff\x07" + bytes(20)),
            framed(entry(1, b"\x0a\xff\xff\xff\xff\x07" + bytes(20))),
            framed(entry(1, field(3, b"\xff" * 8 + b"\x7f"))),
            framed(entry(1, field(1, FLOATS) + field(2, b"\x01\x02") + field(3, b"\xff" * 8 + b"\x7f"))),
        ]
        read_arrays(PLAIN)
        tracemalloc.start()
        for liar in liars:
            for read in (read_arrays, lambda data: list(read_batches(io.BytesIO(data), 1 << 30))):
                with contextlib.suppress(RecordIOError):
                    read(liar)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 32 << 20

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=200))
    def test_any_bytes_at_all(self, data: bytes) -> None:
        for read in (read_arrays, decode_labels, lambda data: read_records(io.BytesIO(data))):
            for source in (data, framed(data)):
                with contextlib.suppress(RecordIOError):
                    read(source)


class TestManyAtOnce:
    """What the vectorised reader is made of, against loops."""

    @quick
    @given(lengths=st.lists(st.one_of(st.integers(0, 5), st.integers(0, 3 * PIECE)), max_size=40))
    def test_rows_are_copied_end_to_end(self, lengths: list[int]) -> None:
        rng = np.random.default_rng(len(lengths))
        buffer = rng.integers(0, 256, 5000 + PIECE, np.uint8)
        starts = rng.integers(0, 4500, len(lengths))
        out = np.empty(sum(lengths) + PIECE, np.uint8)
        gather(buffer, starts, np.array(lengths, np.int64), out)
        rows = [buffer[start : start + length] for start, length in zip(starts, lengths, strict=True)]
        assert out[:-PIECE].tobytes() == b"".join(row.tobytes() for row in rows)

    @pytest.mark.parametrize("bits", [7, 14, 21, 28, 29, 64])
    def test_varints_of_all_widths_over_many_blocks(self, monkeypatch: pytest.MonkeyPatch, bits: int) -> None:
        rng = np.random.default_rng(bits)
        values = rng.integers(0, (1 << bits) - 1, 1000, np.uint64, endpoint=True)
        values >>= rng.integers(0, bits, 1000, np.uint64)
        values[-1] = (1 << bits) - 1
        encoded = b"".join(varints_module.encode_one(value) for value in values.tolist())
        monkeypatch.setattr(varints_module, "NUMBERS", 64)
        decoded = varints_module.decode(np.frombuffer(encoded, np.uint8))
        assert decoded is not None
        assert np.array_equal(decoded[0], values)
        again, ends = varints_module.encode(values)
        assert again.tobytes() == encoded
        assert np.array_equal(decoded[1] + 1, ends)
        for cut in (b"\x80", b"\x80" * 10 + b"\x01"):
            assert varints_module.decode(np.frombuffer(encoded + cut, np.uint8)) is None


def drain(data: bytes) -> tuple[list[Arrays], RecordIOError | None]:
    """The chunks that came, and the error that ended them."""
    chunks: list[Arrays] = []
    try:
        for chunk in read_chunks(io.BytesIO(data)):
            chunks.append(chunk)
    except RecordIOError as error:
        return chunks, error
    return chunks, None


def as_bytes(arrays: Arrays) -> tuple[object, ...]:
    """Everything in the arrays, comparable, NaN included."""
    features, labels = arrays
    rest = None if labels is None else labels.tobytes()
    if isinstance(features, np.ndarray):
        return features.shape, features.tobytes(), rest
    return features.shape, features.data.tobytes(), features.indices.tolist(), features.indptr.tolist(), rest


def streamed(data: bytes, chunk: int) -> Arrays:
    before = frames_module.CHUNK
    frames_module.CHUNK = chunk
    try:
        return one(list(read_chunks(io.BytesIO(data))))
    finally:
        frames_module.CHUNK = before


class TestTheWriterRefuses:
    @pytest.mark.parametrize(
        ("features", "labels", "message"),
        [
            (np.zeros(3, "f4"), None, r"shape \(3,\)"),
            (np.zeros((2, 3), "f4"), np.zeros(3, "f4"), "3 labels for 2 rows"),
            (np.zeros((2, 3), "f4"), np.zeros((2, 1), "f4"), r"labels have shape \(2, 1\).*labels.ravel"),
            (np.array([["a"]]), None, "features are of dtype <U1"),
            (np.zeros((1, 1), "c8"), None, "features are of dtype complex64"),
            (np.zeros((1, 1), "f4"), np.array([None]), "labels are of dtype object"),
            (np.array([[2**31]]), None, "hold 2147483648, and an integer must fit in 32 bits"),
            (np.array([[2**24 + 1]], "i4"), None, "hold 16777217, which float32 would change"),
            (np.zeros((2, 3), "f4"), np.array([0, -(2**31) - 1]), "labels hold -2147483649"),
        ],
    )
    def test_dense(self, features: np.ndarray, labels: np.ndarray | None, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            encode_dense(features, labels)

    def test_masked_arrays(self) -> None:
        features = np.ones((2, 3), "f4")
        masked = np.ma.masked_equal(features, 1)
        with pytest.raises(ValueError, match=r"the array is masked: fill it first \(array\.filled"):
            encode_dense(masked)
        with pytest.raises(ValueError, match="the labels are masked: fill it first"):
            encode_dense(features, masked[:, 0])
        with pytest.raises(ValueError, match="the labels are masked: fill it first"):
            encode_sparse(sparse([1, 1], 3), masked[:, 0])
        assert encode_dense(masked.filled(0)) == encode_dense(np.zeros((2, 3), "f4"))

    def test_the_other_kind(self) -> None:
        with pytest.raises(TypeError, match="write_spmatrix_to_sparse_tensor"):
            encode_dense(sparse([1], 3))
        with pytest.raises(TypeError, match="ndarray, not a scipy sparse matrix"):
            encode_sparse(np.zeros((2, 2)))

    def test_sparse_labels_are_one_a_row_too(self) -> None:
        with pytest.raises(ValueError, match="3 labels for 2 rows"):
            encode_sparse(sparse([1, 1], 3), np.zeros(3, "f4"))

    def test_a_record_beyond_protobufs_limit(self) -> None:
        row = np.broadcast_to(np.float32(0), (1, 1 << 29))
        with pytest.raises(ValueError, match="protobuf allows 2147483647"):
            encode_dense(row)
