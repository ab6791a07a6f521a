"""Who may ask: signatures are checked wherever others could listen."""

from __future__ import annotations

import hashlib
import http.client
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as Keys
from botocore.exceptions import ClientError

from local.api.signature import Credentials
from local.api.start import LocalService
from local.errors import LocalError

ACCESS, SECRET = "AKIAEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    home = tmp_path_factory.mktemp("guarded") / "home"
    with LocalService(home, credentials=Credentials(ACCESS, SECRET)) as local:
        yield local


def client(local: LocalService, service: str, access: str = ACCESS, secret: str = SECRET) -> Any:
    return boto3.client(
        service,
        endpoint_url=local.url,
        region_name="us-east-1",
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_the_right_keys_open_every_door(guarded: LocalService) -> None:
    sagemaker = client(guarded, "sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="iris")
    assert len(sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]) == 1
    s3 = client(guarded, "s3")
    s3.create_bucket(Bucket="data")
    s3.put_object(Bucket="data", Key="a b/c+d/é*(1)~.csv", Body=b"content")
    assert s3.get_object(Bucket="data", Key="a b/c+d/é*(1)~.csv")["Body"].read() == b"content"
    assert s3.list_objects_v2(Bucket="data", Prefix="a b/", Delimiter="/")["CommonPrefixes"]
    assert client(guarded, "scheduler").list_schedules(NamePrefix="a")["Schedules"] == []
    with pytest.raises(ClientError) as missing:
        client(guarded, "sagemaker-runtime").invoke_endpoint(EndpointName="none", Body=b"1,2\n")
    assert missing.value.response["Error"]["Code"] == "ValidationError"


@pytest.mark.parametrize(
    ("access", "secret", "code"),
    [
        ("AKIAOTHER", SECRET, "UnrecognizedClientException"),
        (ACCESS, "another", "SignatureDoesNotMatch"),
    ],
)
def test_other_keys_open_none(guarded: LocalService, access: str, secret: str, code: str) -> None:
    for service, operation, request in (
        ("sagemaker", "list_models", {}),
        ("s3", "list_objects_v2", {"Bucket": "data"}),
        ("s3", "put_object", {"Bucket": "data", "Key": "a", "Body": b"x"}),
        ("scheduler", "list_schedules", {}),
        ("sagemaker-runtime", "invoke_endpoint", {"EndpointName": "iris", "Body": b"1"}),
    ):
        with pytest.raises(ClientError) as refused:
            getattr(client(guarded, service, access, secret), operation)(**request)
        assert refused.value.response["Error"]["Code"] == code
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def send(local: LocalService, request: AWSRequest) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(local.url.removeprefix("http://"), timeout=30)
    try:
        path = request.url.removeprefix(local.url)
        connection.request(request.method, path, request.data, dict(request.headers))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def signed(local: LocalService) -> AWSRequest:
    """A request that would be answered as it stands."""
    headers = {"X-Amz-Target": "SageMaker.ListModels", "Content-Type": "application/x-amz-json-1.1"}
    request = AWSRequest("POST", f"{local.url}/", headers, b"{}")
    SigV4Auth(Keys(ACCESS, SECRET), "sagemaker", "us-east-1").add_auth(request)
    return request


def test_a_signed_request_is_answered(guarded: LocalService) -> None:
    assert send(guarded, signed(guarded))[0] == 200


@pytest.mark.parametrize("path", ["/", "/data/a", "/endpoints/iris/invocations", "/schedules", "/ping"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_nothing_is_answered_unsigned(guarded: LocalService, method: str, path: str) -> None:
    headers = {"X-Amz-Target": "SageMaker.ListModels"}
    status, answer = send(guarded, AWSRequest(method, guarded.url + path, headers, b"{}"))
    assert (status, b"MissingAuthenticationToken" in answer) == (403, True)


def changed(request: AWSRequest, what: str) -> AWSRequest:
    """The same signature on another request."""
    if what == "body":
        request.data = b'{"MaxResults": 1}'
    elif what == "target":
        request.headers.replace_header("X-Amz-Target", "SageMaker.DeleteModel")
    elif what == "path":
        request.url += "?a=b"
    elif what == "host":
        request.headers["Host"] = "localhost:1"
    elif what == "new header":
        request.headers["x-amz-security-token"] = "unsigned"
    elif what == "no signature":
        request.headers.replace_header("Authorization", "AWS4-HMAC-SHA256 Credential=x")
    elif what == "another scheme":
        request.headers.replace_header("Authorization", "Bearer x")
    return request


@pytest.mark.parametrize(
    "what", ["body", "target", "path", "host", "new header", "no signature", "another scheme"]
)
def test_a_signature_holds_for_the_request_it_was_made_for(guarded: LocalService, what: str) -> None:
    status, _ = send(guarded, changed(signed(guarded), what))
    assert status == 403


@pytest.mark.parametrize("minutes", [-16, 16])
def test_an_old_request_is_not_answered_again(
    guarded: LocalService, minutes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = datetime.now(UTC) + timedelta(minutes=minutes)

    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_: moment.replace(tzinfo=None))
    request = signed(guarded)
    status, answer = send(guarded, request)
    assert (status, b"RequestExpired" in answer) == (403, True)


def for_objects(local: LocalService, method: str, path: str, body: bytes, claimed: str) -> AWSRequest:
    """A signed request to S3 that claims a hash of its body."""
    request = AWSRequest(method, local.url + path, {"X-Amz-Content-SHA256": claimed}, body)
    signer = S3SigV4Auth(Keys(ACCESS, SECRET), "s3", "us-east-1")
    signer.payload = lambda _: claimed
    signer.add_auth(request)
    request.headers.replace_header("X-Amz-Content-SHA256", claimed)
    return request


def test_a_body_counts_for_objects_too(guarded: LocalService) -> None:
    client(guarded, "s3").create_bucket(Bucket="guarded")
    fine = hashlib.sha256(b"content").hexdigest()
    assert send(guarded, for_objects(guarded, "PUT", "/guarded/a", b"content", fine))[0] == 200
    for claimed in (
        "UNSIGNED-PAYLOAD",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        hashlib.sha256(b"x").hexdigest(),
    ):
        for method, path in (("PUT", "/guarded/a"), ("POST", "/guarded?delete="), ("PUT", "/another")):
            status, _ = send(guarded, for_objects(guarded, method, path, b"<Delete/>", claimed))
            assert 400 <= status < 500
    assert client(guarded, "s3").get_object(Bucket="guarded", Key="a")["Body"].read() == b"content"


def test_listening_beyond_loopback_takes_credentials(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="TRAINYARD_ACCESS_KEY_ID"):
        LocalService(tmp_path / "home", host="0.0.0.0")


def test_beyond_loopback_any_host_name_is_answered_when_signed(tmp_path: Path) -> None:
    keys = Credentials(ACCESS, SECRET)
    with LocalService(tmp_path / "home", host="0.0.0.0", credentials=keys) as local:
        assert client(local, "sagemaker").list_models()["Models"] == []
        headers = {"Host": "sagemaker.example", "X-Amz-Target": "SageMaker.ListModels"}
        request = AWSRequest("POST", f"{local.url}/", headers, b"{}")
        SigV4Auth(Keys(ACCESS, SECRET), "sagemaker", "us-east-1").add_auth(request)
        assert send(local, request)[0] == 200
