"""`trainyard schema FILE.csv`: infer a file's schema and write it beside the file."""

from __future__ import annotations

import argparse
from pathlib import Path

from cli.errors import UsageError
from cli.files import readable_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("file", metavar="FILE", type=Path, help="a CSV file, plain or gzipped")
    parser.add_argument(
        "--target", metavar="NAME", help="the column to learn; without it label, target or class"
    )
    parser.add_argument("--row-id", metavar="NAME", help="the column that names a row in predictions")
    parser.add_argument("--no-header", action="store_true", help="the first line is data; name columns Var…")
    parser.add_argument(
        "--output", metavar="S.json", type=Path, help="where to write; without it FILE.csv.schema"
    )


def execute(options: argparse.Namespace) -> int:
    """Write the schema and say where; 2 where the file cannot be read or the schema is there already."""
    import json
    import tempfile

    from cli.jobs import run_job

    target = options.output or options.file.with_name(f"{options.file.name}.schema")
    readable_file(options.file)
    if target.exists():
        raise UsageError(f"{target} is there already; remove it, or write elsewhere with --output")
    arguments = [
        *(["--target", options.target] if options.target else []),
        *(["--row-id", options.row_id] if options.row_id else []),
        *(["--no-header"] if options.no_header else []),
    ]
    with tempfile.TemporaryDirectory(prefix="trainyard-") as folder:
        output = run_job(
            "schema_inference", Path(folder), {"raw": {options.file.name: options.file}}, arguments
        )
        schema = json.loads((output / "schema" / "schema.json").read_text(encoding="utf-8"))
        try:
            target.write_text(json.dumps(schema, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{target}: cannot be written: {error.strerror}") from error
    print(target)
    return 0
