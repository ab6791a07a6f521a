"""Pipelines: definitions by name, as they were created or updated last."""

from __future__ import annotations

import json
from typing import Any

from local.api.errors import ServiceError, conflict, invalid, not_found
from local.api.pagination import page, wanted
from local.api.registry import operation
from local.api.service import Service
from local.arns import pipeline_arn
from local.errors import LocalError
from local.graph import graph
from local.resources import Resource
from pipeline.definition import DefinitionError, parameters

KIND = "pipeline"
LARGEST_DEFINITION = 1_048_576
"""Characters of a definition, as the service limits it."""

_DEFINITION = ("PipelineDefinition", "PipelineDefinitionS3Location")


def pipeline(service: Service, name_or_arn: str) -> Resource:
    """Return a pipeline by its name or ARN.

    Raises:
        ServiceError: ResourceNotFound.

    """
    name = name_or_arn.rpartition("/")[2].lower()
    # ARNs have names in small letters, so two names that differ in nothing else would be one pipeline.
    found = next((item for item in service.resources.all(KIND) if item.name.lower() == name), None)
    if found is None:
        raise not_found(f"Pipeline '{name_or_arn}' does not exist.")
    return found


@operation("CreatePipeline")
def create_pipeline(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Make a pipeline; its definition is checked first."""
    name, arn = request["PipelineName"], pipeline_arn(request["PipelineName"])
    if service.resources.find(arn):
        raise invalid(
            "Pipeline names must be unique within an AWS account and region. "
            f"Pipeline with name ({name}) already exists; change it with UpdatePipeline."
        )
    _no_versions(request)
    definition = _definition(service, request)
    kept = {key: value for key, value in request.items() if key not in (*_DEFINITION, "ClientRequestToken")}
    service.resources.add(
        KIND,
        name,
        arn,
        {**kept, "PipelineDefinition": definition},
        status="Active",
        description={"Version": 1},
    )
    service.tags.add(arn, request.get("Tags", []))
    return {"PipelineArn": arn}


@operation("UpdatePipeline")
def update_pipeline(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Change what the request names; executions under way go on by the definition they started with."""
    found = pipeline(service, request["PipelineName"])
    _no_versions(request)
    changed = {key: value for key, value in request.items() if key not in (*_DEFINITION, "PipelineName")}
    if any(key in request for key in _DEFINITION):
        changed["PipelineDefinition"] = _definition(service, request)
    version = found.description["Version"] + 1
    service.resources.update(
        KIND, found.name, request={**found.request, **changed}, description={"Version": version}
    )
    return {"PipelineArn": found.arn, "PipelineVersionId": version}


@operation("DescribePipeline")
def describe_pipeline(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return a pipeline with its definition."""
    found = pipeline(service, request["PipelineName"])
    check_version(found, request)
    return {**_summary(service, found), **found.request, "PipelineArn": found.arn}


@operation("ListPipelines")
def list_pipelines(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return pipelines, newest first."""
    if request.get("ManagedBy") == "AWS":
        return {"PipelineSummaries": []}
    items = [_summary(service, item) for item in service.resources.all(KIND)]
    prefix = request.get("PipelineNamePrefix", "")
    shown, more = page(
        request,
        [item for item in wanted(request, items, "PipelineName") if item["PipelineName"].startswith(prefix)],
        sort={"CreationTime": lambda item: item["CreationTime"], "Name": lambda item: item["PipelineName"]},
        identity=lambda item: item["PipelineName"],
    )
    return {"PipelineSummaries": shown, **more}


@operation("DeletePipeline")
def delete_pipeline(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a pipeline of which no execution is under way; its executions can be described still."""
    found = pipeline(service, request["PipelineName"])
    under_way = [row["id"] for row in service.records.execution_summaries(found.name) if row["ended"] is None]
    if under_way:
        raise conflict(
            f"Pipeline {found.name} has executions under way ({', '.join(under_way)}); stop them first"
        )
    service.resources.delete(KIND, found.name)
    return {"PipelineArn": found.arn}


def check_version(found: Resource, request: dict[str, Any]) -> None:
    """Refuse a version other than the newest: only that one is kept here."""
    wanted_version = request.get("PipelineVersionId", found.description["Version"])
    if wanted_version != found.description["Version"] or "PipelineVersionAlias" in request:
        raise not_found(
            f"Pipeline {found.name} has version {found.description['Version']} here, no other and no aliases"
        )


def _no_versions(request: dict[str, Any]) -> None:
    if "PipelineVersionAliases" in request:
        raise invalid("PipelineVersionAliases are not supported on this machine; leave them out")


def _summary(service: Service, item: Resource) -> dict[str, Any]:
    last = service.records.last_start(item.name)
    return {
        **{
            key: item.request.get(key)
            for key in ("PipelineName", "PipelineDisplayName", "PipelineDescription", "RoleArn")
        },
        "PipelineDisplayName": item.request.get("PipelineDisplayName", item.name),
        "PipelineArn": item.arn,
        "PipelineStatus": item.status,
        "CreationTime": item.created,
        "LastModifiedTime": item.modified,
        "LastExecutionTime": last,
        "LastRunTime": last,
    }


# --- definitions --------------------------------------------------------------------------------------------


def _definition(service: Service, request: dict[str, Any]) -> str:
    """Return the definition's text, checked as far as it can be before it runs."""
    given = [key for key in _DEFINITION if key in request]
    if len(given) != 1:
        raise invalid("give one of PipelineDefinition and PipelineDefinitionS3Location")
    text = request[given[0]] if given[0] == _DEFINITION[0] else _from_s3(service, request[given[0]])
    if len(text) > LARGEST_DEFINITION:
        raise invalid(f"the definition has {len(text)} characters; {LARGEST_DEFINITION} are allowed")
    check_definition(text)
    return str(text)


def _from_s3(service: Service, location: dict[str, Any]) -> str:
    uri = f"s3://{location['Bucket']}/{location['ObjectKey']}"
    try:
        return service.state.objects.read(uri).decode()
    except UnicodeDecodeError:
        raise invalid(f"{uri} is no UTF-8 text") from None
    except LocalError as error:
        raise invalid(f"the pipeline definition cannot be read: {error}") from None


def check_definition(text: str) -> dict[str, Any]:
    """Return a parsed definition.

    Raises:
        ServiceError: ValidationException: no JSON, malformed, or with steps that cannot run here.

    """
    try:
        definition = json.loads(text)
        if not isinstance(definition, dict):
            raise _malformed(f"it is a JSON {type(definition).__name__}, not an object")
        if not isinstance(definition.get("Steps"), list):
            raise _malformed("it has no list Steps")
        graph(definition)
        parameters(definition)
    except DefinitionError as error:
        raise _malformed(str(error)) from None
    except RecursionError:
        raise _malformed("it is nested too deeply") from None
    except ValueError as error:
        raise _malformed(f"it is not JSON: {error}") from None
    except (KeyError, TypeError, AttributeError) as error:
        # Whatever a stranger's document has in the place of what the language asks for.
        raise _malformed(f"a part of it is missing or of another type: {error}") from None
    return definition


def _malformed(why: str) -> ServiceError:
    return invalid(f"Unable to parse pipeline definition. Invalid pipeline definition: {why}")
