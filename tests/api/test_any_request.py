"""Whatever a request holds, the answer is the operation's or an error of the service's, and never a fault."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.api.dispatch import handle
from local.api.errors import ServiceError
from local.api.model import service_model
from local.api.registry import operations
from local.api.start import LocalService

NAMES = sorted(operations())
CODES = {
    "ConflictException",
    "ResourceInUse",
    "ResourceLimitExceeded",
    "ResourceNotFound",
    "SerializationException",
    "ValidationException",
}

ARN = "arn:aws:sagemaker:us-east-1:000000000000"
THERE = [
    "there",
    "there/1",
    *(f"{ARN}:{kind}/there" for kind in ("pipeline", "model", "model-package-group", "endpoint-config")),
    f"{ARN}:model-package/there/1",
]
"""Names and ARNs of what the service holds, so that requests get beyond "does not exist"."""

TEXT = st.one_of(
    st.text(max_size=40),
    st.sampled_from(THERE),
    st.sampled_from(
        [
            "",
            "a",
            "../x",
            "s3://bucket/k",
            "s3://",
            "s3://bucket/../k",
            f"{ARN}:pipeline/there/execution/none",
        ]
    ),
    st.from_regex(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,20}", fullmatch=True),
)
ANYTHING = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXT
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=8,
)


def roughly(shape: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that look like a shape's, and now and then are something else."""
    return st.one_of(fitting(shape, depth), fitting(shape, depth), fitting(shape, depth), ANYTHING)


def fitting(shape: Any, depth: int) -> st.SearchStrategy[Any]:
    kind = shape.type_name
    if kind == "structure":
        if depth > 3:
            return st.just({})
        required = {
            name: st.deferred(lambda s=shape.members[name]: roughly(s, depth + 1))
            for name in shape.required_members
        }
        optional = {
            name: st.deferred(lambda s=member: roughly(s, depth + 1))
            for name, member in shape.members.items()
            if name not in shape.required_members
        }
        if not optional:
            return st.fixed_dictionaries(required)
        chosen = st.lists(st.sampled_from(sorted(optional)), max_size=2, unique=True)
        return st.tuples(st.fixed_dictionaries(required), chosen).flatmap(
            lambda parts: st.fixed_dictionaries({name: optional[name] for name in parts[1]}).map(
                lambda more: {**parts[0], **more}
            )
        )
    if kind == "list":
        return st.lists(roughly(shape.member, depth + 1), max_size=2)
    if kind == "map":
        return st.dictionaries(TEXT, roughly(shape.value, depth + 1), max_size=2)
    if kind == "boolean":
        return st.booleans()
    if kind in ("integer", "long"):
        return st.integers(-1, 200)
    if kind in ("float", "double", "timestamp"):
        return st.floats(0, 4e9)
    if shape.enum:
        return st.sampled_from(shape.enum)
    least = int(shape.metadata.get("min", 0))
    return st.one_of(
        TEXT, TEXT.map(lambda text: text.ljust(least, "a")), st.just("arn:aws:iam::000000000000:role/any")
    )


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with LocalService(tmp_path_factory.mktemp("any") / "home") as local:
        local.service.state.objects.put_bytes(b"x", "s3://bucket/k")
        role = "arn:aws:iam::000000000000:role/any"
        steps = [{"Name": "A", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}]
        for name, request in (
            (
                "CreatePipeline",
                {
                    "PipelineName": "there",
                    "PipelineDefinition": json.dumps({"Steps": steps}),
                    "RoleArn": role,
                    "ClientRequestToken": "1" * 32,
                },
            ),
            (
                "CreateModel",
                {"ModelName": "there", "PrimaryContainer": {"Image": "x", "ModelDataUrl": "s3://bucket/k"}},
            ),
            ("CreateModelPackageGroup", {"ModelPackageGroupName": "there"}),
            ("CreateModelPackage", {"ModelPackageGroupName": "there"}),
        ):
            handle(local.service, f"SageMaker.{name}", json.dumps(request).encode())
        yield local.service


def answered(service: Any, name: str, body: bytes) -> None:
    """Check that a request is answered as the model says, or refused with one of AWS's codes."""
    answer, refused = None, None
    try:
        answer = handle(service, f"SageMaker.{name}", body)
    except ServiceError as error:
        refused = error
    if answer is not None:
        shape = service_model().operation_model(name).output_shape
        assert isinstance(json.loads(answer), dict)
        assert shape is None or set(shape.required_members) <= set(json.loads(answer))
    else:
        assert refused is not None
        assert refused.code in CODES
        assert (400 <= refused.status < 500, refused.message != "") == (True, True)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_request_is_answered_or_refused(service: Any, name: str, data: st.DataObject) -> None:
    shape = service_model().operation_model(name).input_shape
    answered(service, name, json.dumps(data.draw(roughly(shape))).encode())


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(NAMES),
    body=st.one_of(st.binary(max_size=60), ANYTHING.map(lambda v: json.dumps(v).encode())),
)
def test_any_body_is_answered_or_refused(service: Any, name: str, body: bytes) -> None:
    answered(service, name, body)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(definition=ANYTHING, steps=st.lists(ANYTHING, max_size=3))
def test_any_definition_is_taken_or_refused(service: Any, definition: Any, steps: list[Any]) -> None:
    for document in (
        definition,
        {"Steps": steps},
        {"Steps": [{"Name": "A", "Type": "Condition", "Arguments": definition}]},
    ):
        request = {
            "PipelineName": "any",
            "PipelineDefinition": json.dumps(document),
            "RoleArn": "arn:aws:iam::000000000000:role/any",
            "ClientRequestToken": "0" * 32,
        }
        answered(service, "CreatePipeline", json.dumps(request).encode())
