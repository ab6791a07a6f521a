"""The page: one self-contained HTML file per execution."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from report.facts import Facts
from report.markup import Markup, join, tag
from report.sections import comparison, data, execution, folds, mistakes, overview, registration

# The page needs nothing but itself, and a browser is told to fetch and run nothing.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_SECTIONS = (
    ("failure", "Why it failed", overview.failure),
    ("champion", "Champion", overview.champion),
    ("model", "Registered model", registration.registration),
    ("pipeline", "Pipeline", execution.pipeline),
    ("candidates", "Candidates", comparison.comparison),
    ("folds", "Cross-validation", folds.folds),
    ("mistakes", "Worst mistakes", mistakes.mistakes),
    ("data", "Data", data.data),
    ("steps", "Steps", execution.steps),
    ("settings", "Settings", execution.settings),
)


def render(
    execution: Mapping[str, Any],
    inspection: Mapping[str, Any] | None,
    evaluation: Mapping[str, Any] | None,
    definition: Mapping[str, Any],
) -> str:
    """Return the report of an execution as one HTML page; the same input gives the same bytes.

    Args:
        execution: what `trainyard describe` tells of it (execution, task, status, failure_reason, started,
            seconds, parameters, steps, model_package, versions), and where there are folds of the same data
            `cross_validation`: {"folds": K, "candidates": {name: {figure: {"mean", "deviation", "folds"}}},
            "warnings"}.
        inspection: the content of inspection.json, None where the execution did not get there.
        evaluation: the content of evaluation.json, None where the execution did not get there.
        definition: the pipeline definition that was executed.

    Raises:
        ValueError: the definition's steps wait for each other in a circle.

    """
    facts = Facts(execution, inspection, evaluation, definition)
    made = [(anchor, title, section(facts)) for anchor, title, section in _SECTIONS]
    shown = [(anchor, title, section) for anchor, title, section in made if section is not None]
    links = tag("ul", (tag("li", tag("a", title, href=f"#{anchor}")) for anchor, title, _ in shown))
    body = tag(
        "body",
        tag("a", "Skip to the content", href="#content", class_="skip"),
        overview.masthead(facts),
        tag("nav", links, aria_label="Sections"),
        tag("main", [section for _, _, section in shown], id="content"),
        tag("footer", tag("p", "Written by Trainyard. This file needs no network and runs no script.")),
    )
    return f"<!DOCTYPE html>\n{tag('html', _head(facts), body, lang='en')}\n"


def write(
    path: Path,
    execution: Mapping[str, Any],
    inspection: Mapping[str, Any] | None,
    evaluation: Mapping[str, Any] | None,
    definition: Mapping[str, Any],
) -> Path:
    """Write `render(…)` to `path`, which is never seen half-written; folders are made; returns `path`."""
    page = render(execution, inspection, evaluation, definition)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(page)
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(0o644)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return path


def _head(facts: Facts) -> Markup:
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{facts.task}: {facts.status}"),
        tag("link", rel="icon", href="data:,"),
        # The style sheet is the package's own text, not input: it goes in as it is.
        join(Markup(f"<style>{_style()}</style>")),
    )


def _style() -> str:
    return (resources.files("report") / "style.css").read_text(encoding="utf-8")
