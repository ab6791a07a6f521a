"""Channels hand out checked batches, from files and FIFOs, recordIO and CSV, gzipped or not."""

from __future__ import annotations

import gzip
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from algorithms import mini_batches, pieces
from algorithms.base import CSV, RECORDIO, LabelRule
from algorithms.channel_config import ChannelConfig, read_channel_configs
from algorithms.channels import InputChannel
from algorithms.errors import CustomerError
from algorithms.knn import ALGORITHM
from processing.recordio import encode_dense, encode_sparse

ROWS = np.arange(60, dtype=np.float32).reshape(12, 5)
LABELS = np.arange(12, dtype=np.float32) % 3


def channel(folder: Path, content_type: str = RECORDIO, **options: Any) -> InputChannel:
    settings = {"pipe": False, "gzip": False, **options}
    rule = settings.pop("rule", LabelRule())
    width = settings.pop("width", None)
    config = ChannelConfig("train", content_type, **settings)
    return InputChannel(config, folder, label_rule=rule, feature_dim=width)


def write(folder: Path, name: str, data: bytes) -> None:
    path = folder / "train" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def csv(rows: np.ndarray = ROWS, labels: np.ndarray = LABELS) -> bytes:
    table = np.column_stack([labels, rows])
    return "".join(",".join(map(repr, row)) + "\n" for row in table.tolist()).encode()


def collected(batches: Iterator[Any]) -> tuple[np.ndarray, np.ndarray, list[int]]:
    found = list(batches)
    features = [
        batch.features if isinstance(batch.features, np.ndarray) else batch.features.toarray()
        for batch in found
    ]
    return np.concatenate(features), np.concatenate([b.labels for b in found]), [len(b) for b in found]


def refusal(folder: Path, content_type: str = RECORDIO, **options: Any) -> str:
    with pytest.raises(CustomerError) as raised:
        list(channel(folder, content_type, **options).batches(5))
    return str(raised.value)


