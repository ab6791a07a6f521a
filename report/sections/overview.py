"""The head of the page: what ran, how it ended, who won and why."""

from __future__ import annotations

from report import status, wording
from report.charts.standing import standing_chart
from report.facts import Facts
from report.markup import Child, Markup, join, tag
from report.tables import definition_list


def masthead(facts: Facts) -> Markup:
    """Task, status, the verdict in a sentence or two, and the figures that matter."""
    badge = status.badge(status.look(facts.status), large=True)
    return tag(
        "header",
        tag("p", "Trainyard ", tag("span", "execution report"), class_="kicker"),
        tag("div", tag("h1", facts.task), badge, class_="title"),
        tag("p", verdict(facts), class_="lead"),
        definition_list(_tiles(facts), "tiles"),
        definition_list(_origin(facts), "origin"),
    )


def verdict(facts: Facts) -> Markup:
    """How the execution ended, in words."""
    ended = facts.status.lower()
    if ended == "failed" and facts.stopped_by_gate:
        return join(
            "Nothing was registered: ", _against_gate(facts) or "a quality gate stopped the execution."
        )
    if ended == "failed":
        failed = [str(step["name"]) for step in facts.failed_steps]
        names = [join(tag("b", name), ", " if i < len(failed) - 1 else "") for i, name in enumerate(failed)]
        return join("The execution failed", (" at ", names) if failed else None, "; nothing was registered.")
    if facts.champion is None:
        return join("No evaluation: no candidate has been compared yet.")
    return join(_against_gate(facts), " ", _against_runner_up(facts))


def _against_gate(facts: Facts) -> Markup | None:
    value, gate = facts.champion_value, facts.gate
    if facts.champion is None or value is None:
        return None
    scored = join(
        tag("b", facts.champion),
        f" is the champion with {wording.metric_phrase(facts.metric)} of ",
        tag("b", f"{value:.4f}"),
    )
    if gate is None:
        return join(scored, ".")
    distance = abs(value - gate.threshold)
    side = "above" if value >= gate.threshold else "below"
    name = f" ({gate.parameter})" if gate.parameter else ""
    return join(scored, f", {distance:.4f} {side} the threshold of {gate.threshold:g}{name}.")


def _against_runner_up(facts: Facts) -> str | None:
    if facts.runner_up is None or facts.champion_value is None:
        return None
    name, value = facts.runner_up
    lead = facts.champion_value - value
    if lead == 0:
        return f"{name} has the same figure; the task lists the champion first."
    return f"Next is {name}, {lead:.4f} behind."


def _tiles(facts: Facts) -> list[tuple[str, Child]]:
    tiles: list[tuple[str, Child]] = []
    if facts.champion and facts.champion_value is not None:
        figures = facts.candidates.get(facts.champion) or {}
        tiles.append((f"{wording.metric_name(facts.metric)} of the champion", f"{facts.champion_value:.4f}"))
        if facts.metric != "accuracy":
            tiles.append(("Accuracy of the champion", wording.decimal(figures.get("accuracy"))))
    if facts.gate:
        tiles.append((f"Threshold {facts.gate.parameter or ''}".strip(), f"{facts.gate.threshold:g}"))
    done = sum(status.step_look(step).kind == "ok" for step in facts.steps.values())
    cached = sum(bool(step.get("cached")) for step in facts.steps.values())
    if facts.steps:
        aside = tag("small", f"{cached} from cache") if cached else None
        tiles.append(("Steps succeeded", join(f"{done} of {len(facts.steps)} ", aside)))
    tiles.append(("Time taken", wording.duration(facts.execution.get("seconds"))))
    return tiles


def _origin(facts: Facts) -> list[tuple[str, Child]]:
    return [
        ("Started", wording.moment(facts.execution.get("started"))),
        ("Execution", tag("code", facts.identifier)),
    ]


def failure(facts: Facts) -> Markup | None:
    """Why the execution failed: every failed step's reason in full, and how to go on."""
    reason = facts.execution.get("failure_reason")
    if facts.status.lower() != "failed" and not facts.failed_steps:
        return None
    told = [(str(step["name"]), str(step.get("failure_reason") or "")) for step in facts.failed_steps]
    blocks = [
        tag("div", tag("h3", name), tag("pre", text, tabindex="0") if text else None, class_="reason")
        for name, text in told
    ]
    if reason and not any(text for _, text in told):
        blocks.insert(0, tag("pre", str(reason), tabindex="0"))
    return tag("section", tag("h2", "Why it failed"), blocks, _go_on(facts), id="failure", class_="failure")


def _go_on(facts: Facts) -> Markup:
    if facts.stopped_by_gate:
        lower = f" or lower {facts.gate.parameter}" if facts.gate and facts.gate.parameter else ""
        return tag(
            "p", f"Every job ran; change the hyperparameters or the data{lower}, and run the task again."
        )
    return tag(
        "p",
        "What had succeeded is kept. Once the cause is mended, go on from there with ",
        tag("code", f"trainyard run {facts.task} --resume {facts.identifier}"),
    )


def champion(facts: Facts) -> Markup | None:
    """Say why the champion won, all candidates on one scale; None before the evaluation."""
    if facts.champion is None or not facts.candidates:
        return None
    values = {
        name: wording.as_number(figures.get(facts.metric)) for name, figures in facts.candidates.items()
    }
    gate = facts.gate
    chart = standing_chart(
        facts.metric,
        values,
        facts.champion,
        gate.threshold if gate else None,
        gate.parameter if gate else None,
    )
    return tag("section", tag("h2", "Champion"), tag("p", _why(facts)), chart, id="champion")


def _why(facts: Facts) -> Markup:
    metric = wording.metric_in_text(facts.metric)
    reached = ""
    if facts.gate and facts.champion_value is not None:
        gate = facts.gate.parameter or "the threshold"
        if facts.champion_value >= facts.gate.threshold:
            reached = f" It reaches {gate}, as registration demands."
        else:
            reached = f" It does not reach {gate}, which registration demands."
    return join(
        tag("b", facts.champion),
        f" won because its {metric} on the test split is the highest; "
        "a tie goes to the candidate that the task lists first.",
        reached,
    )
