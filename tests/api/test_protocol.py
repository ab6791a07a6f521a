"""Whatever is sent, the answer says what is wrong with it in AWS's codes, and the next request is served."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

import pytest

from local.api.model import service_model
from local.api.registry import operations


def post(site: Any, operation: str, value: object) -> tuple[int, dict[str, Any]]:
    status, answer = site.send(f"SageMaker.{operation}", json.dumps(value).encode())
    return status, answer


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("", "no operation"),
        ("SageMaker.CreateNothing", "no operation"),
        ("DynamoDB.ListTables", "no operation"),
        ("SageMaker.CreateNotebookInstance", "not among the operations of this machine"),
    ],
)
def test_an_operation_that_is_not_there_is_named(shared_site: Any, target: str, words: str) -> None:
    status, answer = shared_site.send(target, b"{}")
    assert (status, answer["__type"]) == (400, "UnknownOperationException")
    assert words in answer["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff\xfe",
        b'{"MaxResults": NaN}',
        b"[" * 1_000_000,
        b'{"a":' * 1_000_000,
        b"[]",
        b'"text"',
        b'{"MaxResults": "ten"}',
        b'{"MaxResults": true}',
        b'{"MaxResults": 1.5}',
        b'{"NameContains": 7}',
        b'{"CreationTimeAfter": "yesterday"}',
        b'{"CreationTimeAfter": 1e300}',
    ],
)
def test_a_body_of_another_form_is_a_serialization_error(shared_site: Any, body: bytes) -> None:
    status, answer = shared_site.send("SageMaker.ListModels", body)
    assert (status, answer["__type"]) == (400, "SerializationException")
    assert shared_site.send("SageMaker.ListModels", b"{}")[0] == 200


def test_an_empty_body_is_an_empty_request(shared_site: Any) -> None:
    assert shared_site.send("SageMaker.ListModels", b"") == (200, {"Models": []})


def test_all_that_is_wrong_is_said_at_once_in_the_words_of_aws(shared_site: Any) -> None:
    status, answer = post(shared_site, "CreatePipeline", {"PipelineName": "no_underscores", "RoleArn": "x"})
    assert (status, answer["__type"]) == (400, "ValidationException")
    assert answer["message"] == (
        "3 validation errors detected: "
        "Value null at 'clientRequestToken' failed to satisfy constraint: Member must not be null; "
        "Value 'no_underscores' at 'pipelineName' failed to satisfy constraint: Member must satisfy regular "
        "expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,255}; "
        "Value 'x' at 'roleArn' failed to satisfy constraint: Member must have length greater than or equal "
        "to 20"
    )


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"MaxResults": 0}, "Member must have value greater than or equal to 1"),
        ({"MaxResults": 101}, "Member must have value less than or equal to 100"),
        ({"SortBy": "Size"}, "Member must satisfy enum value set: [Name, CreationTime]"),
        ({"NameContains": "a" * 64}, "Member must have length less than or equal to 63"),
        ({"Wrong": 1}, "'Wrong'"),
    ],
)
def test_limits_of_the_model_hold(shared_site: Any, request_: dict[str, Any], words: str) -> None:
    status, answer = post(shared_site, "ListModels", request_)
    assert (status, answer["__type"]) == (400, "ValidationException")
    assert words in answer["message"]


def test_members_within_lists_are_found(shared_site: Any) -> None:
    _, answer = post(shared_site, "AddTags", {"ResourceArn": "arn:aws:sagemaker:x", "Tags": [{"Key": "a"}]})
    assert "Value null at 'tags.1.member.value'" in answer["message"]


def test_a_body_that_is_too_large_is_refused(shared_site: Any) -> None:
    status, answer = shared_site.send("SageMaker.ListModels", b" " * ((16 << 20) + 1))
    assert (status, answer["__type"]) == (413, "RequestEntityTooLargeException")


def test_a_client_that_goes_away_disturbs_nobody(shared_site: Any) -> None:
    host, port = shared_site.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: SageMaker.ListModels\r\n"
            b"Content-Length: 100\r\n\r\n{"
        )
    assert shared_site.send("SageMaker.ListModels", b"{}")[0] == 200


def test_a_slow_sender_is_told_so(shared_site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.api.body.BODY_SECONDS", 0.2)
    host, port = shared_site.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: SageMaker.ListModels\r\n"
            b"Content-Length: 100\r\n\r\n{"
        )
        connection.settimeout(30)
        assert b"408" in connection.recv(1000)
    assert shared_site.send("SageMaker.ListModels", b"{}")[0] == 200


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://example.com"}, {"Host": "example.com"}, {"Host": "192.0.2.1:8080"}]
)
def test_a_web_page_in_the_browser_cannot_reach_it(shared_site: Any, headers: dict[str, str]) -> None:
    status, answer = shared_site.send("SageMaker.ListModels", b"{}", headers)
    assert (status, answer["__type"]) == (403, "AccessDeniedException")


def test_other_methods_are_refused(shared_site: Any) -> None:
    connection = http.client.HTTPConnection(shared_site.url.removeprefix("http://"), timeout=30)
    connection.request("GET", "/", headers={"Host": "localhost"})
    answer = connection.getresponse()
    assert answer.status == 404
    assert json.loads(answer.read())["__type"] == "UnknownOperationException"
    connection.close()


def test_each_answer_has_a_request_id(shared_site: Any) -> None:
    first = shared_site.sagemaker.list_models()["ResponseMetadata"]["RequestId"]
    assert first != shared_site.sagemaker.list_models()["ResponseMetadata"]["RequestId"]


def test_every_operation_is_one_of_the_service_model() -> None:
    assert set(operations()) <= set(service_model().operation_names)


def test_every_pattern_of_the_model_can_be_checked() -> None:
    from local.api.model import pattern

    model = service_model()
    for name in model.shape_names:
        expression = model.shape_for(name).metadata.get("pattern")
        if expression:
            pattern(expression)


@pytest.mark.parametrize(
    ("value", "fits"), [("Größe: 3 @home", True), ("名前", True), ("a\nb", False), ("a*b", False)]
)
def test_patterns_of_java_mean_the_same_here(value: str, fits: bool) -> None:
    from local.api.model import pattern

    expression = service_model().shape_for("TagValue").metadata["pattern"]
    assert bool(pattern(expression).fullmatch(value)) is fits


PARTS = {
    "Pipeline": "Create Update Describe Delete",
    "PipelineExecution": "Start Stop Retry Update Describe",
    "TrainingJob": "Create Describe Stop",
    "ProcessingJob": "Create Describe Stop",
    "TransformJob": "Create Describe Stop",
    "Model": "Create Describe Delete",
    "ModelPackage": "Create Describe Update Delete",
    "ModelPackageGroup": "Create Describe Delete",
    "EndpointConfig": "Create Describe Delete",
    "Endpoint": "Create Update Describe Delete",
    "Domain": "Create Update Describe Delete",
    "UserProfile": "Create Update Describe Delete",
    "Space": "Create Update Describe Delete",
    "App": "Create Describe Delete",
}
LISTS = (
    "Pipelines PipelineExecutions PipelineExecutionSteps PipelineParametersForExecution TrainingJobs "
    "ProcessingJobs TransformJobs Models ModelPackages ModelPackageGroups EndpointConfigs Endpoints Domains "
    "UserProfiles Spaces Apps Tags"
)
OTHERS = {
    "DescribePipelineDefinitionForExecution",
    "UpdateEndpointWeightsAndCapacities",
    "AddTags",
    "DeleteTags",
}


def test_what_a_production_line_needs_is_answered() -> None:
    wanted = {f"{verb}{noun}" for noun, verbs in PARTS.items() for verb in verbs.split()}
    wanted |= {f"List{noun}" for noun in LISTS.split()} | OTHERS
    assert wanted <= set(operations())


@pytest.mark.parametrize(
    ("operation", "request_", "member"),
    [
        ("ListPipelines", {"ManagedBy": "AWS"}, "PipelineSummaries"),
        (
            "ListModelPackageGroups",
            {"CrossAccountFilterOption": "CrossAccount"},
            "ModelPackageGroupSummaryList",
        ),
        ("ListTrainingJobs", {"WarmPoolStatusEquals": "InUse"}, "TrainingJobSummaries"),
    ],
)
def test_a_filter_by_what_is_never_here_finds_nothing(
    shared_site: Any, operation: str, request_: dict[str, Any], member: str
) -> None:
    shared_site.sagemaker.create_pipeline(
        PipelineName=f"for-{operation}",
        PipelineDefinition=shared_site.definition(shared_site.step("A", "print(1)")),
        RoleArn=shared_site.role,
        ClientRequestToken=shared_site.token(),
    )
    shared_site.sagemaker.create_model_package_group(ModelPackageGroupName=f"for-{operation}")
    assert post(shared_site, operation, request_) == (200, {member: []})
