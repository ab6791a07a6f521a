"""Processing job: what a model answered to the rows to predict, as one file of class probabilities.

    python -m processing.batch_output [--name predictions.csv]

Reads `input/rows/`, which `processing.batch_input` wrote, and `input/predictions/*.out` in order of name.
Writes `output/predictions/NAME`, gzipped where NAME ends with `.gz`: CSV with a header; a row a row of the
input, in its order; first the row id where the schema has one, then a column a class with its probability.
The sum of a row is 1.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import sys
from argparse import ArgumentTypeError
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, TextIO, cast

from processing.answers import Doubles, probabilities
from processing.batch_input import ROW_IDS_FILE, ROWS_FILE
from processing.container import Arguments, InputError, run, visible_files, whole_file
from processing.readers.csv_file import CELL_CHARACTERS


def write_predictions(arguments: Sequence[str], processing: Path) -> None:
    """Write the file of predictions."""
    parser = Arguments(prog="batch_output", description="A transform's output to a file of probabilities.")
    parser.add_argument("--name", type=_file_name, default="predictions.csv")
    name: str = parser.parse_args(arguments).name
    source = processing / "input"
    rows = _rows(source / "rows" / ROWS_FILE)
    with whole_file(processing / "output" / "predictions" / name) as file:
        if name.endswith(".gz"):
            # Without a time in its header, equal predictions are equal bytes.
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as zipped:
                _write(cast("IO[bytes]", zipped), rows, source)
        else:
            _write(file, rows, source)


class _Lines:
    """Takes the writer's records, which end in CRLF so that it quotes both, and ends them in LF."""

    def __init__(self, text: TextIO) -> None:
        self._text = text

    def write(self, record: str) -> int:
        return self._text.write(record.removesuffix("\r\n") + "\n")


def _write(file: IO[bytes], rows: dict[str, Any], source: Path) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(_Lines(text), lineterminator="\r\n")
    classes, row_id = rows["class_names"], rows["row_id"]
    writer.writerow([*([] if row_id is None else [row_id]), *classes])
    written = 0
    with (source / "rows" / ROW_IDS_FILE).open(encoding="utf-8", newline="") as lines:
        csv.field_size_limit(CELL_CHARACTERS)
        ids = csv.reader(lines)
        for batch in _batches(source / "predictions", len(classes)):
            written += len(batch)
            if written > rows["rows"]:
                break
            values = [[repr(value) for value in row] for row in batch.tolist()]
            if row_id is not None:
                names = list(itertools.islice(ids, len(values)))
                if len(names) < len(values) or any(len(name) != 1 for name in names):
                    raise _wrong_ids(source, rows)
                values = [[*name, *row] for name, row in zip(names, values, strict=True)]
            writer.writerows(values)
        if written != rows["rows"]:
            raise InputError(
                f"{source / 'predictions'}: {written} predictions or more, but {rows['rows']} rows of input; "
                "run the batch transform again"
            )
        if next(ids, None) is not None:
            raise _wrong_ids(source, rows)
    text.detach()


def _wrong_ids(source: Path, rows: dict[str, Any]) -> InputError:
    return InputError(
        f"{source / 'rows' / ROW_IDS_FILE}: not one row id for each of {rows['rows']} rows of input; "
        "run batch_input again"
    )


def _batches(folder: Path, classes: int) -> Iterator[Doubles]:
    files = [path for path in visible_files(folder, "a batch transform's output") if path.suffix == ".out"]
    if not files:
        raise InputError(f"{folder}: no file ends with .out; mount the batch transform's output there")
    for path in files:
        yield from probabilities(path, classes)


def _rows(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content["rows"], int) and isinstance(content["class_names"], list):
            return {"row_id": None, **content}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not what batch_input writes ({error}); run it again") from error
    raise InputError(f"{path}: not what batch_input writes; run it again")


def _file_name(text: str) -> str:
    if text != Path(text).name or text.startswith("."):
        raise ArgumentTypeError(f"{text!r} is not the name of a file")
    return text


if __name__ == "__main__":
    sys.exit(run(write_predictions))