FORMS = {
    "dense recordIO": (RECORDIO, encode_dense(ROWS, LABELS)),
    "sparse recordIO": (RECORDIO, encode_sparse(csr_matrix(ROWS), LABELS)),
    "csv": (CSV, csv()),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("zipped", [False, True])
def test_files_are_read_in_order_as_often_as_asked(form: str, zipped: bool, tmp_path: Path) -> None:
    content_type, data = FORMS[form]
    data = gzip.compress(data) if zipped else data
    for name in ("b/part-2", "a/part-1"):
        write(tmp_path, name, data)
    write(tmp_path, "c-empty", b"")
    train = channel(tmp_path, content_type, gzip=zipped)
    for _ in range(3):
        features, labels, sizes = collected(train.batches(5))
        np.testing.assert_array_equal(features, np.concatenate([ROWS, ROWS]))
        np.testing.assert_array_equal(labels, np.concatenate([LABELS, LABELS]))
        assert sizes == [5, 5, 5, 5, 4]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("zipped", [False, True])
def test_every_epoch_has_a_fifo_of_its_own(form: str, zipped: bool, tmp_path: Path) -> None:
    content_type, data = FORMS[form]

    def feed() -> None:
        for epoch in range(3):
            os.mkfifo(tmp_path / f"train_{epoch}")
            (tmp_path / f"train_{epoch}").write_bytes(gzip.compress(data) if zipped else data)

    writer = threading.Thread(target=feed)
    writer.start()
    train = channel(tmp_path, content_type, pipe=True, gzip=zipped)
    assert train.feature_dim == 5
    for _ in range(3):
        features, labels, sizes = collected(train.batches(7))
        np.testing.assert_array_equal(features, ROWS)
        np.testing.assert_array_equal(labels, LABELS)
        assert sizes == [7, 5]
    writer.join()


def test_a_reader_that_stops_early_closes_the_fifo(tmp_path: Path) -> None:
    written: list[type[BaseException] | None] = []

    def feed() -> None:
        os.mkfifo(tmp_path / "train_0")
        try:
            with (tmp_path / "train_0").open("wb") as file:
                for _ in range(100):
                    file.write(encode_dense(np.zeros((100, 784), np.float32), np.zeros(100, np.float32)))
        except BrokenPipeError as error:
            written.append(type(error))

    writer = threading.Thread(target=feed)
    writer.start()
    batches = channel(tmp_path, pipe=True).batches(10)
    assert len(next(batches)) == 10
    batches.close()  # type: ignore[attr-defined]
    writer.join(timeout=30)
    assert written == [BrokenPipeError]


def test_a_dense_file_is_mapped_and_not_copied(tmp_path: Path) -> None:
    rows = np.arange(28 * 28 * 3, dtype=np.float32).reshape(3, 784)
    write(tmp_path, "part", encode_dense(rows, LABELS[:3]))
    train = channel(tmp_path)
    (batch,) = train.batches(3)
    assert not batch.features.flags.owndata
    assert not batch.features.flags.writeable
    np.testing.assert_array_equal(batch.features, rows)


def test_a_dense_file_whose_values_are_not_aligned_is_streamed(tmp_path: Path) -> None:
    rows = np.arange(30 * 12, dtype=np.float32).reshape(12, 30)  # at width 30, values begin at byte 25
    write(tmp_path, "part", encode_dense(rows, LABELS))
    train = channel(tmp_path)
    for _ in range(2):
        features, labels, _ = collected(train.batches(5))
        np.testing.assert_array_equal(features, rows)
        np.testing.assert_array_equal(labels, LABELS)


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("pipe", [True, False])
def test_the_first_record_tells_whether_rows_are_sparse_and_is_not_lost(
    tmp_path: Path, kind: str, pipe: bool
) -> None:
    data = encode_dense(ROWS, LABELS) if kind == "dense" else encode_sparse(csr_matrix(ROWS), LABELS)
    train = channel(tmp_path, pipe=pipe, width=ROWS.shape[1])
    if pipe:
        os.mkfifo(tmp_path / "train_0")
        writer = threading.Thread(target=(tmp_path / "train_0").write_bytes, args=(data,))
        writer.start()
    else:
        write(tmp_path, "part", data)
    assert train.sparse is (kind == "sparse")
    features, labels, _ = collected(train.batches(5))
    np.testing.assert_array_equal(features, ROWS)
    np.testing.assert_array_equal(labels, LABELS)
    if pipe:
        writer.join(timeout=30)


def test_the_width_is_that_of_the_first_record_unless_told(tmp_path: Path) -> None:
    write(tmp_path, "part", encode_dense(ROWS, LABELS))
    train = channel(tmp_path)
    assert train.feature_dim == 5
    assert collected(train.batches(12))[2] == [12]
    assert channel(tmp_path, width=7).feature_dim == 7


def with_value(row: int, column: int, value: float) -> np.ndarray:
    rows = ROWS.copy()
    rows[row, column] = value
    return rows


@pytest.mark.parametrize(
    ("content_type", "data", "message"),
    [
        (
            RECORDIO,
            encode_dense(with_value(3, 2, np.nan), LABELS),
            "channel 'train', file 'part', row 4, feature 3 is nan, but must be finite",
        ),
        (
            RECORDIO,
            encode_sparse(csr_matrix(with_value(3, 2, np.inf)), LABELS),
            "channel 'train', file 'part', row 4, feature 3 is inf, but must be finite",
        ),
        (CSV, csv(with_value(0, 0, -np.inf)), "row 1, feature 1 is -inf, but must be finite"),
        (RECORDIO, encode_dense(ROWS), "channel 'train', file 'part', row 1 has no label"),
        (
            RECORDIO,
            encode_dense(ROWS, LABELS) + encode_sparse(csr_matrix(ROWS), LABELS),
            "channel 'train', file 'part': recordIO record 12",
        ),
        (RECORDIO, encode_dense(ROWS, LABELS)[:-3], "channel 'train', file 'part': recordIO record 11"),
        (CSV, b"1,2,3\n1,2,x\n", "channel 'train', file 'part': row 2, column 3 is 'x', not a number"),
        (CSV, b"1\n2\n", "channel 'train', file 'part': rows have one column"),
        (
            RECORDIO,
            gzip.compress(b"x", mtime=0),
            "file 'part' is gzipped: set the channel's CompressionType to 'Gzip'",
        ),
        (CSV, b"\n\n", "channel 'train' is empty: it holds no records"),
    ],
)
def test_bad_data_is_named(content_type: str, data: bytes, message: str, tmp_path: Path) -> None:
    write(tmp_path, "part", data)
    assert message in refusal(tmp_path, content_type)


def test_two_files_must_agree(tmp_path: Path) -> None:
    write(tmp_path, "1", encode_dense(ROWS, LABELS))
    write(tmp_path, "2", encode_dense(ROWS[:, :3], LABELS))
    assert refusal(tmp_path) == (
        "channel 'train', file '2', row 1 has 3 features, but the records before it have 5"
    )


def test_a_width_other_than_feature_dim_is_named(tmp_path: Path) -> None:
    write(tmp_path, "1", encode_dense(ROWS, LABELS))
    told = refusal(tmp_path, width=7)
    assert told == "channel 'train', file '1', row 1 has 5 features, but feature_dim is 7"


def test_dense_and_sparse_files_do_not_mix(tmp_path: Path) -> None:
    write(tmp_path, "1", encode_dense(ROWS, LABELS))
    write(tmp_path, "2", encode_sparse(csr_matrix(ROWS), LABELS))
    assert "file '2', row 1 is sparse, but the records before it are dense" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("rule", "label", "allowed"),
    [
        (LabelRule(classes=2), 2.0, "a whole number from 0 to 1"),
        (LabelRule(classes=3), 0.5, "a whole number from 0 to 2"),
        (LabelRule(whole=True), -1.0, "a whole number from 0"),
        (LabelRule(), float("nan"), "a finite number"),
    ],
)
def test_labels_follow_the_predictor(rule: LabelRule, label: float, allowed: str, tmp_path: Path) -> None:
    labels = np.zeros(12, dtype=np.float32)
    labels[6] = label
    write(tmp_path, "1", encode_dense(ROWS, labels))
    assert refusal(tmp_path, rule=rule) == (
        f"channel 'train', file '1', row 7 has the label {label:g}, but must have {allowed}"
    )


