"""`mnist.pkl.gz` is read without being executed, whoever wrote it."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.container import InputError
from processing.readers import inert_unpickler
from processing.readers.mnist_pickle import read_mnist_pickle

IMAGES = np.linspace(0, 1, 3 * 16, dtype=np.float32).reshape(3, 16)
LABELS = np.array([0, 5, 9], dtype=np.int64)
PAIRS = ((IMAGES, LABELS), (IMAGES[:2], LABELS[:2]), (IMAGES[:1], LABELS[:1]))


def python2_array(array: np.ndarray[Any, Any], length: int | None = None) -> bytes:
    """The opcodes that Python 2's cPickle wrote for an array: its data is a byte string."""
    data = array.tobytes()
    shape = b"".join(b"J" + struct.pack("<i", size) for size in array.shape)
    dtype = (
        b"cnumpy\ndtype\nU\x02" + array.dtype.str[1:].encode() + b"K\x00K\x01\x87R"
        b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    return (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01(" + shape + b"t" + dtype + b"\x89T" + struct.pack("<i", length or len(data)) + data + b"tb"
    )


def python2_pickle(pairs: Any = PAIRS) -> bytes:
    body = b"".join(python2_array(images) + python2_array(labels) + b"\x86" for images, labels in pairs)
    return b"\x80\x02" + body + b"\x87."


def refusal(tmp_path: Path, content: bytes) -> str:
    path = tmp_path / "mnist.pkl.gz"
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        read_mnist_pickle(path)
    assert str(path) in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(python2_pickle(), id="Python 2"),
        pytest.param(gzip.compress(python2_pickle()), id="Python 2, gzipped"),
        *(
            pytest.param(pickle.dumps(PAIRS, protocol), id=f"Python 3, protocol {protocol}")
            for protocol in range(3)
        ),
        pytest.param(pickle.dumps([list(pair) for pair in PAIRS], 2), id="lists"),
    ],
)
def test_the_three_splits_are_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mnist.pkl.gz"
    path.write_bytes(content)
    raw = read_mnist_pickle(path)
    assert raw.image_shape == (4, 4)
    for name, (images, labels) in zip(("train", "validation", "test"), PAIRS, strict=True):
        np.testing.assert_array_equal(raw.splits[name].features, images)
        np.testing.assert_array_equal(raw.splits[name].labels, labels)


def test_column_major_and_big_endian_arrays_keep_their_values(tmp_path: Path) -> None:
    pairs = [(np.asfortranarray(images, dtype=">f8"), labels.astype(">i4")) for images, labels in PAIRS]
    path = tmp_path / "mnist.pkl"
    path.write_bytes(pickle.dumps(pairs, 2))
    np.testing.assert_array_equal(read_mnist_pickle(path).splits["train"].features, IMAGES)


class Hostile:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_a_pickle_that_calls_os_system_is_refused_and_not_executed(tmp_path: Path, protocol: int) -> None:
    marker = tmp_path / "executed"
    message = refusal(tmp_path, pickle.dumps((PAIRS, Hostile(marker)), protocol))
    assert f"the pickle asks for {os.system.__module__}.system" in message
    assert not marker.exists()


def test_a_protocol_5_pickle_is_refused(tmp_path: Path) -> None:
    assert "protocol 5; only 0, 1 and 2 are read" in refusal(tmp_path, pickle.dumps(PAIRS, 5))


def test_a_shape_that_lies_is_refused_before_anything_is_allocated(tmp_path: Path) -> None:
    honest = b"J" + struct.pack("<i", 3) + b"J" + struct.pack("<i", 16)
    lying = b"J" + struct.pack("<i", 2**31 - 1) + b"J" + struct.pack("<i", 2**31 - 1)
    message = refusal(tmp_path, python2_pickle().replace(honest, lying, 1))
    assert "(2147483647, 2147483647) of <f4" in message
    assert "but holds 192" in message


