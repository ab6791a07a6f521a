"""What the values in a step's Arguments stand for, as far as that is known before an execution."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline import definition as definitions
from pipeline.definition import DefinitionError


class Values:
    """Resolves parameters, joins and references to other steps; what an execution decides becomes `*`."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        self._parameters = definitions.parameters(definition)
        self.steps = {placed.name: placed.step for placed in definitions.steps(definition)}

    def address(self, step: str, field: str, uri: Any) -> tuple[str, str]:
        """Return bucket and prefix of an S3 address, the prefix without a slash at its end."""
        text = self.text(uri)
        match = re.fullmatch(r"s3://([^/]+)/(.+?)/*", text)
        if match is None:
            raise DefinitionError(f"step {step!r}: {field} is {text!r}, which is no s3://BUCKET/PREFIX")
        return match[1], match[2]

    def text(self, value: Any) -> str:
        """Return a value's text as far as the definition tells it; `*` for what an execution decides."""
        if isinstance(value, str | int | float):
            return str(value)
        if "Std:Join" in value:
            return str(value["Std:Join"]["On"]).join(self.text(part) for part in value["Std:Join"]["Values"])
        if "Get" in value:
            return self._referred(value["Get"])
        raise DefinitionError(f"cannot tell before an execution what {value!r} stands for")

    def _referred(self, path: str) -> str:
        origin, _, rest = path.partition(".")
        if origin == "Execution":
            return "*"
        if origin == "Parameters":
            return self.text(self._parameters[rest]["DefaultValue"])
        name, _, attribute = rest.partition(".")
        step = self.steps[name]
        output = re.fullmatch(r"ProcessingOutputConfig\.Outputs\['(.+)'\]\.S3Output\.S3Uri", attribute)
        if output is not None:
            return self.output(step, output[1])
        if attribute == "TransformOutput.S3OutputPath":
            return self.text(step["Arguments"]["TransformOutput"]["S3OutputPath"])
        if attribute == "ModelArtifacts.S3ModelArtifacts":
            # SageMaker writes below S3OutputPath: the job's name, then output/model.tar.gz.
            folder = self.text(step["Arguments"]["OutputDataConfig"]["S3OutputPath"]).rstrip("/")
            return f"{folder}/*/output/model.tar.gz"
        raise DefinitionError(f"cannot tell before an execution what {path!r} stands for")

    def output(self, step: Mapping[str, Any], name: str) -> str:
        """Return the address of a processing step's output."""
        outputs = step["Arguments"]["ProcessingOutputConfig"]["Outputs"]
        uri = next(output["S3Output"]["S3Uri"] for output in outputs if output["OutputName"] == name)
        return self.text(uri)

    def step_of(self, value: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the step that a `{"Get": "Steps.NAME.…"}` refers to."""
        return self.steps[value["Get"].split(".")[1]]

    def key_of(self, model_data: Mapping[str, str]) -> Any:
        """Return the key under which a training step encrypts its model."""
        return self.step_of(model_data)["Arguments"]["OutputDataConfig"].get("KmsKeyId")


def json_gets(value: Any, where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every Std:JsonGet in a step's own Arguments with its place; branches are steps of their own."""
    if isinstance(value, Mapping):
        if "Std:JsonGet" in value:
            yield where, value["Std:JsonGet"]
            return
        for key, item in value.items():
            if key not in ("IfSteps", "ElseSteps"):
                yield from json_gets(item, f"{where}.{key}".lstrip("."))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from json_gets(item, f"{where}[{index}]")
