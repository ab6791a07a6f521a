"""`treatment.json`: everything that turns raw rows into a model's features, as it was fitted in training.

    {"version": 1, "schema": {…}, "recipe": {…} | null, "pixel_maximum": 255 | null,
     "class_names": […], "content_type": "application/x-recordio-protobuf" | "text/csv",
     "fits": {node: {"mean", "deviation"} | {"cuts"}}, "vocabularies": {node: [word, …]}}

Data conversion writes it beside `dataset.json`, and the model package names the place, so that batch and
real-time input get the treatment that the training rows got.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from processing.container import InputError, write_json
from processing.recipe.encoder import Encoder
from processing.recipe.fitted import ONE_HOT
from processing.recipe.plan import Node, all_inputs, plan
from processing.schema import Schema, parse_schema, read_json

FILE_NAME = "treatment.json"
VERSION = 1
CURE = "run data conversion again"


@dataclass(frozen=True)
class Treatment:
    """The content of `treatment.json`; the module's docstring has the schema."""

    schema: Schema
    class_names: list[str]
    content_type: str
    recipe: Any = None
    pixel_maximum: int | None = None
    fits: Mapping[str, Mapping[str, Any]] | None = None
    vocabularies: Mapping[str, list[str]] | None = None

    def outputs(self, source: str = FILE_NAME) -> list[Node]:
        """Return the recipe's outputs, or every input where there is no recipe."""
        if self.recipe is None:
            return all_inputs(self.schema)
        return plan(self.recipe, self.schema, source)

    def encoder(self) -> Encoder:
        """Return what turns rows into features."""
        return Encoder(self.outputs(), self.fits or {}, self.vocabularies or {}, self.pixel_maximum)

    def write(self, folder: Path) -> None:
        """Write `treatment.json` into `folder`, whole."""
        content = {**asdict(self), "schema": self.schema.as_json()}
        content["fits"], content["vocabularies"] = self.fits or {}, self.vocabularies or {}
        write_json(folder / FILE_NAME, {"version": VERSION, **content})


def read_treatment(path: Path) -> Treatment:
    """Read `treatment.json`; InputError where it is not what `Treatment.write` writes."""
    content = read_json(path, "treatment that data conversion wrote")
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise InputError(f"{path}: not a treatment of version {VERSION}; {CURE}")
    try:
        treatment = Treatment(
            schema=parse_schema(content["schema"], str(path)),
            class_names=[str(name) for name in content["class_names"]],
            content_type=str(content["content_type"]),
            recipe=content["recipe"],
            pixel_maximum=content["pixel_maximum"],
            fits=dict(content["fits"]),
            vocabularies={text: list(words) for text, words in content["vocabularies"].items()},
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{path}: not a whole treatment ({error!r}); {CURE}") from error
    for node in treatment.outputs(str(path)):
        missing = node.kind in ONE_HOT and node.text not in (treatment.vocabularies or {})
        if missing or any(
            below.function in ("normalize", "quantile_bin") and below.text not in (treatment.fits or {})
            for below in node.walk()
        ):
            raise InputError(f"{path}: nothing was fitted for {node.text}; {CURE}")
    return treatment
