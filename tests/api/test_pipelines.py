"""Pipelines and their executions, as boto3 sees them."""

from __future__ import annotations

import json
from typing import Any

import pytest

FINE = "print('fine')"


def create(site: Any, name: str, *steps: dict[str, Any], **more: Any) -> str:
    text = site.definition(*steps, parameters=more.pop("parameters", None))
    request = {"PipelineName": name, "PipelineDefinition": text, "RoleArn": site.role, **more}
    return str(
        site.sagemaker.create_pipeline(**{"ClientRequestToken": site.token(), **request})["PipelineArn"]
    )


def ended(site: Any, execution: str) -> dict[str, Any]:
    """Wait for an execution's end; return its description."""

    def over() -> bool:
        return described(site, execution)["PipelineExecutionStatus"] not in ("Executing", "Stopping")

    site.until(over)
    return described(site, execution)


def described(site: Any, execution: str) -> dict[str, Any]:
    answer: dict[str, Any] = site.sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)
    return answer


def start(site: Any, name: str, **more: Any) -> str:
    return str(site.sagemaker.start_pipeline_execution(PipelineName=name, **more)["PipelineExecutionArn"])


def steps(site: Any, execution: str) -> dict[str, dict[str, Any]]:
    answer = site.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=execution)
    return {entry["StepName"]: entry for entry in answer["PipelineExecutionSteps"]}


# --- pipelines ----------------------------------------------------------------------------------------------


def test_a_pipeline_is_created_described_updated_and_deleted(shared_site: Any) -> None:
    client, first = shared_site.sagemaker, shared_site.step("First", FINE)
    arn = create(shared_site, "Life", first, PipelineDescription="d", Tags=[{"Key": "a", "Value": "b"}])
    assert arn == "arn:aws:sagemaker:us-east-1:000000000000:pipeline/life"
    found = client.describe_pipeline(PipelineName="Life")
    assert (found["PipelineArn"], found["PipelineStatus"], found["PipelineDescription"]) == (
        arn,
        "Active",
        "d",
    )
    assert json.loads(found["PipelineDefinition"])["Steps"][0]["Name"] == "First"
    assert client.describe_pipeline(PipelineName=arn)["PipelineName"] == "Life"
    other = shared_site.definition(shared_site.step("Second", FINE))
    assert client.update_pipeline(PipelineName="Life", PipelineDefinition=other)["PipelineVersionId"] == 2
    found = client.describe_pipeline(PipelineName="Life")
    assert (found["PipelineDefinition"], found["PipelineDescription"]) == (other, "d")
    assert client.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    assert client.delete_pipeline(PipelineName="Life", ClientRequestToken=shared_site.token())
    code, message = shared_site.code(client.describe_pipeline, PipelineName="Life")
    assert (code, message) == ("ResourceNotFound", "Pipeline 'Life' does not exist.")


def test_a_name_is_taken_once_whatever_its_case(shared_site: Any) -> None:
    create(shared_site, "Taken", shared_site.step("Only", FINE))
    code, message = shared_site.code(
        shared_site.sagemaker.create_pipeline,
        PipelineName="tAKEN",
        PipelineDefinition="{}",
        RoleArn=shared_site.role,
        ClientRequestToken=shared_site.token(),
    )
    assert code == "ValidationException"
    assert "Pipeline names must be unique within an AWS account and region" in message


def test_a_token_makes_creation_idempotent_and_only_for_the_same_request(shared_site: Any) -> None:
    token = shared_site.token()
    first = shared_site.step("Only", FINE)
    assert create(shared_site, "Once", first, ClientRequestToken=token) == create(
        shared_site, "Once", first, ClientRequestToken=token
    )
    code, message = shared_site.code(
        shared_site.sagemaker.create_pipeline,
        PipelineName="Another",
        PipelineDefinition=shared_site.definition(first),
        RoleArn=shared_site.role,
        ClientRequestToken=token,
    )
    assert code == "ConflictException"
    assert token in message


