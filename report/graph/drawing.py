"""The pipeline's graph as SVG: every step with its status and its time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from report import wording
from report.graph.layout import Layout, arrange
from report.graph.steps import Step, read_steps, reduced
from report.markup import Markup, join, number, tag
from report.status import Status, icon, step_look
from report.tables import chart, numbers, scrollable, table

WIDTH, HEIGHT = 184, 74  # of a node, in pixels
GAP, DROP = 18, 44  # between nodes beside and below each other
LANE = 26  # kept free for an edge that passes a layer
LETTERS = 22  # that a node's width holds

NOTE = (
    "An arrow leads from a step to one that waits for it; what a longer way already says is not drawn. "
    "Dashed: not run."
)


def pipeline_graph(definition: Mapping[str, Any], ran: Mapping[str, Mapping[str, Any]]) -> Markup | None:
    """Draw the figure, or None where the definition has no steps; `ran` are the execution's steps by name."""
    steps = read_steps(definition)
    if not steps:
        return None
    looks = {step.name: step_look(ran.get(step.name)) for step in steps}
    layout = arrange([s.name for s in steps], reduced(steps), WIDTH + GAP, LANE)
    picture = scrollable(_picture(steps, layout, looks, ran), "Graph of the pipeline")
    return chart("Steps, from top to bottom", picture, _numbers(steps, looks, ran), note=NOTE, class_="graph")


def _picture(
    steps: Sequence[Step], layout: Layout, looks: Mapping[str, Status], ran: Mapping[str, Mapping[str, Any]]
) -> Markup:
    layers = max(layout.layer.values()) + 1
    width, height = layout.width, layers * (HEIGHT + DROP) - DROP + 4
    branches = {(step.condition, step.name): step.branch for step in steps if step.condition}
    edges = [_edge(layout, edge, branches.get(edge), looks) for edge in layout.paths]
    nodes = [_node(step, layout, looks[step.name], ran.get(step.name)) for step in steps]
    described = ", ".join(f"{step.name}: {looks[step.name].word}" for step in steps)
    return tag(
        "svg",
        tag("title", "Graph of the pipeline's steps"),
        tag("desc", described),
        edges,
        nodes,
        width=number(width, 0),
        height=number(height, 0),
        viewBox=f"0 0 {number(width)} {number(height)}",
        role="img",
    )


def _top(layout: Layout, item: Any) -> float:
    return layout.layer[item] * (HEIGHT + DROP) + 2.0


def _edge(layout: Layout, edge: tuple[str, str], branch: str | None, looks: Mapping[str, Status]) -> Markup:
    path = layout.paths[edge]
    points: list[tuple[float, float]] = [(layout.x[path[0]], _top(layout, path[0]) + HEIGHT)]
    for item in path[1:-1]:
        points += [(layout.x[item], _top(layout, item)), (layout.x[item], _top(layout, item) + HEIGHT)]
    x, y = layout.x[path[-1]], _top(layout, path[-1])
    points.append((x, y - 5))
    drawn = f"M{number(points[0][0], 1)} {number(points[0][1], 1)}"
    for index in range(1, len(points)):
        (ax, ay), (bx, by) = points[index - 1], points[index]
        middle = (ay + by) / 2
        curve = (ax, middle, bx, middle, bx, by)
        drawn += f"V{number(by, 1)}" if ax == bx else "C" + " ".join(number(v, 1) for v in curve)
    taken = all(looks[name].kind != "idle" for name in edge)
    head = f"M{number(x, 1)} {number(y, 1)}l-4-7h8z"
    word = tag("text", branch, x=number(x + 8, 1), y=number(y - 7, 1), class_="branch") if branch else None
    line = tag("path", d=drawn, class_="edge"), tag("path", d=head, class_="head")
    return tag("g", line, word, class_=None if taken else "idle")


def _node(step: Step, layout: Layout, look: Status, ran: Mapping[str, Any] | None) -> Markup:
    left, top = layout.x[step.name] - WIDTH / 2, _top(layout, step.name)
    lines = name_lines(step.name)
    start = 38 if len(lines) == 1 else 32
    status = tag(
        "svg", tag("path", d=look.icon), x=11, y=HEIGHT - 20, width=12, height=12, viewBox="0 0 12 12"
    )
    return tag(
        "g",
        tag("title", f"{step.name} ({step.type}): {look.word}{_time(ran, ', ')}"),
        tag("path", d=_outline(step.type), class_="box"),
        tag("text", step.type, x=12, y=16, class_="type"),
        (tag("text", line, x=12, y=start + 14 * i, class_="name") for i, line in enumerate(lines)),
        tag("g", status, tag("text", look.word + _time(ran, " · "), x=28, y=HEIGHT - 10), class_="state"),
        class_=f"node {look.kind}",
        transform=f"translate({number(left, 1)} {number(top, 1)})",
    )


def _outline(kind: str) -> str:
    """Outline a node: pointed sides for a condition, cut corners for a Fail step, round ones for a job."""
    w, h = WIDTH, HEIGHT
    if kind == "Condition":
        return f"M7 0H{w - 7}L{w} {h / 2:g}L{w - 7} {h}H7L0 {h / 2:g}Z"
    if kind == "Fail":
        return f"M9 0H{w - 9}L{w} 9V{h - 9}L{w - 9} {h}H9L0 {h - 9}V9Z"
    return f"M7 0H{w - 7}a7 7 0 0 1 7 7V{h - 7}a7 7 0 0 1-7 7H7a7 7 0 0 1-7-7V7a7 7 0 0 1 7-7Z"


def name_lines(name: str) -> list[str]:
    """Return a step's name on one line or two, broken after a hyphen; what no two lines hold is cut."""
    if len(name) <= LETTERS:
        return [name]
    breaks = [i + 1 for i, letter in enumerate(name) if letter == "-" and i < LETTERS]
    fitting = [i for i in breaks if len(name) - i <= LETTERS]
    at = (fitting or breaks[-1:] or [LETTERS])[0]
    head, tail = name[:at], name[at:]
    return [head, tail if len(tail) <= LETTERS else f"{tail[: LETTERS - 1]}…"]


def _time(ran: Mapping[str, Any] | None, before: str) -> str:
    seconds = None if ran is None or ran.get("cached") else wording.as_number(ran.get("seconds"))
    return before + wording.duration(seconds) if seconds else ""


def _numbers(
    steps: Sequence[Step], looks: Mapping[str, Status], ran: Mapping[str, Mapping[str, Any]]
) -> Markup:
    rows = [
        (
            step.name,
            step.type,
            ", ".join(step.needs) or wording.MISSING,
            f"{step.condition} {step.branch}" if step.condition else wording.MISSING,
            join(icon(looks[step.name]), " ", looks[step.name].word),
            wording.duration((ran.get(step.name) or {}).get("seconds")),
        )
        for step in steps
    ]
    columns = ("Step", "Type", "Waits for", "Runs when", "Status", "Time")
    return numbers("The graph as a table", table("The graph as a table", columns, rows, numeric=(5,)))
