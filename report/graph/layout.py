"""Where the nodes of a layered graph stand and how its edges run.

Sugiyama's method in its plain form: layers by the longest path, edges over several layers led through
waypoints, the order within a layer by the mean position of the neighbours, and coordinates that are the
nearest to those of the neighbours among all that keep the order and the distance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from report.graph.steps import topological

SWEEPS = 12


@dataclass(frozen=True)
class Waypoint:
    """Where the edge `edge` crosses `layer` without a node of its own there."""

    edge: tuple[str, str]
    layer: int


@dataclass(frozen=True)
class Layout:
    """`x`: centre of each node and waypoint; `layer`: 0 at the top; `paths`: what each edge runs through."""

    x: dict[str | Waypoint, float]
    layer: dict[str | Waypoint, int]
    paths: dict[tuple[str, str], tuple[str | Waypoint, ...]]
    width: float


def arrange(nodes: Sequence[str], edges: Sequence[tuple[str, str]], node: float, waypoint: float) -> Layout:
    """Lay out an acyclic graph; `node` and `waypoint` are the widths to keep free, gaps included."""
    parents = {name: [a for a, b in edges if b == name] for name in nodes}
    depth: dict[str, int] = {}
    for name in topological(parents):
        depth[name] = max((depth[parent] + 1 for parent in parents[name]), default=0)
    layer: dict[str | Waypoint, int] = {name: depth[name] for name in nodes}
    paths: dict[tuple[str, str], tuple[str | Waypoint, ...]] = {}
    for edge in edges:
        between = [Waypoint(edge, level) for level in range(depth[edge[0]] + 1, depth[edge[1]])]
        layer.update({point: point.layer for point in between})
        paths[edge] = (edge[0], *between, edge[1])
    above, below = _neighbours(layer, paths)
    rows = _ordered(layer, above, below)
    widths = {item: waypoint if isinstance(item, Waypoint) else node for item in layer}
    x = _placed(rows, widths, above, below)
    left = min(x[item] - widths[item] / 2 for item in x)
    width = max(x[item] + widths[item] / 2 for item in x) - left
    return Layout({item: value - left for item, value in x.items()}, layer, paths, width)


_Item = str | Waypoint
_Links = Mapping[_Item, list[_Item]]


def _neighbours(
    layer: Mapping[_Item, int], paths: Mapping[tuple[str, str], tuple[_Item, ...]]
) -> tuple[_Links, _Links]:
    above: dict[_Item, list[_Item]] = {item: [] for item in layer}
    below: dict[_Item, list[_Item]] = {item: [] for item in layer}
    for path in paths.values():
        for upper, lower in pairwise(path):
            above[lower].append(upper)
            below[upper].append(lower)
    return above, below


def _ordered(layer: Mapping[_Item, int], above: _Links, below: _Links) -> list[list[_Item]]:
    """Return the items of each layer from left to right, with the fewest crossings among the sweeps tried."""
    rows: list[list[_Item]] = [[] for _ in range(max(layer.values()) + 1)]
    for item, level in layer.items():
        rows[level].append(item)
    best, fewest = [list(row) for row in rows], _crossings(rows, below)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for row in rows[1:] if down else rows[-2::-1]:
            links = above if down else below
            place = {item: i for line in rows for i, item in enumerate(line)}
            means = {item: _mean([place[other] for other in links[item]], place[item]) for item in row}
            row.sort(key=lambda item, means=means: means[item])  # type: ignore[misc]
        crossings = _crossings(rows, below)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _crossings(rows: Sequence[Sequence[_Item]], below: _Links) -> int:
    total = 0
    for upper, lower in pairwise(rows):
        place = {item: i for i, item in enumerate(lower)}
        ends = [(i, place[other]) for i, item in enumerate(upper) for other in below[item]]
        total += sum(a < c and b > d for a, b in ends for c, d in ends)
    return total


def _placed(
    rows: Sequence[Sequence[_Item]], widths: Mapping[_Item, float], above: _Links, below: _Links
) -> dict[_Item, float]:
    x: dict[_Item, float] = {}
    for row in rows:
        x.update(_spread(row, [0.0] * len(row), widths))
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for row in rows[1:] if down else rows[-2::-1]:
            links = above if down else below
            wanted = [_mean([x[other] for other in links[item]], x[item]) for item in row]
            x.update(_spread(row, wanted, widths))
    return x


def _spread(
    row: Sequence[_Item], wanted: Sequence[float], widths: Mapping[_Item, float]
) -> dict[_Item, float]:
    """Return the positions nearest to `wanted` (least squares) that keep the row's order and widths.

    With the widths summed up from the left taken off, the positions need only not decrease: isotonic
    regression by pooling adjacent violators.
    """
    offsets = [0.0]
    for left, right in pairwise(row):
        offsets.append(offsets[-1] + (widths[left] + widths[right]) / 2)
    blocks: list[tuple[float, int]] = []
    for value, offset in zip(wanted, offsets, strict=True):
        blocks.append((value - offset, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (b, m), (a, n) = blocks.pop(), blocks.pop()
            blocks.append(((a * n + b * m) / (n + m), n + m))
    levels = [mean for mean, size in blocks for _ in range(size)]
    return {item: level + offset for item, level, offset in zip(row, levels, offsets, strict=True)}


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