def test_a_token_starts_one_execution(shared_site: Any) -> None:
    create(shared_site, "StartedOnce", shared_site.step("Only", FINE))
    token = shared_site.token()
    arns = {start(shared_site, "StartedOnce", ClientRequestToken=token) for _ in range(3)}
    assert len(arns) == 1
    ended(shared_site, arns.pop())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ("[]", "list, not an object"),
        ("{}", "no list Steps"),
        ('{"Steps": []}', "no steps"),
        ('{"Steps": [1]}', "malformed"),
        ('{"Steps": [{"Name": "A", "Type": "Lambda", "Arguments": {}}]}', "A (Lambda)"),
        (
            '{"Steps": [{"Name": "A", "Type": "Fail", "Arguments": {"ErrorMessage": {"Get": "Steps.B.x"}}}]}',
            "'B'",
        ),
        ("[" * 100_000, "not an object"),
    ],
)
def test_a_definition_that_cannot_run_is_refused_when_it_is_given(
    shared_site: Any, text: str, words: str
) -> None:
    code, message = shared_site.code(
        shared_site.sagemaker.create_pipeline,
        PipelineName="Bad",
        PipelineDefinition=text,
        RoleArn=shared_site.role,
        ClientRequestToken=shared_site.token(),
    )
    assert code == "ValidationException"
    assert words in message or "nested too deeply" in message


def test_a_definition_may_lie_in_s3(shared_site: Any) -> None:
    uri = shared_site.put("s3://bucket/definition.json", shared_site.definition(shared_site.step("A", FINE)))
    location = {"Bucket": "bucket", "ObjectKey": "definition.json"}
    request = {"RoleArn": shared_site.role, "PipelineDefinitionS3Location": location}
    client = shared_site.sagemaker
    client.create_pipeline(PipelineName="FromS3", ClientRequestToken=shared_site.token(), **request)
    assert uri
    location = {"Bucket": "bucket", "ObjectKey": "none.json"}
    code, message = shared_site.code(
        client.update_pipeline, PipelineName="FromS3", PipelineDefinitionS3Location=location
    )
    assert (code, "s3://bucket/none.json" in message) == ("ValidationException", True)


def test_pipelines_are_listed_a_page_at_a_time_sorted_and_filtered(site: Any) -> None:
    for name in ("beta", "Alpha", "gamma"):
        create(site, name, site.step("A", FINE))
    pages = site.sagemaker.get_paginator("list_pipelines").paginate(
        SortBy="Name", SortOrder="Ascending", PaginationConfig={"PageSize": 2}
    )
    assert [[entry["PipelineName"] for entry in page["PipelineSummaries"]] for page in pages] == [
        ["Alpha", "beta"],
        ["gamma"],
    ]
    newest = site.sagemaker.list_pipelines()["PipelineSummaries"]
    assert [entry["PipelineName"] for entry in newest] == ["gamma", "Alpha", "beta"]
    found = site.sagemaker.list_pipelines(PipelineNamePrefix="be")["PipelineSummaries"]
    assert [entry["PipelineName"] for entry in found] == ["beta"]
    created = newest[0]["CreationTime"]
    assert site.sagemaker.list_pipelines(CreatedAfter=created)["PipelineSummaries"] == newest[:1]


def test_a_token_of_another_list_is_refused(site: Any) -> None:
    for name in ("a", "b"):
        create(site, name, site.step("A", FINE))
    token = site.sagemaker.list_pipelines(MaxResults=1)["NextToken"]
    for request in (
        {"NextToken": token, "SortBy": "Name"},
        {"NextToken": token[:-2]},
        {"NextToken": "not base64!"},
    ):
        code, message = site.code(site.sagemaker.list_pipelines, **request)
        assert (code, message.partition(":")[0]) == ("ValidationException", "Invalid NextToken")


def test_what_comes_and_goes_between_two_pages_neither_repeats_nor_skips_others(site: Any) -> None:
    for name in ("a", "b", "c", "d"):
        create(site, name, site.step("A", FINE))
    order = {"SortBy": "Name", "SortOrder": "Ascending"}
    first = site.sagemaker.list_pipelines(MaxResults=2, **order)
    create(site, "aa", site.step("A", FINE))
    site.sagemaker.delete_pipeline(PipelineName="b", ClientRequestToken=site.token())
    second = site.sagemaker.list_pipelines(NextToken=first["NextToken"], **order)
    assert [entry["PipelineName"] for entry in second["PipelineSummaries"]] == ["c", "d"]


# --- executions ---------------------------------------------------------------------------------------------