@pytest.mark.parametrize("shape", [(1, 1, 1), ()])
def test_an_array_of_an_odd_shape_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    images = np.zeros(shape, dtype=np.float32)
    told = refusal(tmp_path, pickle.dumps(((images, LABELS), *PAIRS[1:]), 2))
    assert "array 0 has a shape that is not one or two counts" in told


def test_a_byte_string_longer_than_the_file_is_refused(tmp_path: Path) -> None:
    content = b"\x80\x02" + python2_array(IMAGES, length=2**31 - 1) + b"."
    assert "damaged or truncated" in refusal(tmp_path, content)


def test_a_truncated_pickle_is_refused(tmp_path: Path) -> None:
    assert "damaged or truncated" in refusal(tmp_path, python2_pickle()[:-40])
    assert "damaged or truncated" in refusal(tmp_path, b"")


@pytest.mark.parametrize("content", [b"<!DOCTYPE html>\n", b"label,pixel0\n7,0\n", b"\x00\x00\x08\x03"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_what_is_no_pickle_is_told_from_a_damaged_one(
    tmp_path: Path, content: bytes, pack: Callable[[bytes], bytes]
) -> None:
    told = refusal(tmp_path, pack(content))
    assert told.endswith(".pkl.gz: is no pickle; this task reads mnist.pkl.gz or the four IDX files")


def test_a_truncated_gzip_is_refused(tmp_path: Path) -> None:
    assert "the gzip file is truncated" in refusal(tmp_path, gzip.compress(python2_pickle())[:-20])


def test_a_damaged_gzip_is_refused(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(python2_pickle()))
    content[-6] ^= 0xFF
    assert "the gzip file is damaged" in refusal(tmp_path, bytes(content))


@pytest.mark.slow
def test_a_decompression_bomb_is_refused(tmp_path: Path) -> None:
    # Members of one gzip file follow each other: 33 times 16 MiB of zeros are 0.5 MB here, 553 MB unpacked.
    member = gzip.compress(bytes(16 * 1024**2), compresslevel=9)
    assert "decompresses to more than 536870912 bytes" in refusal(tmp_path, member * 33)


def test_a_pickle_of_too_many_opcodes_is_refused(tmp_path: Path) -> None:
    assert "more than 10000 opcodes" in refusal(tmp_path, b"\x80\x02" + b"]" * 20_000 + b".")


@pytest.mark.parametrize("put", [b"r" + struct.pack("<I", 2**32 - 1), b"p4000000000\n", b"r\xe8\x03\x00\x00"])
def test_a_pickle_with_a_huge_memo_is_refused(tmp_path: Path, put: bytes) -> None:
    assert "memo index" in refusal(tmp_path, b"\x80\x02]" + put + b".")


def test_a_pickle_that_references_outside_objects_is_refused(tmp_path: Path) -> None:
    assert "the opcode PERSID" in refusal(tmp_path, b"Pelsewhere\n.")


def test_object_arrays_are_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path, python2_pickle().replace(b"U\x02f4", b"U\x02O8", 1))
    assert "the dtype 'O8'; only plain integers and floats are read" in message


def test_bytes_with_an_argument_are_refused(tmp_path: Path) -> None:
    empty = pickle.dumps(((IMAGES[:0], LABELS), *PAIRS[1:]), 2)
    call = b"c__builtin__\nbytes\n"
    at = empty.index(b")R", empty.index(call))
    message = refusal(tmp_path, empty[:at] + b"J\xff\xff\xff\x7f\x85R" + empty[at + 2 :])
    assert "array 0 has no bytes" in message


def test_the_reading_process_limits_its_own_memory(tmp_path: Path) -> None:
    (tmp_path / "mnist.pkl.gz").write_bytes(gzip.compress(bytes(100 * 1024**2), compresslevel=1))
    program = (
        f"import runpy; main = runpy.run_path({inert_unpickler.__file__!r})['main'];"
        "main.__globals__['MEMORY_LIMIT'] = 64 * 1024**2;"
        "main('mnist.pkl.gz', 3)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "MemoryError" in done.stderr


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"train": 1}, "the opcode EMPTY_DICT"),
        ((), "the pickle is a tuple of 0, not a tuple of 3"),
        (PAIRS[:2], "the pickle is a tuple of 2, not a tuple of 3"),
        ((IMAGES, *PAIRS[1:]), "a split is an array, not a tuple of 2"),
        ((("images", LABELS), *PAIRS[1:]), "a value of type str where an array is wanted"),
        ("text", "the pickle is a value of type str, not a tuple of 3"),
        (
            tuple((labels, images) for images, labels in PAIRS),
            "the train pair is int64(3,) and float32(3, 16)",
        ),
        (((IMAGES, LABELS[:2]), *PAIRS[1:]), "the train split has 3 images but 2 labels"),
        (((IMAGES[:, :9], LABELS), *PAIRS[1:]), "the splits' images have [9, 16] pixels"),
        (
            tuple((images[:, :15], labels) for images, labels in PAIRS),
            "rows of 15 values are no square images",
        ),
        (
            ((IMAGES, np.array([0, 10, 1])), *PAIRS[1:]),
            "the train split, row 2: the label 10 is not one of 0 to 9",
        ),
        (
            ((IMAGES, np.array([0, 1, -1])), *PAIRS[1:]),
            "the train split, row 3: the label -1 is not one of 0 to 9",
        ),
    ],
)
def test_another_structure_is_refused(tmp_path: Path, value: Any, told: str) -> None:
    assert told in refusal(tmp_path, pickle.dumps(value, 2))


