"""`dataset.json`: what data conversion says of the channels it wrote, for every step after it.

    {"hyperparameters": {"feature_dim": "784", "num_classes": "2", "normalize_data": "true",
                         "num_models": "auto", "sample_size": "60000"},
     "rows": {"train": 50000, "validation": 10000, "test": 10000},
     "class_names": ["not 0", "0"], "feature_names": […], "image_shape": [28, 28] | null,
     "content_type": "application/x-recordio-protobuf" | "text/csv",
     "source": {"files": ["mnist.pkl.gz"], "format": "mnist-pickle" | "mnist-idx" | "csv"},
     "warnings": [text…]}

normalize_data is false for words as columns of 0 and 1 and for pixels, which have one unit already:
standardised, a rare word or a pixel of the border would weigh as much as all others.
num_models is small for wide rows: 32 models with 137,000 × 10 weights each, one-hot MNIST, take 2 GiB.
sample_size is what of these rows fits into SAMPLE_BYTES as dense float32, which is how knn keeps its sample.
`feature_names` is empty where there are more than NAMED_FEATURES.

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
NAMED_FEATURES = 2000
WIDE_MODELS = "4"
SAMPLE_BYTES = 512 * 1024 * 1024
SAMPLE_ROWS = 60_000


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
    feature_dim: int = 0
    one_hot: bool = False

    def __post_init__(self) -> None:
        if not self.feature_dim:
            object.__setattr__(self, "feature_dim", len(self.feature_names))

    @property
    def wide(self) -> bool:
        """Whether there are too many features to name, describe and show each."""
        return self.feature_dim > NAMED_FEATURES

    def write(self, folder: Path) -> None:
        """Write `dataset.json` into `folder`, whole."""
        content = {"hyperparameters": self.hyperparameters(), **asdict(self)}
        del content["feature_dim"], content["one_hot"]
        if self.wide:
            content["feature_names"] = []
        write_json(folder / FILE_NAME, content)

    def hyperparameters(self) -> dict[str, str]:
        """Return what the data decides about the training."""
        return {
            "feature_dim": str(self.feature_dim),
            "num_classes": str(len(self.class_names)),
            "normalize_data": "false" if self.one_hot or self.image_shape else "true",
            "num_models": WIDE_MODELS if self.wide else "auto",
            "sample_size": str(max(1, min(SAMPLE_ROWS, SAMPLE_BYTES // (4 * max(1, self.feature_dim))))),
        }


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
    feature_names = [str(name) for name in content["feature_names"]]
    return Dataset(
        rows=content["rows"],
        class_names=[str(name) for name in content["class_names"]],
        feature_names=feature_names,
        image_shape=content.get("image_shape"),
        content_type=content["content_type"],
        source=content.get("source", {}),
        feature_dim=_feature_dim(path, content) if not feature_names else len(feature_names),
        warnings=content.get("warnings", []),
    )


def _feature_dim(path: Path, content: dict[str, Any]) -> int:
    text = content.get("hyperparameters", {}).get("feature_dim")
    if not (isinstance(text, str) and text.isascii() and text.isdigit()):
        raise InputError(f"{path}: hyperparameters.feature_dim is {text!r}; run data conversion again")
    return int(text)