def test_an_execution_runs_its_steps_and_tells_all_about_them(shared_site: Any) -> None:
    client = shared_site.sagemaker
    parameters = [
        {"Name": "Words", "Type": "String", "DefaultValue": "hello"},
        {"Name": "Count", "Type": "Integer", "DefaultValue": 1},
    ]
    first = shared_site.step("First", FINE)
    first["Arguments"]["Environment"] = {"WORDS": {"Get": "Parameters.Words"}}
    create(
        shared_site,
        "Whole",
        first,
        shared_site.step("Next", FINE, DependsOn=["First"]),
        parameters=parameters,
    )
    execution = start(
        shared_site,
        "Whole",
        PipelineParameters=[{"Name": "Count", "Value": "3"}],
        PipelineExecutionDisplayName="mine",
    )
    assert execution.startswith("arn:aws:sagemaker:us-east-1:000000000000:pipeline/whole/execution/")
    found = ended(shared_site, execution)
    assert found["PipelineExecutionStatus"] == "Succeeded"
    assert (found["PipelineExecutionDisplayName"], "FailureReason" in found) == ("mine", False)
    newest_first = client.list_pipeline_execution_steps(PipelineExecutionArn=execution)
    assert [entry["StepName"] for entry in newest_first["PipelineExecutionSteps"]] == ["Next", "First"]
    job = steps(shared_site, execution)["First"]["Metadata"]["ProcessingJob"]["Arn"]
    listed = client.list_processing_jobs(NameContains="whole" if "whole" in job else "First")
    name = next(
        e["ProcessingJobName"] for e in listed["ProcessingJobSummaries"] if e["ProcessingJobArn"] == job
    )
    described_job = client.describe_processing_job(ProcessingJobName=name)
    assert described_job["ProcessingJobStatus"] == "Completed"
    assert described_job["Environment"] == {"WORDS": "hello"}
    values = client.list_pipeline_parameters_for_execution(PipelineExecutionArn=execution)
    assert values["PipelineParameters"] == [
        {"Name": "Count", "Value": "3"},
        {"Name": "Words", "Value": "hello"},
    ]
    stored = client.describe_pipeline_definition_for_execution(PipelineExecutionArn=execution)
    assert json.loads(stored["PipelineDefinition"])["Steps"][1]["Name"] == "Next"
    summaries = client.list_pipeline_executions(PipelineName="Whole")["PipelineExecutionSummaries"]
    assert [entry["PipelineExecutionArn"] for entry in summaries] == [execution]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([{"Name": "Cuont", "Value": "3"}], "did you mean 'Count'"),
        ([{"Name": "Count", "Value": "three"}], "no whole number"),
        ([{"Name": "Count", "Value": "3"}, {"Name": "Count", "Value": "4"}], "given twice"),
        ([], "has no default"),
    ],
)
def test_parameters_are_checked_before_anything_starts(
    shared_site: Any, given: list[dict[str, str]], words: str
) -> None:
    client = shared_site.sagemaker
    parameters = [{"Name": "Count", "Type": "Integer"}]
    text = shared_site.definition(shared_site.step("A", FINE), parameters=parameters)
    request = {"PipelineDefinition": text, "RoleArn": shared_site.role}
    try:
        client.update_pipeline(PipelineName="Typed", **request)
    except client.exceptions.ResourceNotFound:
        client.create_pipeline(PipelineName="Typed", ClientRequestToken=shared_site.token(), **request)
    code, message = shared_site.code(
        client.start_pipeline_execution, PipelineName="Typed", PipelineParameters=given
    )
    assert code == "ValidationException"
    assert words in message
    assert client.list_pipeline_executions(PipelineName="Typed")["PipelineExecutionSummaries"] == []


