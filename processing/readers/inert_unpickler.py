"""Take plain arrays out of a pickle without executing it: a program of its own, run in a child process.

    python -I inert_unpickler.py FILE PAIRS

FILE is a pickle of protocol 0, 1 or 2, gzipped or not, that holds nothing but a tuple or list of PAIRS pairs
of numpy arrays of integers or floats. stdout gets a length (8 bytes, little-endian), that many bytes of
JSON, and the arrays' bytes one after the other. Anything else ends in exit code 1 and one line on stderr.

Why not `numpy.load` or `pickle.load`: a pickle is a program. Here it may only push constants and build
tuples; the five names that numpy writes are mapped to inert stand-ins that record their arguments, any other
name is refused, and the arrays are built by the parent from bytes whose count was checked. Opcodes and memo
are counted before anything is loaded, and the process limits its own memory and time.

Only the standard library is imported, for a quick start: numpy is not needed to check numbers of bytes.
"""

from __future__ import annotations

import gzip
import io
import json
import pickle
import pickletools
import re
import resource
import sys
import zlib
from typing import Any, NoReturn

MEMORY_LIMIT = 2 * 1024**3
SECONDS_LIMIT = 300
DECOMPRESSED_LIMIT = 512 * 1024**2
"""MNIST takes 220 MB; scanning needs up to three times as much as the largest string."""
OPCODE_LIMIT = 10_000
MEMO_LIMIT = 1_000
"""Six arrays take about 250 opcodes and 60 memo entries."""

OPCODES = frozenset(
    [
        "PROTO",
        "STOP",
        "MARK",
        "POP",
        "POP_MARK",
        "GLOBAL",
        "REDUCE",
        "BUILD",
        "NONE",
        "NEWTRUE",
        "NEWFALSE",
        "INT",
        "BININT",
        "BININT1",
        "BININT2",
        "LONG",
        "LONG1",
        "STRING",
        "BINSTRING",
        "SHORT_BINSTRING",
        "UNICODE",
        "BINUNICODE",
        "TUPLE",
        "TUPLE1",
        "TUPLE2",
        "TUPLE3",
        "EMPTY_TUPLE",
        "LIST",
        "EMPTY_LIST",
        "APPEND",
        "APPENDS",
        "PUT",
        "BINPUT",
        "LONG_BINPUT",
        "GET",
        "BINGET",
        "LONG_BINGET",
    ]
)
RECONSTRUCT, NDARRAY, DTYPE, ENCODE, BYTES = "reconstruct", "ndarray", "dtype", "encode", "bytes"
STAND_INS = {
    ("numpy.core.multiarray", "_reconstruct"): RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): RECONSTRUCT,
    ("numpy", "ndarray"): NDARRAY,
    ("numpy", "dtype"): DTYPE,
    ("_codecs", "encode"): ENCODE,
    ("__builtin__", "bytes"): BYTES,
}
CURE = "take the file from its publisher again, or use the MNIST IDX files"


KINDS = "this task reads mnist.pkl.gz or the four IDX files"
FIRST_BYTES = (b"\x80", b"(", b"]")
"""How pickles of tuples and lists begin: with their protocol from 2 on, else with a mark or a list."""


class RefusedError(Exception):
    """The file is not what it should be; the message says where, and what to do about it."""

    def __init__(self, problem: str, cure: str = CURE) -> None:
        super().__init__(f"{problem}; {cure}")


class Recorded:
    """What a stand-in's call leaves behind: its name, its arguments and, from BUILD, its state."""

    __slots__ = ("arguments", "name", "state")

    def __init__(self, name: str, arguments: tuple[Any, ...]) -> None:
        self.name = name
        self.arguments = arguments
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        """Record what BUILD hands over."""
        self.state = state


