"""The raw data of a run: one file or folder, with the schema and the recipe beside it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.errors import UsageError
from cli.files import readable_file

COMPANIONS = {"schema": "schema.json", "recipe": "recipe.json"}
"""Option → the name by which data conversion knows the file."""


@contextmanager
def with_companions(data: Path, home: Path, schema: Path | None, recipe: Path | None) -> Iterator[Path]:
    """Yield what to upload: `data` itself, or a folder of it with `schema.json` and `recipe.json`.

    One prefix holds all that decides what conversion makes of the rows: the pipeline needs no parameters for
    what is optional, and the step cache, which compares locations, misses when a recipe changes.

    Args:
        data: a file or a folder.
        home: where the folder is made, on the volume of the object store.
        schema: the option's file, or None.
        recipe: likewise.

    Raises:
        UsageError: an option's file cannot be read, or the folder has one of its own.

    """
    given = {name: path for name, path in (("schema", schema), ("recipe", recipe)) if path is not None}
    if not given:
        yield data
        return
    for name, path in given.items():
        readable_file(path, f"--{name}")
    with tempfile.TemporaryDirectory(prefix=".raw-", dir=home) as folder:
        files = [data] if data.is_file() else [child for child in data.iterdir() if child.is_file()]
        for file in files:
            shutil.copyfile(file, Path(folder) / file.name)
        for name, path in given.items():
            target = Path(folder) / COMPANIONS[name]
            if target.exists():
                raise UsageError(f"--{name} {path}: {data} has a {target.name} of its own; use one of them")
            shutil.copyfile(path, target)
        yield Path(folder)
