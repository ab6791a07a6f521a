"""What an execution left behind, as the command line and the report need it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

RAW_DATA = "RawData"
"""The pipeline parameter that --data sets."""

CANDIDATE_FIGURES = ("accuracy", "precision", "recall", "f1", "macro_f1", "confusion_matrix")
"""What `run --json` says of each candidate."""


class Objects(Protocol):
    """Where outputs are read."""

    def read_json(self, uri: str) -> Any:
        """Return the JSON value in an object."""


class Source(Protocol):
    """What tells of executions: the state directory, or `cli.remote.Remote`."""

    @property
    def home(self) -> Path:
        """The folder below which reports are written."""

    @property
    def objects(self) -> Objects:
        """Where outputs are read."""

    def executions(self, pipeline: str | None = None) -> list[dict[str, Any]]:
        """Return executions without their steps, newest first."""

    def describe(self, execution: str) -> dict[str, Any]:
        """Return an execution with its steps."""

    def outline(self, execution: str) -> dict[str, Any]:
        """Return of an execution and its steps what can be told quickly: names, statuses, times."""

    def definition(self, execution: str) -> dict[str, Any]:
        """Return the definition that an execution runs by."""

    def model_packages(self, group: str | None = None) -> list[dict[str, Any]]:
        """Return model packages."""


def read_output(state: Source, execution: dict[str, Any], output: str) -> dict[str, Any] | None:
    """Return OUTPUT.json from the processing output named OUTPUT, or None where no step wrote it."""
    for step in execution["steps"]:
        uri = (step.get("outputs") or {}).get(output)
        if uri and step["status"] == "Succeeded":
            content: dict[str, Any] = state.objects.read_json(f"{uri.rstrip('/')}/{output}.json")
            return content
    return None


def raw_data_was_refused(state: Source, execution_id: str) -> bool:
    """Whether the execution failed since the step that reads the raw data could not make sense of it.

    A processing job's exit code 2 says that its input is to blame; the failure reason ends with that code, as
    the service's does.
    """
    from pipeline.definition import references, steps

    readers = {
        placed.name
        for placed in steps(state.definition(execution_id))
        if f"Parameters.{RAW_DATA}" in references(placed.step.get("Arguments", {}))
    }
    return any(
        step["name"] in readers and (step["failure_reason"] or "").endswith("exit code: 2")
        for step in state.describe(execution_id)["steps"]
    )


def registered(state: Source, execution: dict[str, Any]) -> dict[str, str] | None:
    """Return the ARN and approval status of the model package that an execution registered."""
    made = [step["properties"].get("ModelPackageArn") for step in execution["steps"]]
    arns = {arn for arn in made if arn}
    for package in state.model_packages() if arns else []:
        if package["model_package_arn"] in arns:
            return {"arn": package["model_package_arn"], "approval_status": package["approval_status"]}
    return None


def summarise(state: Source, execution_id: str) -> dict[str, Any]:
    """Return the object that `run --json` prints."""
    from cli.folds import cross_validation

    execution = state.describe(execution_id)
    evaluation = read_output(state, execution, "evaluation") or {}
    candidates = evaluation.get("candidates", {})
    return {
        "execution": execution["execution"],
        "status": execution["status"],
        "failure_reason": execution["failure_reason"],
        "champion": evaluation.get("champion", {}).get("name"),
        "candidates": {
            name: {figure: figures[figure] for figure in CANDIDATE_FIGURES}
            for name, figures in candidates.items()
        },
        "baseline": evaluation.get("baseline"),
        "cross_validation": cross_validation(state, execution),
        "model_package": registered(state, execution),
        "steps": [
            {key: step[key] for key in ("name", "type", "status", "seconds", "cached")}
            for step in execution["steps"]
        ],
        "seconds": execution["seconds"],
    }


def write_report(state: Source, execution_id: str) -> Path:
    """Write the execution's HTML report below the state directory and return where."""
    from cli.folds import cross_validation
    from report import write

    execution = state.describe(execution_id)
    path = state.home / "reports" / f"{execution['execution']}.html"
    write(
        path,
        {
            **execution,
            "task": execution["pipeline"],
            "model_package": registered(state, execution),
            "cross_validation": cross_validation(state, execution),
            "versions": versions(),
        },
        read_output(state, execution, "inspection"),
        read_output(state, execution, "evaluation"),
        state.definition(execution_id),
    )
    return path


def versions() -> dict[str, str]:
    """Return the versions that an execution's numbers depend on."""
    import platform
    from importlib.metadata import version

    packages = ("trainyard", "numpy", "scipy", "scikit-learn", "faiss-cpu")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}