class StandIn:
    """A name in the pickle. Calling it records the arguments and does nothing else."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *arguments: Any) -> Recorded:
        """Stand for the call."""
        return Recorded(self.name, arguments)

    def __setstate__(self, state: Any) -> NoReturn:
        """Refuse BUILD: a name has no state to set."""
        raise RefusedError(f"the pickle sets the state of {self.name}")


class InertUnpickler(pickle.Unpickler):
    """An unpickler that can reach no code: every name is a stand-in or refused."""

    def find_class(self, module: str, name: str) -> StandIn:
        """Return the stand-in for a name that numpy writes."""
        stand_in = STAND_INS.get((module, name))
        if stand_in is None:
            raise RefusedError(f"the pickle asks for {module}.{name}, which is no part of an array")
        return StandIn(stand_in)

    def persistent_load(self, pid: Any) -> NoReturn:  # noqa: ARG002 - pickle's signature
        """Refuse references to outside objects."""
        raise RefusedError("the pickle refers to an object outside itself")


def decompressed(path: str) -> bytes:
    """Return the file's bytes, gunzipped where it is gzip; at most DECOMPRESSED_LIMIT of them."""
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib would be another import
        zipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        try:
            content = (gzip.GzipFile(fileobj=file) if zipped else file).read(DECOMPRESSED_LIMIT + 1)
        except EOFError as error:
            raise RefusedError("the gzip file is truncated: its end is missing") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise RefusedError(f"the gzip file is damaged: {error}") from error
    if len(content) > DECOMPRESSED_LIMIT:
        raise RefusedError(f"the file decompresses to more than {DECOMPRESSED_LIMIT} bytes")
    return content


def check_kind(content: bytes) -> None:
    """Refuse what neither begins nor ends like a pickle: another file, not a damaged one."""
    if content and not content.startswith(FIRST_BYTES) and not content.endswith(b"."):
        raise RefusedError("is no pickle", KINDS)


def check_opcodes(content: bytes) -> None:
    """Refuse a pickle with an opcode, an opcode count or a memo that arrays have no need of."""
    for count, (opcode, argument, position) in enumerate(pickletools.genops(io.BytesIO(content)), start=1):
        if opcode.name == "PROTO" and int(argument or 0) > 2:
            raise RefusedError(f"the pickle has protocol {argument}; only 0, 1 and 2 are read")
        if opcode.name not in OPCODES:
            raise RefusedError(
                f"the pickle has the opcode {opcode.name} at byte {position}, which arrays do not need"
            )
        if count > OPCODE_LIMIT:
            raise RefusedError(f"the pickle has more than {OPCODE_LIMIT} opcodes")
        if opcode.name.endswith("PUT") and int(argument or 0) >= MEMO_LIMIT:
            raise RefusedError(f"the pickle's memo index {argument} is not below {MEMO_LIMIT}")


def load(content: bytes) -> Any:
    """Return the pickle's value, made of tuples, lists, constants and Recorded calls.

    Strings of Python 2 stay the bytes they are: as numbers they mean what `encoding="latin1"` would give.
    """
    check_kind(content)
    try:
        check_opcodes(content)
        return InertUnpickler(io.BytesIO(content), encoding="bytes").load()
    except (RefusedError, MemoryError):
        raise
    except Exception as error:  # pickle's documentation: any exception may come out of damaged data
        raise RefusedError(f"the pickle is damaged or truncated: {type(error).__name__}: {error}") from error


def paired_arrays(value: Any, pairs: int) -> list[Recorded]:
    """Return first and second of every pair, in order; refused unless `value` is `pairs` pairs of arrays."""
    arrays = []
    for pair in members(value, pairs, "the pickle"):
        for array in members(pair, 2, "a split"):
            if not (isinstance(array, Recorded) and array.name == RECONSTRUCT):
                raise RefusedError(f"wrong structure: {described(array)} where an array is wanted")
            arrays.append(array)
    return arrays


def members(value: Any, count: int, where: str) -> Any:
    """Return a tuple or list of `count` members as it is; refused when it is anything else."""
    if not isinstance(value, (tuple, list)) or len(value) != count:
        raise RefusedError(f"wrong structure: {where} is {described(value)}, not a tuple of {count}")
    return value


def described(item: Any) -> str:
    """Return a short name of what was met, whatever its size."""
    if isinstance(item, (Recorded, StandIn)):
        return "an array" if item.name == RECONSTRUCT else f"a {item.name}"
    if isinstance(item, (tuple, list)):
        return f"a {type(item).__name__} of {len(item)}"
    return f"a value of type {type(item).__name__}"


