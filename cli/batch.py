"""Batch predictions: raw rows to a transform's input, and its answers to a file of class probabilities."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from cli.errors import UsageError
from cli.files import readable_file
from cli.jobs import run_job

RECORDIO = "application/x-recordio-protobuf"


@dataclass(frozen=True)
class Prepared:
    """A transform's input.

    channel: one file of features; content_type and split_type as TransformInput takes them.
    rows: how many. folder: what `write_predictions` needs of it.
    """

    channel: Path
    content_type: str
    split_type: str
    rows: int
    folder: Path


def prepare(data: Path, treatment: Path, folder: Path, schema: Path | None = None) -> Prepared:
    """Treat raw rows as the training rows were.

    Args:
        data: a CSV file, plain or gzipped, or an IDX file of images.
        treatment: the `treatment.json` that data conversion wrote beside `dataset.json`.
        folder: an empty folder, or one that does not exist.
        schema: the rows' own schema, where their file has no header.

    Raises:
        UsageError: the rows cannot be read, or are not what the model was trained with.

    """
    files = {data.name: data, **({} if schema is None else {"schema.json": schema})}
    for option, file in (("--data", data), ("--schema", schema)):
        if file is not None:
            readable_file(file, option)
    inputs = {"raw": files, "treatment": {"treatment.json": treatment}}
    output = run_job("batch_input", folder / "batch_input", inputs)
    [channel] = (output / "batch").iterdir()
    rows = json.loads((output / "rows" / "rows.json").read_text(encoding="utf-8"))
    content_type = rows["content_type"]
    split_type = "RecordIO" if content_type == RECORDIO else "Line"
    return Prepared(channel, content_type, split_type, rows["rows"], folder)


def write_predictions(prepared: Prepared, answers: Path, output: Path) -> int:
    """Write `output` from the transform's `*.out` files in the folder `answers`; return the number of rows.

    The file is CSV: the row id where the schema has one, then a column a class with its probability; a row
    for each row of input, in its order. It is gzipped where its name ends with `.gz`, and appears whole.

    Raises:
        UsageError: the answers are not predictions for these rows, or `output` cannot be written.

    """
    rows = prepared.folder / "batch_input" / "processing" / "output" / "rows"
    written = run_job(
        "batch_output",
        prepared.folder / "batch_output",
        {
            "rows": {file.name: file for file in rows.iterdir()},
            "predictions": {file.name: file for file in answers.glob("*.out")},
        },
        ["--name", "predictions.csv.gz" if output.name.endswith(".gz") else "predictions.csv"],
    )
    [made] = (written / "predictions").iterdir()
    staged = output.with_name(f".{output.name}.part")
    try:
        shutil.copyfile(made, staged)
        staged.replace(output)
    except OSError as error:
        staged.unlink(missing_ok=True)
        raise UsageError(f"--output {output}: cannot be written: {error.strerror}") from error
    return prepared.rows
