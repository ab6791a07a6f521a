"""Whatever a request holds, the answer is the operation's or an error of the service's, and never a fault."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.api.dispatch import handle
from local.api.errors import ServiceError
from local.api.model import pattern, service_model
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


ROLE = "arn:aws:iam::000000000000:role/any"
WORDS = [
    *THERE,
    f"{ARN}:pipeline/there/execution/none",
    "a",
    "Name-1",
    "0" * 32,
    "s3://bucket/k",
    "https://example.com",
    ROLE,
    "arn:aws:kms:us-east-1:000000000000:key/0",
    "123456789012.dkr.ecr.us-east-1.amazonaws.com/knn:1",
    "text/csv",
    "ml.m5.large",
    "subnet-1",
    "vpc-1",
    "d-none",
    json.dumps({"Steps": [{"Name": "A", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}]}),
]
"""Texts of which most of the service's fields take one or another."""


@cache
def words(expression: str, least: int, most: int) -> list[str]:
    """The texts above that a field takes; where none does, all of them."""
    fits = [
        word
        for word in WORDS
        if least <= len(word) <= most and (not expression or pattern(expression).fullmatch(word))
    ]
    return fits or WORDS


def fitting(shape: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that a shape takes, as a rule."""
    kind, limits = shape.type_name, shape.metadata
    if kind == "structure":
        required = {name: deferred(shape.members[name], depth) for name in shape.required_members}
        optional = {
            name: deferred(member, depth)
            for name, member in shape.members.items()
            if name not in required and depth < 3
        }
        if not optional:
            return st.fixed_dictionaries(required)
        chosen = st.lists(st.sampled_from(sorted(optional)), max_size=3, unique=True)
        return chosen.flatmap(
            lambda names: st.fixed_dictionaries({**required, **{name: optional[name] for name in names}})
        )
    if kind == "list":
        least = int(limits.get("min", 0))
        return st.lists(deferred(shape.member, depth), min_size=least, max_size=max(least, 2))
    if kind == "map":
        return st.dictionaries(deferred(shape.key, depth), deferred(shape.value, depth), max_size=2)
    if kind == "boolean":
        return st.booleans()
    if kind in ("integer", "long"):
        least = int(limits.get("min", 0))
        return st.integers(least, min(int(limits.get("max", 100)), least + 100))
    if kind in ("float", "double", "timestamp"):
        return st.floats(0, 4e9)
    if shape.enum:
        return st.sampled_from(shape.enum)
    least, most = int(limits.get("min", 0)), int(limits.get("max", 10**6))
    return st.sampled_from(words(limits.get("pattern", ""), least, most))


def deferred(shape: Any, depth: int) -> st.SearchStrategy[Any]:
    return st.deferred(lambda: fitting(shape, depth + 1))


@st.composite
def roughly(draw: st.DrawFn, shape: Any) -> Any:
    """A request that fits, or one in which something somewhere was replaced."""
    request = draw(fitting(shape)) if shape is not None else {}
    for _ in range(draw(st.sampled_from((0, 0, 0, 1, 2)))):
        place: Any = request
        while isinstance(place, dict | list) and place:
            key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
            if not isinstance(place[key], dict | list) or not place[key] or draw(st.booleans()):
                place[key] = draw(ANYTHING)
                break
            place = place[key]
    return request


FAIL = [{"Name": "A", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}]
SEEDS: dict[str, dict[str, Any]] = {
    "CreatePipeline": {
        "PipelineName": "there",
        "PipelineDefinition": json.dumps({"Steps": FAIL}),
        "RoleArn": ROLE,
    },
    "CreateModel": {
        "ModelName": "there",
        "PrimaryContainer": {"Image": "x", "ModelDataUrl": "s3://bucket/k"},
    },
    "CreateModelPackageGroup": {"ModelPackageGroupName": "there"},
    "CreateModelPackage": {"ModelPackageGroupName": "there"},
    "CreateEndpointConfig": {
        "EndpointConfigName": "there",
        "ProductionVariants": [
            {
                "VariantName": "a",
                "ModelName": "there",
                "InitialInstanceCount": 1,
                "InstanceType": "ml.m5.large",
            }
        ],
    },
    "CreateUserProfile": {"DomainId": "d-none", "UserProfileName": "there"},
    "CreateSpace": {"DomainId": "d-none", "SpaceName": "there"},
}
"""Operation → what makes something called `there`."""


def seed(service: Any) -> None:
    """Make what requests can name, as far as it is not there or was deleted by one."""
    service.state.objects.put_bytes(b"x", "s3://bucket/k")
    if service.resources.get("domain", "d-none") is None:
        domain = {"DomainName": "a", "AuthMode": "IAM", "DomainId": "d-none"}
        service.resources.add("domain", "d-none", f"{ARN}:domain/d-none", domain, status="InService")
    service.records.add_execution("none", "there", {}, {"Steps": FAIL})
    service.records.update_execution("none", status="Failed", ended=service.clock())
    for name, request in SEEDS.items():
        token = {"ClientRequestToken": os.urandom(16).hex()} if name == "CreatePipeline" else {}
        with suppress(ServiceError):
            handle(service, f"SageMaker.{name}", json.dumps({**request, **token}).encode())


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with LocalService(tmp_path_factory.mktemp("any") / "home") as local:
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
    seed(service)
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
            "RoleArn": ROLE,
            "ClientRequestToken": "0" * 32,
        }
        answered(service, "CreatePipeline", json.dumps(request).encode())
