"""What the expressions of one execution start from: its parameters, its variables and its property files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from local.arns import now, pipeline_arn
from local.graph import Node
from local.language import Scope
from local.records import Row


def execution_scope(execution: Row, nodes: Mapping[str, Node], read: Callable[[str], bytes]) -> Scope:
    """Return the scope of an execution in which no step has run yet.

    Args:
        execution: its row.
        nodes: the steps of its definition.
        read: returns an object's content.

    """
    variables = {
        "PipelineName": execution["pipeline"],
        "PipelineArn": pipeline_arn(execution["pipeline"]),
        "PipelineExecutionId": execution["id"],
        "PipelineExecutionArn": execution["arn"],
        "StartDateTime": execution["started"],
        "CurrentDateTime": now(),
    }
    files = {name: list(node.step.get("PropertyFiles", [])) for name, node in nodes.items()}
    return Scope(json.loads(execution["parameters"]), variables, read, property_files=files)