def test_text_beyond_latin1_where_bytes_should_be_is_refused() -> None:
    written = pickle.dumps(((np.array([[0xC4, 0x93]], np.uint8), LABELS[:1]),), 2)
    assert written.count(b"\x04\x00\x00\x00\xc3\x84\xc2\x93") == 1
    damaged = written.replace(b"\x04\x00\x00\x00\xc3\x84\xc2\x93", b"\x02\x00\x00\x00\xc4\x93")
    array, _ = inert_unpickler.paired_arrays(inert_unpickler.load(damaged), 1)
    with pytest.raises(inert_unpickler.RefusedError, match="array 0 has text where its bytes should be"):
        inert_unpickler.array_parts(array, 0)


def test_a_list_that_contains_itself_is_refused(tmp_path: Path) -> None:
    assert "wrong structure" in refusal(tmp_path, b"\x80\x02]q\x00h\x00a.")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.pkl\.gz: no such file; put mnist\.pkl\.gz"):
        read_mnist_pickle(tmp_path / "absent.pkl.gz")


def parse(content: bytes) -> None:
    """What the child process does, within this one: it may refuse and nothing else."""
    try:
        found = inert_unpickler.paired_arrays(inert_unpickler.load(content), 3)
        for index, array in enumerate(found):
            header, data = inert_unpickler.array_parts(array, index)
            assert int(header["dtype"][2:]) * int(np.prod(header["shape"])) == len(data)
    except inert_unpickler.RefusedError:
        pass


@given(st.binary(max_size=300))
def test_any_bytes_are_arrays_or_refused(content: bytes) -> None:
    parse(content)
    parse(b"\x80\x02" + content)


@settings(max_examples=300)
@given(st.data())
def test_any_damage_to_a_pickle_gives_arrays_or_a_refusal(data: st.DataObject) -> None:
    content = bytearray(
        data.draw(st.sampled_from([python2_pickle(), *(pickle.dumps(PAIRS, p) for p in range(6))]))
    )
    for _ in range(data.draw(st.integers(1, 5))):
        position = data.draw(st.integers(0, len(content) - 1))
        content[position : position + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    parse(bytes(content))


WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


@given(module=WORDS | st.sampled_from(["os", "builtins", "numpy", "subprocess"]), name=WORDS)
def test_no_name_reaches_code(module: str, name: str) -> None:
    unpickler = inert_unpickler.InertUnpickler(io.BytesIO())
    try:
        found = unpickler.find_class(module, name)
    except inert_unpickler.RefusedError:
        return
    assert isinstance(found, inert_unpickler.StandIn)
    assert isinstance(found("anything"), inert_unpickler.Recorded)
