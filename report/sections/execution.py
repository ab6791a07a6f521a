"""How it ran: the pipeline's graph, the steps with their cache reasons, parameters and versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from report import status, wording
from report.facts import Facts
from report.graph.drawing import pipeline_graph
from report.markup import Child, Markup, number, tag
from report.tables import table


def pipeline(facts: Facts) -> Markup | None:
    """Return the graph's section; None where the definition has no steps."""
    graph = pipeline_graph(facts.definition, facts.steps)
    if graph is None:
        return None
    return tag("section", tag("h2", "Pipeline"), graph, id="pipeline")


def steps(facts: Facts) -> Markup | None:
    """Every step with its time and why it was or was not served from the cache."""
    if not facts.steps:
        return None
    longest = max(
        (wording.as_number(step.get("seconds")) or 0.0 for step in facts.steps.values()), default=0.0
    )
    rows = [
        (
            name,
            str(step.get("type") or ""),
            status.badge(status.step_look(step)),
            _time(step, longest),
            _remark(step),
        )
        for name, step in facts.steps.items()
    ]
    columns = ("Step", "Type", "Status", "Time", "Cache, or why it failed")
    body = table("Steps of the execution", columns, rows, class_="steps")
    return tag("section", tag("h2", "Steps"), body, id="steps")


def _time(step: Mapping[str, Any], longest: float) -> Markup:
    seconds = wording.as_number(step.get("seconds"))
    length = number(100 * seconds / longest if seconds and longest else 0.0, 1)
    return tag(
        "div",
        tag("span", class_="bar", style=f"width:{length}%", aria_hidden="true"),
        tag("span", wording.duration(seconds), class_="label"),
        class_="barcell",
    )


def _remark(step: Mapping[str, Any]) -> Child:
    reason = step.get("failure_reason")
    if reason:
        return tag("span", str(reason), class_="wrong")
    return str(step.get("cache_reason") or wording.MISSING)


def settings(facts: Facts) -> Markup | None:
    """Parameters, with those that differ from the definition's defaults marked, and versions."""
    declared = facts.definition.get("Parameters") or []
    defaults = {str(p["Name"]): p.get("DefaultValue") for p in declared if isinstance(p, Mapping)}
    parts: list[Child] = []
    if facts.parameters:
        rows = [
            (name, tag("code", _text(value)), _origin(name, value, defaults))
            for name, value in facts.parameters.items()
        ]
        parts.append(
            tag("div", tag("h3", "Parameters"), table("Parameters", ("Parameter", "Value", "Default"), rows))
        )
    versions = facts.execution.get("versions") or {}
    if versions:
        listed = [(str(name), tag("code", _text(value))) for name, value in versions.items()]
        parts.append(tag("div", tag("h3", "Versions"), table("Versions", ("Component", "Version"), listed)))
    if not parts:
        return None
    return tag("section", tag("h2", "Settings"), tag("div", parts, class_="settings"), id="settings")


def _origin(name: str, value: Any, defaults: Mapping[str, Any]) -> Child:
    if name not in defaults or defaults[name] is None:
        return wording.MISSING
    return "same" if _text(defaults[name]) == _text(value) else tag("code", _text(defaults[name]))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
