"""The one error that malformed recordIO raises."""

from __future__ import annotations


class RecordIOError(ValueError):
    """A stream that is not valid recordIO-protobuf, or not of the kind that was asked for.

    record: zero-based number of the record in its source.
    offset: byte offset in its source of what is wrong.
    """

    def __init__(self, record: int, offset: int, found: str, expected: str, cure: str) -> None:
        super().__init__(
            f"recordIO record {record}, byte {offset}: found {found}, expected {expected}; {cure}"
        )
        self.record = record
        self.offset = offset


WRITTEN_ANEW = "write the file anew, or fetch it again if it was damaged on its way"
"""The cure where the bytes themselves are wrong."""
