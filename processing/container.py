"""What a processing job knows of its container: the base directory, whole outputs, and how a failure is told.

SageMaker mounts inputs and uploads outputs below `/opt/ml/processing`, and takes the reason of a failed
processing job from `/opt/ml/output/message` (its `ExitMessage`). `SAGEMAKER_BASE_DIR` names another root than
`/opt/ml`.
"""

from __future__ import annotations

import argparse
import errno
import gc
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, cast

OUT_OF_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class InputError(Exception):
    """Something that the user can cure; the message names the culprit, the value seen and the cure."""


class OutputError(Exception):
    """An output could not be written; the message names the file and the reason."""


class Arguments(argparse.ArgumentParser):
    """A job's arguments, whose errors reach the job's message as every other bad input does."""

    def error(self, message: str) -> NoReturn:
        """Raise InputError where argparse would print its usage and exit."""
        raise InputError(f"{self.prog}: {message} ({self.format_usage().strip()})")


def processing_directory() -> Path:
    """Return the folder that holds `input/` and `output/`: `$SAGEMAKER_BASE_DIR/processing`."""
    return _base_directory() / "processing"


def run(job: Callable[[Sequence[str], Path], None]) -> int:
    """Run a job's body over the command line's arguments and return the process's exit code.

    Every failure leaves one line on stderr and in `output/message`. The exit code is 2 where the input or the
    arguments are to blame (as argparse's own is) and 1 for all else, such as a full volume. A fault of ours
    leaves its line in `output/message` too, and its traceback where a developer looks for it.
    """
    # What the imports made stays: the collector need not go through it (6 ms) whenever rows' objects add up.
    gc.freeze()
    try:
        job(sys.argv[1:], processing_directory())
    except InputError as error:
        _failed(str(error))
        return 2
    except OutputError as error:
        return _failed(str(error))
    except MemoryError:
        return _failed("out of memory: use an instance type with more memory, or less data")
    except OSError as error:
        return _failed(f"{error.filename or 'input or output'}: {error.strerror or error}")
    except Exception as error:
        _failed(f"unexpected {type(error).__name__}: {error}")
        raise
    return 0


def warn(message: str) -> None:
    """Say on stderr, which is the job's log, what did not stop the job."""
    print(f"warning: {message}", file=sys.stderr)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open `path` for writing so that it appears, whole, when the block ends, or not at all.

    The bytes go to a hidden name beside it, which is renamed at the end and removed after an error. Errors of
    the file system raise OutputError; those that the block meets elsewhere, such as in its input, pass.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        with _blamed_on(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = io.BufferedWriter(_Raw(temporary, path))
        try:
            yield cast("BinaryIO", file)
        finally:
            with _blamed_on(path):
                file.close()
        with _blamed_on(path):
            temporary.replace(path)
    except BaseException:
        with suppress(OSError):  # the folder may be what is wrong; the first error is the one to tell
            temporary.unlink()
        raise


class _Raw(io.FileIO):
    """A new file, whose failure to write tells the file that it was to become."""

    def __init__(self, temporary: Path, path: Path) -> None:
        super().__init__(temporary, "wb")
        self._path = path

    def write(self, data: Any, /) -> int:
        """Write what fits."""
        with _blamed_on(self._path):
            return super().write(data)


@contextmanager
def _blamed_on(path: Path) -> Iterator[None]:
    """Turn an OSError into an OutputError that names `path`."""
    try:
        yield
    except OSError as error:
        raise OutputError(_write_failure(path, error)) from error


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write `content` as JSON that any parser reads: NaN and infinity are refused with ValueError."""
    text = json.dumps(content, allow_nan=False, ensure_ascii=False)
    with whole_file(path) as file:
        file.write(text.encode("utf-8"))


def visible_files(folder: Path, purpose: str) -> list[Path]:
    """Return the files right below `folder`, by name, without hidden ones (half-written, or the system's)."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; {purpose} must be mounted there")
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    if not files:
        raise InputError(f"{folder}: no file in it; put {purpose} there")
    return files


def _base_directory() -> Path:
    return Path(os.environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml")


def _write_failure(path: Path, error: OSError) -> str:
    if error.errno in OUT_OF_SPACE:
        reason = (
            "no space left on the device" if error.errno != errno.EFBIG else "the file would be too large"
        )
        return f"{path}: {reason} ({error.strerror}); free some, or give the job a larger volume"
    return f"{path}: cannot be written: {error.strerror or error}"


def _failed(message: str) -> int:
    # Names of files may hold bytes that are no text; the line shows them as escapes.
    line = " ".join(message.split()).encode("utf-8", "backslashreplace").decode("utf-8")
    print(line, file=sys.stderr)
    try:
        with whole_file(_base_directory() / "output" / "message") as file:
            file.write(line.encode("utf-8"))
    except OutputError as error:
        print(error, file=sys.stderr)
    return 1
