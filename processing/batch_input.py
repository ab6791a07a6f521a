"""Processing job: raw rows to the input of a batch transform, treated as the training rows were.

    python -m processing.batch_input

Reads `input/raw/` (a CSV file, plain or gzipped, perhaps with a schema of its own beside it, which may say
that there is no header; or one IDX file of images) and `input/treatment/treatment.json`. Writes
`output/batch/batch.pbr` or `.csv` (features only) and `output/rows/`: `row_ids.csv` where the schema has a
row id, and `rows.json`, which comes last:

    {"rows": 28000, "content_type": "…", "row_id": "id" | null, "class_names": […], "warnings": [text…]}
"""

from __future__ import annotations

import csv
import gc
import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from processing.channels import SUFFIXES, write_rows
from processing.container import Arguments, InputError, run, visible_files, warn, whole_file, write_json
from processing.raw_data import RawData, sort_out
from processing.readers import RawImages
from processing.readers.csv_table import SUFFIXES as CSV_SUFFIXES
from processing.readers.csv_table import CsvTable
from processing.readers.idx import read_idx
from processing.readers.image_table import ImageTable
from processing.readers.table import Block
from processing.schema import Schema, read_schema
from processing.splits import Split
from processing.table_conversion import unseen_warnings
from processing.treatment import FILE_NAME, Treatment, read_treatment

ROWS_FILE = "rows.json"
ROW_IDS_FILE = "row_ids.csv"


def prepare(arguments: Sequence[str], processing: Path) -> None:
    """Turn what is in `processing/input/raw` into features."""
    Arguments(prog="batch_input", description="Raw rows to a transform's input.").parse_args(arguments)
    treatment = read_treatment(processing / "input" / "treatment" / FILE_NAME)
    raw = sort_out(visible_files(processing / "input" / "raw", "the rows to predict"))
    if raw.recipe:
        raise InputError(f"{raw.recipe}: rows are treated by the model's own recipe; take this one away")
    output = processing / "output"
    encoder, rows, row_id = treatment.encoder(), 0, treatment.schema.row_id
    batch = output / "batch" / f"batch{SUFFIXES[treatment.content_type]}"
    with whole_file(batch) as file, whole_file(output / "rows" / ROW_IDS_FILE) as ids:
        for block in _blocks(raw, treatment):
            write_rows(file, encoder.features(block), None, treatment.content_type)
            if row_id is not None:
                ids.write(_records(block.cells(row_id)))
            rows += len(block)
    warnings = unseen_warnings(encoder.unseen)
    for warning in warnings:
        warn(warning)
    content = {
        "rows": rows,
        "content_type": treatment.content_type,
        "row_id": row_id,
        "class_names": treatment.class_names,
        "warnings": warnings,
    }
    write_json(output / "rows" / ROWS_FILE, content)


def _blocks(raw: RawData, treatment: Treatment) -> Iterator[Block]:
    schema = treatment.schema
    images = [path for path in raw.data if "idx3-ubyte" in path.name]
    if len(images) == 1:
        if raw.schema:
            raise InputError(f"{raw.schema}: images have no columns to describe; take the schema away")
        return ImageTable(_images(images[0]), schema.without_target()).blocks()
    batch_schema = _batch_schema(raw.schema, schema) if raw.schema else schema
    target = frozenset() if schema.target is None else frozenset((schema.target,))
    return CsvTable(raw.only(*CSV_SUFFIXES), batch_schema, optional=target).blocks()


def _batch_schema(path: Path, trained: Schema) -> Schema:
    """Return a batch's own schema, which must give every input the type that training knew."""
    schema = read_schema(path)
    for name, kind in trained.inputs.items():
        if schema.types.get(name) != kind:
            raise InputError(
                f"{path}: {name!r} is {schema.types.get(name, 'missing')}, but the model was trained with "
                f"{kind}; correct the schema"
            )
    if trained.row_id is not None and trained.row_id not in schema.types:
        raise InputError(f"{path}: no attribute {trained.row_id!r}, the row id in training; add it")
    # What training did not learn from is no input here either.
    apart = set(schema.types) - set(trained.inputs) - {trained.row_id, trained.target}
    return replace(schema, row_id=trained.row_id, excluded=tuple(apart))


def _images(path: Path) -> RawImages:
    pixels = read_idx(path, 3)
    count, height, width = pixels.shape
    split = Split(pixels.reshape(count, height * width), np.zeros(count, dtype=np.int64))
    return RawImages({"test": split}, (height, width), [path], "mnist-idx")


def _records(cells: Sequence[str]) -> bytes:
    text = io.StringIO()
    # All quoted: the writer leaves a lone \r bare, and the reader would end a record there.
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([cell] for cell in cells)
    return text.getvalue().encode("utf-8")


if __name__ == "__main__":
    # Rows are millions of lists and no cycles: looking for these would take half of the time.
    gc.disable()
    sys.exit(run(prepare))
