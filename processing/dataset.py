"""`dataset.json`: what data conversion says of the channels it wrote, for every step after it.

    {"hyperparameters": {"feature_dim": "784", "num_classes": "2"},
     "rows": {"train": 50000, "validation": 10000, "test": 10000},
     "class_names": ["not 0", "0"], "feature_names": […], "image_shape": [28, 28] | null,
     "content_type": "application/x-recordio-protobuf" | "text/csv",
     "source": {"files": ["mnist.pkl.gz"], "format": "mnist-pickle" | "mnist-idx" | "csv"},
     "warnings": [text…]}

Hyperparameters are strings, as SageMaker's training jobs take them: a pipeline reads them by JsonGet, so that
one definition serves data of any width.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from processing.container import InputError, write_json

FILE_NAME = "dataset.json"


@dataclass(frozen=True)
class Dataset:
    """The content of `dataset.json`; the module's docstring has the schema."""

    rows: dict[str, int]
    class_names: list[str]
    feature_names: list[str]
    image_shape: list[int] | None
    content_type: str
    source: dict[str, Any]
    warnings: list[str] = field(default_factory=list)

    @property
    def feature_dim(self) -> int:
        """Features a row."""
        return len(self.feature_names)

    def write(self, folder: Path) -> None:
        """Write `dataset.json` into `folder`, whole."""
        hyperparameters = {"feature_dim": str(self.feature_dim), "num_classes": str(len(self.class_names))}
        write_json(folder / FILE_NAME, {"hyperparameters": hyperparameters, **asdict(self)})


def read_dataset(folder: Path) -> Dataset:
    """Read `folder/dataset.json`; InputError where it is missing or not what `Dataset.write` writes."""
    path = folder / FILE_NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: no such file; data conversion writes it, mount its output there"
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({error}); run data conversion again") from error
    cure = "run data conversion again"
    if not isinstance(content, dict):
        raise InputError(f"{path}: a JSON object is wanted, not {type(content).__name__}; {cure}")
    for key, kind in (("rows", dict), ("class_names", list), ("feature_names", list), ("content_type", str)):
        if not isinstance(content.get(key), kind):
            raise InputError(f"{path}: {key!r} is {content.get(key)!r}, not a {kind.__name__}; {cure}")
    return Dataset(
        rows=content["rows"],
        class_names=[str(name) for name in content["class_names"]],
        feature_names=[str(name) for name in content["feature_names"]],
        image_shape=content.get("image_shape"),
        content_type=content["content_type"],
        source=content.get("source", {}),
        warnings=content.get("warnings", []),
    )
