"""What a benchmark found, as a table and as JSON: the one form that all of them print."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Quality = float | Mapping[str, float | None]


@dataclass(frozen=True)
class Peer:
    """Another program at the same work.

    Attributes:
        name: program and, where it matters, version or variant.
        median_s: seconds, the median of its runs; None where it is missing.
        quality: of its result, measured as ours is.
        missing: why there is no figure, such as the installer's last line.

    """

    name: str
    median_s: float | None = None
    quality: Quality | None = None
    missing: str | None = None

    def __post_init__(self) -> None:
        if (self.median_s is None) == (self.missing is None):
            raise ValueError(f"peer {self.name}: give either its seconds or why it is missing")


@dataclass(frozen=True)
class Result:
    """One work, measured.

    Attributes:
        work: what was done, with its sizes.
        median_s: our seconds, the median of at least three runs.
        bound_s: seconds of the least that the work can cost on this machine, measured in the same run.
        peers: the others.
        quality: a score of the result (what the benchmark's docstring says), or several by name.
        target: what the project holds itself to, in words, such as `≤ 2 × bound`.
        met: whether it was reached; None where there is no target.
        notes: further figures by name, with their unit in the name (`peak_mb`).

    """

    work: str
    median_s: float
    bound_s: float | None = None
    peers: Sequence[Peer] = ()
    quality: Quality | None = None
    target: str = ""
    met: bool | None = None
    notes: Mapping[str, float] = field(default_factory=dict)

    def as_json(self) -> str:
        """Return one object on one line: `work, median_s, bound_s, peers, quality`, then the rest."""
        peers = {
            peer.name: {"missing": peer.missing}
            if peer.missing
            else {"median_s": peer.median_s, "quality": peer.quality}
            for peer in self.peers
        }
        return json.dumps(
            {
                "work": self.work,
                "median_s": self.median_s,
                "bound_s": self.bound_s,
                "peers": peers,
                "quality": self.quality,
                "target": self.target,
                "met": self.met,
                "notes": dict(self.notes),
            },
            ensure_ascii=False,
        )


def from_json(line: str) -> Result:
    """Read what `Result.as_json` wrote."""
    found = json.loads(line)
    peers = tuple(Peer(name, **figures) for name, figures in found.pop("peers").items())
    return Result(peers=peers, **found)


HEADER = ("work", "median", "× bound", "× ours", "quality", "to reach")


def rows(result: Result) -> list[tuple[str, ...]]:
    """Return the lines of the table: ours, the bound, then each peer, with HEADER's columns."""
    verdict = {True: "reached", False: "NOT reached", None: ""}[result.met]
    lines: list[tuple[str, ...]] = [
        (
            result.work,
            seconds(result.median_s),
            f"{result.median_s / result.bound_s:.2f}" if result.bound_s else "",
            "1",
            _quality(result.quality, result.notes),
            f"{result.target}: {verdict}" if verdict else result.target,
        )
    ]
    if result.bound_s:
        lines.append(
            ("  bound", seconds(result.bound_s), "1", _ratio(result.bound_s, result.median_s), "", "")
        )
    for peer in result.peers:
        if peer.median_s is None:
            lines.append((f"  {peer.name}", "missing", "", "", peer.missing or "", ""))
        else:
            of_bound = f"{peer.median_s / result.bound_s:.2f}" if result.bound_s else ""
            times = _ratio(peer.median_s, result.median_s)
            lines.append(
                (f"  {peer.name}", seconds(peer.median_s), of_bound, times, _quality(peer.quality), "")
            )
    return lines


def as_text(results: Sequence[Result]) -> str:
    """Return the table for a terminal."""
    lines = [HEADER, *(line for result in results for line in rows(result))]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    left = (0, 4, 5)
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def as_markdown(results: Sequence[Result]) -> str:
    """Return the table for a document; our own lines are bold."""
    lines = [HEADER, ("---", *["---:"] * 3, "---", "---")]
    for result in results:
        first, *others = rows(result)
        lines.append((f"**{first[0]}**", *first[1:]))
        lines += [(line[0].strip(), *line[1:]) for line in others]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def seconds(value: float) -> str:
    """Return a time with three figures and the unit that suits it."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= scale or unit == "µs":
            scaled = value / scale
            digits = 0 if scaled >= 100 else 1 if scaled >= 10 else 2
            return f"{scaled:.{digits}f} {unit}"
    raise AssertionError("every time has a unit")


def _ratio(value: float, ours: float) -> str:
    ratio = value / ours
    return f"{ratio:.0f}" if ratio >= 100 else f"{ratio:.1f}" if ratio >= 10 else f"{ratio:.2f}"


def _quality(quality: Quality | None, notes: Mapping[str, float] | None = None) -> str:
    parts = []
    if isinstance(quality, Mapping):
        parts += [f"{name} {value:.4g}" for name, value in quality.items() if value is not None]
    elif quality is not None:
        parts.append(f"{quality:.4f}")
    parts += [f"{name} {value:.4g}" for name, value in (notes or {}).items()]
    return ", ".join(parts)
