"""`run --definition FILE`: a definition of the user's own, such as the SDK's `pipeline.definition()`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from cli.errors import UsageError

_PIPELINE_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,255}")


def pipeline_name(path: Path) -> str:
    """Return the name of the pipeline that a file defines: the file's own, without its ending.

    Raises:
        UsageError: the service would not take that name.

    """
    if not _PIPELINE_NAME.fullmatch(path.stem):
        raise UsageError(
            f"--definition {path}: a pipeline is called like its file, and {path.stem!r} is no name for one; "
            "use letters, digits and hyphens"
        )
    return path.stem


def read_definition(path: Path) -> dict[str, Any]:
    """Return the definition in a file, checked as far as the runner's language goes.

    Raises:
        UsageError: the file cannot be read, or holds no definition.
        DefinitionError: its steps cannot run here.

    """
    from local.graph import graph
    from pipeline.definition import parameters

    try:
        definition: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        definition["Steps"][:0]
    except OSError as error:
        raise UsageError(f"--definition {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--definition {path}: it is no JSON: {error}") from None
    except (KeyError, TypeError):
        raise _malformed(path, "it is no JSON object with a list Steps") from None
    try:
        graph(definition)
        parameters(definition)
    except (KeyError, TypeError, AttributeError) as error:
        # Whatever a document has in the place of what the language asks for.
        raise _malformed(path, f"a part of it is missing or of another type: {error}") from None
    return definition


def _malformed(path: Path, why: str) -> UsageError:
    return UsageError(f"--definition {path}: no pipeline definition: {why}")