def test_a_failed_execution_says_why_and_goes_on_when_retried(shared_site: Any) -> None:
    client = shared_site.sagemaker
    gate = shared_site.service.state.home / "gate"
    flaky = f"import sys; from pathlib import Path; sys.exit(0 if Path({str(gate)!r}).exists() else 3)"
    create(
        shared_site,
        "Flaky",
        shared_site.step("Sound", FINE),
        shared_site.step("Gate", flaky, DependsOn=["Sound"]),
    )
    execution = start(shared_site, "Flaky")
    found = ended(shared_site, execution)
    assert found["PipelineExecutionStatus"] == "Failed"
    assert "step Gate failed" in found["FailureReason"]
    assert "exit code: 3" in steps(shared_site, execution)["Gate"]["FailureReason"]
    sound = steps(shared_site, execution)["Sound"]["StartTime"]
    gate.touch()
    client.retry_pipeline_execution(PipelineExecutionArn=execution, ClientRequestToken=shared_site.token())
    assert ended(shared_site, execution)["PipelineExecutionStatus"] == "Succeeded"
    assert steps(shared_site, execution)["Sound"]["StartTime"] == sound
    code, message = shared_site.code(
        client.retry_pipeline_execution,
        PipelineExecutionArn=execution,
        ClientRequestToken=shared_site.token(),
    )
    assert (code, "Succeeded" in message) == ("ConflictException", True)


def test_an_execution_is_stopped(shared_site: Any) -> None:
    client = shared_site.sagemaker
    create(shared_site, "Long", shared_site.step("Waits", shared_site.wait))
    execution = start(shared_site, "Long")
    shared_site.until(lambda: "Waits" in steps(shared_site, execution))
    code, message = shared_site.code(
        client.delete_pipeline, PipelineName="Long", ClientRequestToken=shared_site.token()
    )
    assert (code, "executions under way" in message) == ("ConflictException", True)
    request = {"PipelineExecutionArn": execution}
    answer = client.stop_pipeline_execution(ClientRequestToken=shared_site.token(), **request)
    assert answer["PipelineExecutionArn"] == execution
    assert ended(shared_site, execution)["PipelineExecutionStatus"] == "Stopped"
    assert steps(shared_site, execution)["Waits"]["StepStatus"] == "Stopped"
    code, _ = shared_site.code(
        client.stop_pipeline_execution, ClientRequestToken=shared_site.token(), **request
    )
    assert code == "ConflictException"


def test_several_executions_share_the_machine(shared_site: Any) -> None:
    create(shared_site, "Several", *(shared_site.step(f"Step{n}", FINE) for n in range(2)))
    executions = [start(shared_site, "Several") for _ in range(3)]
    assert {ended(shared_site, one)["PipelineExecutionStatus"] for one in executions} == {"Succeeded"}


def test_an_execution_can_be_renamed(shared_site: Any) -> None:
    create(shared_site, "Named", shared_site.step("A", FINE))
    execution = start(shared_site, "Named")
    ended(shared_site, execution)
    shared_site.sagemaker.update_pipeline_execution(
        PipelineExecutionArn=execution, PipelineExecutionDescription="the one that counts"
    )
    assert described(shared_site, execution)["PipelineExecutionDescription"] == "the one that counts"


@pytest.mark.parametrize(
    "operation",
    [
        "describe_pipeline_execution",
        "list_pipeline_execution_steps",
        "describe_pipeline_definition_for_execution",
        "list_pipeline_parameters_for_execution",
        "update_pipeline_execution",
    ],
)
def test_an_execution_that_does_not_exist_is_said_to_be_missing(shared_site: Any, operation: str) -> None:
    arn = "arn:aws:sagemaker:us-east-1:000000000000:pipeline/none/execution/abcdefghijkl"
    call = getattr(shared_site.sagemaker, operation)
    code, message = shared_site.code(call, PipelineExecutionArn=arn)
    assert (code, message) == ("ResourceNotFound", f"Pipeline execution with ARN {arn} does not exist.")


@pytest.mark.parametrize(
    "more",
    [
        {"SelectiveExecutionConfig": {"SelectedSteps": [{"StepName": "A"}]}},
        {"PipelineVersionId": 7},
        {"MlflowExperimentName": "x"},
    ],
)
def test_what_cannot_be_done_here_is_refused_and_not_passed_over(
    shared_site: Any, more: dict[str, Any]
) -> None:
    client = shared_site.sagemaker
    if not client.list_pipelines(PipelineNamePrefix="Plain")["PipelineSummaries"]:
        create(shared_site, "Plain", shared_site.step("A", FINE))
    code, _ = shared_site.code(client.start_pipeline_execution, PipelineName="Plain", **more)
    assert code in ("ValidationException", "ResourceNotFound")
