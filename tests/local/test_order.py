"""Which of the ready jobs starts first: the one at whose end most is waited for, as far as is known."""

from __future__ import annotations

import pytest

from local.containers import built_in
from local.expectations import relative_seconds
from local.graph import graph, seconds_below
from pipeline.definition import fill, load, placeholders
from pipeline.images import images

pytestmark = pytest.mark.slow


def started(events):
    return [event.step for event in events if event.kind == "step-started"]


def test_what_took_longest_before_starts_first(yard, build, step_of):
    definition = build.definition(
        build.processing("Quick", "pass"), build.processing("Slow", "time.sleep(0.3)")
    )
    first = yard.run(definition, max_parallel=1)
    assert started(yard.events) == ["Quick", "Slow"]  # nothing is known yet: the document's order
    assert 0.3 <= step_of(first, "Slow")["process_seconds"] <= step_of(first, "Slow")["seconds"]
    yard.events.clear()
    yard.run(definition, max_parallel=1)
    assert started(yard.events) == ["Slow", "Quick"]
    yard.events.clear()
    yard.run(definition, max_parallel=1, pipeline_name="others")  # another pipeline's past is not its own
    assert started(yard.events) == ["Quick", "Slow"]


def test_a_chain_takes_what_its_jobs_took_and_unknown_jobs_what_the_known_take_on_average(build):
    late = build.processing("Late", "pass", DependsOn=["Check"])
    nodes = graph(
        build.definition(
            build.processing("Short", "pass"),
            build.processing("Long", "pass"),
            build.condition("Check", [], [], [], DependsOn=["Short"]),
            late,
        )
    )
    assert seconds_below(nodes, {}) == {"Short": 2, "Long": 1, "Check": 1, "Late": 1}
    past = {"Short": 1.0, "Long": 5.0, "gone": 100.0}
    assert seconds_below(nodes, past) == {"Short": 4, "Long": 5, "Check": 3, "Late": 3}


def test_without_a_past_the_lane_whose_image_answers_slowly_comes_first():
    definition = load("zero-digit")
    names = dict.fromkeys(placeholders(definition), "any") | images("us-east-1")
    nodes = graph(fill(definition, names))
    relative = relative_seconds(nodes, built_in())
    below = seconds_below(nodes, {}, relative)
    trains = sorted((name for name in nodes if name.startswith("Train-")), key=lambda name: -below[name])
    assert trains == ["Train-knn", "Train-linear-learner", "Train-factorization-machines"]
    known = seconds_below(nodes, dict.fromkeys(nodes, 1.0), relative)
    assert len({known[name] for name in trains}) == 1  # once there is a past, it decides


def test_a_step_from_the_cache_says_nothing_of_its_time(yard, build, step_of):
    definition = build.definition(build.processing("P", "pass", **build.cached))
    assert step_of(yard.run(definition), "P")["process_seconds"] > 0
    assert step_of(yard.run(definition), "P")["process_seconds"] is None


def test_what_a_step_without_a_job_makes_ready_is_weighed_with_the_others(yard, build):
    definition = build.definition(
        build.processing("First", "pass"),
        build.processing("Short", "pass", DependsOn=["First"]),
        build.condition("Check", [], [], [], DependsOn=["First"]),
        build.processing("Long", "time.sleep(0.3)", DependsOn=["Check"]),
    )
    yard.run(definition, max_parallel=1)
    yard.events.clear()
    yard.run(definition, max_parallel=1)
    assert started(yard.events) == ["First", "Check", "Long", "Short"]


def test_what_a_step_from_the_cache_makes_ready_is_weighed_with_the_others(yard, build):
    definition = build.definition(
        build.processing("Kept", "pass", **build.cached),
        build.processing("Short", "pass"),
        build.processing("Long", "time.sleep(0.3)", DependsOn=["Kept"]),
    )
    yard.run(definition, max_parallel=1)
    yard.events.clear()
    yard.run(definition, max_parallel=1)
    assert started(yard.events) == ["Long", "Short"]
