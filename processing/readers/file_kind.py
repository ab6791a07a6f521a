"""What a file is that is no text in UTF-8, by its first bytes, so that a mix-up is called by its name."""

from __future__ import annotations

from pathlib import Path

from processing.container import InputError

GZIP = b"\x1f\x8b"
FIRST_BYTES = 4
"""As many as tell the kinds apart."""

_KINDS = {
    GZIP: "gzip",
    b"PK\x03\x04": "a zip archive or an Excel file",
    b"PAR1": "Parquet",
    **{bytes([0x80, protocol]): "a pickle" for protocol in range(2, 6)},
}
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def check_text(path: Path, first: bytes, *, unpacked: bool = False) -> None:
    """Raise InputError where a CSV file's first bytes are another kind of file's.

    unpacked: the bytes are not the file's own but what a gzip file holds.
    """
    if first.startswith(_UTF_16):
        raise InputError(f"{path}: the text is UTF-16; save the file as UTF-8")
    for signature, kind in _KINDS.items():
        if first.startswith(signature):
            found = f"{kind} within gzip" if unpacked else kind
            raise InputError(f"{path}: is {found}, not CSV; this task reads a CSV file")