def array_parts(array: Recorded, index: int) -> tuple[dict[str, Any], bytes]:
    """Header and bytes of one array, whose dtype is plain and whose bytes are as many as its shape says."""
    where = f"array {index}"
    if not (isinstance(array.state, tuple) and len(array.state) == 5):
        raise RefusedError(f"{where} has no state of (version, shape, dtype, order, bytes)")
    _, shape, dtype, fortran, content = array.state
    if not (isinstance(shape, tuple) and len(shape) in {1, 2} and all(is_count(size) for size in shape)):
        raise RefusedError(f"{where} has a shape that is not one or two counts")
    data = raw_bytes(content, where)
    letters = plain_dtype(dtype, where)
    expected = int(letters[2:])
    for size in shape:
        expected *= size
    if expected != len(data):
        raise RefusedError(
            f"{where} has the shape {shape} of {letters}, which is {expected} bytes, but holds {len(data)}"
        )
    return {"dtype": letters, "shape": shape, "order": "F" if fortran else "C"}, data


def is_count(size: Any) -> bool:
    """Tell whether a dimension is a number that numpy could take."""
    return type(size) is int and 0 <= size < 2**31


def plain_dtype(dtype: Any, where: str) -> str:
    """Return a dtype as `<f4`: kind f, i or u, 1 to 8 bytes, no fields."""
    if isinstance(dtype, Recorded) and dtype.name == DTYPE and dtype.arguments:
        kind, state = text(dtype.arguments[0]), dtype.state
        if isinstance(state, tuple) and len(state) == 8 and all(part is None for part in state[2:5]):
            order = text(state[1])
            if re.fullmatch(r"f[48]|[iu][1248]", kind) and order in {"<", ">", "|", "="}:
                return order + kind
        raise RefusedError(f"{where} has the dtype {kind[:20]!r}; only plain integers and floats are read")
    raise RefusedError(f"{where} has no dtype")


def text(value: Any) -> str:
    """Return a short string, which Python 2 pickled as bytes; an empty one for anything else."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else ""


def raw_bytes(value: Any, where: str) -> bytes:
    """Return an array's bytes: as Python 2 wrote them, or Python 3's `_codecs.encode(text, "latin1")`.

    Python 3 writes no bytes at all as the call `bytes()`; with an argument it would be another value.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, Recorded) and value.name == BYTES and not value.arguments:
        return b""
    if isinstance(value, Recorded) and value.name == ENCODE and len(value.arguments) == 2:
        content, encoding = value.arguments
        if isinstance(content, str) and text(encoding) == "latin1":
            try:
                return content.encode("latin-1")
            except UnicodeEncodeError as error:
                raise RefusedError(f"{where} has text where its bytes should be: {error.reason}") from error
    raise RefusedError(f"{where} has no bytes")


def limit(kind: int, value: int) -> None:
    """Lower a resource limit of this process, within what it was given."""
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


def main(path: str, pairs: int) -> None:
    """Read FILE, then write what was found to stdout."""
    limit(resource.RLIMIT_CPU, SECONDS_LIMIT)
    limit(resource.RLIMIT_FSIZE, 0)
    if sys.platform == "linux":  # macOS refuses RLIMIT_AS; the counts above bound the memory there
        limit(resource.RLIMIT_AS, MEMORY_LIMIT)
    found = paired_arrays(load(decompressed(path)), pairs)
    parts = [array_parts(array, index) for index, array in enumerate(found)]
    header = json.dumps([header for header, _ in parts]).encode("ascii")
    sys.stdout.buffer.write(len(header).to_bytes(8, "little") + header)
    for _, content in parts:
        sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    try:
        main(sys.argv[1], int(sys.argv[2]))
    except RefusedError as refusal:
        sys.exit(str(refusal))
    except MemoryError:
        sys.exit(f"the pickle asks for more than {MEMORY_LIMIT} bytes of memory; {CURE}")
    except OSError as failure:
        sys.exit(f"{failure.strerror or failure}; {CURE}")