def _damaged(data: bytes) -> bytes:
    """The same bytes with one of their checksum changed."""
    at = len(data) - 6
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("data", "problem"),
    [(_damaged, "CRC check failed"),
     (lambda zipped: zipped + b"garbage", "Not a gzipped file (b'ga')"),
     (lambda zipped: zipped[:-20], "Compressed file ended")],
    ids=["checksum", "something behind", "cut off"],
)  # fmt: skip
def test_gzip_data_that_is_damaged_is_named_with_its_channel_and_file(
    form: str, data: Callable[[bytes], bytes], problem: str, tmp_path: Path
) -> None:
    content_type, plain = FORMS[form]
    write(tmp_path, "1", data(gzip.compress(plain)))
    message = refusal(tmp_path, content_type, gzip=True)
    assert message.startswith(f"channel 'train', file '1' is not whole gzip data: {problem}")
    assert message.endswith(". Compress or upload it again")


def test_sparse_rows_with_more_columns_than_an_int32_numbers_are_refused(tmp_path: Path) -> None:
    keys = np.array([5, 2_500_000_000])
    rows = csr_matrix((np.ones(2, np.float32), keys, np.arange(3)), shape=(2, 3_000_000_000))
    write(tmp_path, "1", encode_sparse(rows, LABELS[:2]))
    assert refusal(tmp_path) == (
        "channel 'train', file '1', row 1 has 3000000000 features, but sparse records may have 2147483647: "
        "number those that occur, or hash them to fewer"
    )


def test_no_folder_and_no_file_are_named(tmp_path: Path) -> None:
    assert "channel 'train' has no data: there is no folder" in refusal(tmp_path)
    (tmp_path / "train").mkdir()
    assert "channel 'train' is empty: there is no data in" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "the channel 'train' is required"),
        ({"validation": {}}, "knn has no channel 'validation' (allowed: 'train', 'test')"),
        ({"train": 3}, "channel 'train' is 3, not an object"),
        (
            {"train": {"ContentType": "text/libsvm"}},
            "'text/libsvm', but knn trains on 'application/x-recordio-protobuf', 'text/csv'",
        ),
        ({"train": {"ContentType": "text/csv;label_size=0"}}, "label_size '0', but must have '1'"),
        ({"train": {"TrainingInputMode": "Tube"}}, "TrainingInputMode 'Tube', but must have one of 'File'"),
        ({"train": {"CompressionType": "Zip"}}, "CompressionType 'Zip', but must have one of 'None', 'Gzip'"),
        ({"train": {"RecordWrapperType": "RecordIO"}}, "RecordWrapperType 'RecordIO', but must have one of"),
    ],
)
def test_wrong_channel_settings_are_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(CustomerError) as raised:
        read_channel_configs(given, ALGORITHM)
    assert message in str(raised.value)


