"""The pipeline's graph: which edges it has, and that its drawing is legible."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from report.graph.drawing import LETTERS, name_lines
from report.graph.layout import Waypoint, arrange
from report.graph.steps import read_steps, reduced, topological


def step(name: str, kind: str = "Processing", **more: Any) -> dict[str, Any]:
    return {"Name": name, "Type": kind, "Arguments": more.pop("Arguments", {}), **more}


def test_references_dependencies_and_branches_become_edges() -> None:
    channel = {"Uri": {"Get": "Steps.Convert.Outputs['train'].Uri"}}
    asked = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Train-a.PropertyFiles.E"}, "Path": "x"}}
    url = {"Std:Join": {"On": "/", "Values": [{"Get": "Steps.Train-a.ModelArtifacts"}, "x"]}}
    branches = {
        "Conditions": [{"LeftValue": asked}],
        "IfSteps": [step("Register", "RegisterModel", Arguments={"ModelUrl": url})],
        "ElseSteps": [step("Stop", "Fail")],
    }
    definition = {
        "Steps": [
            step("Convert"),
            step("Train-a", Arguments={"InputDataConfig": [channel]}),
            step("Notify", DependsOn=["Convert"]),
            step("Gate", "Condition", Arguments=branches),
        ]
    }
    steps = {s.name: s for s in read_steps(definition)}
    assert steps["Train-a"].needs == ("Convert",)
    assert steps["Notify"].needs == ("Convert",)
    assert steps["Gate"].needs == ("Train-a",), "what stands under a condition is not what it waits for"
    assert steps["Register"].needs == ("Gate", "Train-a")
    assert (steps["Register"].branch, steps["Stop"].branch) == ("if true", "if false")
    assert ("Train-a", "Register") not in reduced(list(steps.values())), "implied by the way over the gate"
    assert ("Gate", "Register") in reduced(list(steps.values()))


@pytest.mark.parametrize("task", ["zero-digit", "iris"])
def test_committed_definitions_are_read_whole(repository: Path, task: str) -> None:
    text = (repository / "pipeline" / "definitions" / f"{task}.json").read_text(encoding="utf-8")
    steps = {s.name: s for s in read_steps(json.loads(text))}
    assert not steps["Convert"].needs
    assert {"Transform-knn", "Transform-linear-learner"} <= set(steps["Evaluate"].needs)
    assert steps["Register-knn"].condition == "IsChampion-knn"
    assert steps["IsChampion-knn"].condition == "CheckQuality"


def test_steps_in_a_circle_are_named() -> None:
    with pytest.raises(ValueError, match="A, B wait for each other"):
        topological({"A": ["B"], "B": ["A"], "C": []})


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[str], list[tuple[str, str]]]:
    """Acyclic graphs: edges lead from earlier nodes to later ones."""
    nodes = [f"n{i}" for i in range(draw(st.integers(1, 14)))]
    pairs = [(a, b) for j, b in enumerate(nodes) for a in nodes[:j]]
    return nodes, draw(st.lists(st.sampled_from(pairs), unique=True, max_size=24)) if pairs else []


@given(graphs())
def test_no_two_nodes_overlap_and_every_edge_goes_down(
    graph: tuple[list[str], list[tuple[str, str]]],
) -> None:
    nodes, edges = graph
    layout = arrange(nodes, edges, 100.0, 20.0)
    widths = {item: 20.0 if isinstance(item, Waypoint) else 100.0 for item in layout.x}
    for level in set(layout.layer.values()):
        row = sorted((layout.x[item], widths[item]) for item in layout.x if layout.layer[item] == level)
        for (left, left_width), (right, right_width) in pairwise(row):
            assert right - left >= (left_width + right_width) / 2 - 1e-6
    for a, b in edges:
        levels = [layout.layer[item] for item in layout.paths[a, b]]
        assert levels == list(range(layout.layer[a], layout.layer[b] + 1)), "an edge leaves out no layer"
    assert all(x - widths[item] / 2 >= -1e-6 for item, x in layout.x.items())
    assert all(x + widths[item] / 2 <= layout.width + 1e-6 for item, x in layout.x.items())


@given(graphs())
def test_reduction_keeps_what_can_be_reached(graph: tuple[list[str], list[tuple[str, str]]]) -> None:
    nodes, edges = graph
    steps = read_steps({"Steps": [step(n, DependsOn=[a for a, b in edges if b == n]) for n in nodes]})
    assert reachable(nodes, reduced(steps)) == reachable(nodes, edges)


def reachable(nodes: list[str], edges: list[tuple[str, str]]) -> dict[str, set[str]]:
    above: dict[str, set[str]] = {}
    for name in nodes:
        above[name] = {p for a, b in edges if b == name for p in (a, *above[a])}
    return above


@given(st.text(alphabet="ab-", min_size=1, max_size=60))
def test_names_fit_their_nodes(name: str) -> None:
    lines = name_lines(name)
    assert 1 <= len(lines) <= 2
    assert all(len(line) <= LETTERS for line in lines)
    if not lines[-1].endswith("…"):
        assert "".join(lines) == name


def test_names_break_after_the_word_that_leads() -> None:
    assert name_lines("CreateModel-factorization-machines") == ["CreateModel-", "factorization-machines"]
    assert name_lines("Train-linear-learner") == ["Train-linear-learner"]
