"""Where steps write, and whether a reader of one location would get another's objects too."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.lint.model import Finding, Pipeline


def locations_stand_apart(pipeline: Pipeline) -> Iterator[Finding]:
    """Check that no output location is the beginning of another.

    An input of type S3Prefix takes in every key that *begins* with the location: reading `…/test` would read
    `…/test_labels/labels.csv` as well.
    """
    written = list(_written(pipeline))
    for where, location in written:
        for other, longer in written:
            if where != other and longer.startswith(location):
                yield Finding(other, f"its location begins with that of {where}: a reader gets both")


def _written(pipeline: Pipeline) -> Iterator[tuple[str, str]]:
    """Yield (where, location as text) of each output."""
    for step in pipeline.steps:
        arguments = step.step["Arguments"]
        for output in arguments.get("ProcessingOutputConfig", {}).get("Outputs", []):
            yield f"{step.name}.Outputs[{output['OutputName']}]", _text(output["S3Output"]["S3Uri"])
        for member in ("OutputDataConfig", "TransformOutput"):
            if member in arguments:
                yield f"{step.name}.{member}", _text(arguments[member]["S3OutputPath"])


def _text(location: object) -> str:
    """Return a location as text in which equal functions are equal text."""
    if isinstance(location, Mapping) and "Std:Join" in location:
        join: Mapping[str, Any] = location["Std:Join"]
        return str(join["On"]).join(_text(value) for value in join["Values"])
    return location if isinstance(location, str) else json.dumps(location, sort_keys=True)
