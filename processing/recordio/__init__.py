"""The recordIO-protobuf codec: `application/x-recordio-protobuf`, dense and sparse, writing and reading.

A stream is a sequence of frames, one a record: the magic `0xced7230a` and the payload's length (both uint32,
little-endian), the payload, and zero bytes up to a multiple of 4. The payload is the protobuf message

    Record { map<string, Value> features = 1; map<string, Value> label = 2;
             string uid = 3; string metadata = 4; string configuration = 5 }
    Value  { oneof { Float32Tensor float32_tensor = 2; Float64Tensor float64_tensor = 3;
                     Int32Tensor int32_tensor = 7; Bytes bytes = 9 } }
    Tensor { repeated T values = 1 [packed]; repeated uint64 keys = 2 [packed];
             repeated uint64 shape = 3 [packed] }

Streams can be joined end to end, so a writer may be called batch after batch on one file.

- SDK v2's names and signatures: `write_numpy_to_dense_tensor`, `write_spmatrix_to_sparse_tensor`,
  `read_records`.
- Straight into arrays: `read_dense`, `read_sparse`, `read_arrays`.
- Streams that cannot seek, in bounded memory: `read_batches`, `read_chunks`, `rebatch`.
- Bytes for a request or an answer: `encode_dense`, `encode_sparse`, `encode_labels`, `decode_labels`.

All malformed input raises `RecordIOError`. Whether the numbers are finite is the caller's business.
"""

from processing.recordio._arrays import read_arrays, read_batches, read_chunks, read_dense, read_sparse
from processing.recordio._batches import Arrays, rebatch
from processing.recordio._errors import RecordIOError
from processing.recordio._frames import Source
from processing.recordio._labels import decode_labels, encode_labels
from processing.recordio._messages import Bytes, Record, Tensor, Value, read_records
from processing.recordio._write import (
    encode_dense,
    encode_sparse,
    write_numpy_to_dense_tensor,
    write_spmatrix_to_sparse_tensor,
)

CONTENT_TYPE = "application/x-recordio-protobuf"

__all__ = [
    "CONTENT_TYPE",
    "Arrays",
    "Bytes",
    "Record",
    "RecordIOError",
    "Source",
    "Tensor",
    "Value",
    "decode_labels",
    "encode_dense",
    "encode_labels",
    "encode_sparse",
    "read_arrays",
    "read_batches",
    "read_chunks",
    "read_dense",
    "read_records",
    "read_sparse",
    "rebatch",
    "write_numpy_to_dense_tensor",
    "write_spmatrix_to_sparse_tensor",
]