def test_content_type_parameters_and_defaults() -> None:
    given = {"train": {"ContentType": "Text/CSV; label_size=1"}, "test": {"TrainingInputMode": "FastFile"}}
    configs = read_channel_configs(given, ALGORITHM)
    assert configs["train"] == ChannelConfig("train", CSV, pipe=False, gzip=False)
    assert configs["test"] == ChannelConfig("test", RECORDIO, pipe=False, gzip=False)


def test_a_csv_file_is_parsed_once(tmp_path: Path) -> None:
    write(tmp_path, "part", csv())
    source = channel(tmp_path, CSV)
    first = collected(source.batches(5))
    write(tmp_path, "part", b"no numbers any more\n")
    again = collected(source.batches(7))
    np.testing.assert_array_equal(again[0], first[0])
    np.testing.assert_array_equal(again[1], first[1])


def test_numbers_given_twice_for_a_cell_are_added_up(tmp_path: Path) -> None:
    twice = csr_matrix((np.array([1, 2, 4, 8], np.float32), [3, 0, 3, 1], [0, 3, 4]), shape=(2, 5))
    write(tmp_path, "part", encode_sparse(twice, LABELS[:2]))
    [batch] = channel(tmp_path).batches(5)
    assert batch.features.toarray().tolist() == [[2, 0, 0, 5, 0], [0, 8, 0, 0, 0]]
    assert batch.features.nnz == 3, "squares and variances are of the sum"


def test_records_without_features_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "part", encode_dense(np.zeros((2, 0), np.float32), LABELS[:2]))
    assert "row 1 has no features" in refusal(tmp_path)


def test_mapped_rows_one_by_one_are_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A view of one row is contiguous to numpy, and so does not say how far the next one is."""
    monkeypatch.setattr(pieces, "MEMORY_BYTES", 0)
    monkeypatch.setattr(mini_batches, "MEMORY_BYTES", 0)
    monkeypatch.setattr(mini_batches, "_PIECE_BYTES", 0)
    rows = np.repeat(np.arange(6, dtype=np.float32)[:, None], 500, axis=1)
    write(tmp_path, "part", encode_dense(rows, np.arange(6, dtype=np.float32)))
    batches = mini_batches.MiniBatches(channel(tmp_path), 1, seed=1)
    found = {float(batch.labels[0]): set(batch.features[0].tolist()) for batch in batches.epoch()}
    assert found == {label: {label} for label in range(6)}


@pytest.mark.parametrize("window_bytes", [1 << 20, 3 * 4 * 784])
def test_mapped_rows_that_keep_their_order_stay_where_they_lie(tmp_path: Path, window_bytes: int) -> None:
    rows = np.arange(12 * 784, dtype=np.float32).reshape(12, 784)
    write(tmp_path, "part", encode_dense(rows, LABELS))
    train = channel(tmp_path)
    (whole,) = train.batches(12)
    batches = mini_batches.MiniBatches(train, 3, window_bytes=window_bytes)
    for _ in range(2):
        seen = list(batches.epoch())
        assert [len(batch) for batch in seen] == [3, 3, 3, 3]
        assert all(np.shares_memory(batch.features, whole.features) for batch in seen)
        np.testing.assert_array_equal(np.concatenate([batch.features for batch in seen]), rows)
        np.testing.assert_array_equal(np.concatenate([batch.labels for batch in seen]), LABELS)


def test_an_epoch_may_be_handed_out_in_larger_batches(tmp_path: Path) -> None:
    write(tmp_path, "part", encode_dense(ROWS, LABELS))
    batches = mini_batches.MiniBatches(channel(tmp_path), 2, seed=1)
    list(batches.epoch())
    seen = list(batches.epoch(5))
    assert sorted(len(batch) for batch in seen) == [2, 5, 5]
    found = np.concatenate([batch.features for batch in seen])
    assert sorted(found[:, 0]) == sorted(ROWS[:, 0])
