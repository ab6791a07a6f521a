"""Whether SageMaker would accept a definition, found out without asking it.

Each step's Arguments are held against the service's own model, which ships with botocore, down to the enums
and patterns that botocore itself does not check; the graph, the conditions and the limits against what the
service documents. Needs botocore, no network and no credentials.

A check is a function from a `Pipeline` to findings. `CHECKS` lists them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pipeline.lint import conditions, graph, limits, locations, security, steps
from pipeline.lint.model import Finding, Pipeline, open_names

Check = Callable[[Pipeline], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    graph.names_are_unique,
    graph.names_are_allowed,
    graph.references_exist,
    graph.dependencies_exist,
    graph.branches_stay_closed,
    graph.no_step_waits_for_itself,
    graph.parameters_are_used,
    graph.property_files_are_outputs,
    graph.json_paths_are_text,
    conditions.conditions_are_known,
    conditions.orders_compare_numbers,
    limits.definition_is_short_enough,
    limits.parameters_are_few_enough,
    limits.retries_are_allowed,
    limits.caches_are_allowed,
    locations.locations_stand_apart,
    steps.types_are_supported,
    steps.arguments_fit_the_service,
    steps.algorithms_define_no_metrics,
    steps.channels_keep_the_input_mode,
    steps.sdk_leaves_nothing_behind,
    security.jobs_run_in_the_vpc,
    security.containers_have_no_network,
    security.data_is_encrypted,
)


def lint(definition: Mapping[str, Any]) -> list[Finding]:
    """Return what the service, or this project's own rules, would not accept in a definition.

    Args:
        definition: filled in, or with its placeholders still open; these count as typical values.

    """
    unknown = list(open_names(definition))
    if unknown:
        return unknown
    pipeline = Pipeline.of(definition)
    return [finding for check in CHECKS for finding in check(pipeline)]


__all__ = ["CHECKS", "Finding", "Pipeline", "lint"]
