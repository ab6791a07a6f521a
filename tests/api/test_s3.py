"""The part of S3 that gets data in and out, as boto3 sees it."""

from __future__ import annotations

import http.client
import io
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def bucket(shared_site: Any) -> str:
    shared_site.s3.create_bucket(Bucket="data")
    return "data"


def keys(answer: dict[str, Any]) -> list[str]:
    return [entry["Key"] for entry in answer.get("Contents", [])]


def test_an_object_is_written_read_and_deleted(shared_site: Any, bucket: str) -> None:
    s3 = shared_site.s3
    tag = s3.put_object(Bucket=bucket, Key="a/b c+é.csv", Body=b"0123456789")["ETag"]
    found = s3.get_object(Bucket=bucket, Key="a/b c+é.csv")
    assert (found["Body"].read(), found["ContentLength"], found["ETag"]) == (b"0123456789", 10, tag)
    assert s3.head_object(Bucket=bucket, Key="a/b c+é.csv")["ContentLength"] == 10
    part = s3.get_object(Bucket=bucket, Key="a/b c+é.csv", Range="bytes=2-4")
    assert (part["Body"].read(), part["ContentRange"]) == (b"234", "bytes 2-4/10")
    assert s3.get_object(Bucket=bucket, Key="a/b c+é.csv", Range="bytes=-3")["Body"].read() == b"789"
    s3.delete_object(Bucket=bucket, Key="a/b c+é.csv")
    s3.delete_object(Bucket=bucket, Key="a/b c+é.csv")
    assert shared_site.code(s3.get_object, Bucket=bucket, Key="a/b c+é.csv")[0] == "NoSuchKey"
    assert shared_site.code(s3.head_object, Bucket=bucket, Key="a/b c+é.csv")[0] == "404"
    assert keys(s3.list_objects_v2(Bucket=bucket, Prefix="a/")) == []


def test_what_is_put_is_what_a_job_reads(shared_site: Any, bucket: str) -> None:
    shared_site.s3.put_object(Bucket=bucket, Key="raw/x.csv", Body=b"1,2\n")
    assert shared_site.service.state.objects.read("s3://data/raw/x.csv") == b"1,2\n"


def test_an_empty_object_is_an_object(shared_site: Any, bucket: str) -> None:
    shared_site.s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    assert shared_site.s3.get_object(Bucket=bucket, Key="empty")["Body"].read() == b""


def test_large_files_go_up_in_parts(shared_site: Any, bucket: str, tmp_path: Path) -> None:
    content = os.urandom(6 * MEGABYTE + 17)
    (tmp_path / "large").write_bytes(content)
    config = TransferConfig(multipart_threshold=5 * MEGABYTE, multipart_chunksize=5 * MEGABYTE)
    shared_site.s3.upload_file(str(tmp_path / "large"), bucket, "large", Config=config)
    target = io.BytesIO()
    shared_site.s3.download_fileobj(bucket, "large", target, Config=config)
    assert target.getvalue() == content


def test_an_upload_that_was_given_up_leaves_nothing(shared_site: Any, bucket: str) -> None:
    s3 = shared_site.s3
    upload = {"Bucket": bucket, "Key": "never", "UploadId": ""}
    upload["UploadId"] = s3.create_multipart_upload(Bucket=bucket, Key="never")["UploadId"]
    s3.upload_part(PartNumber=1, Body=b"x", **upload)
    s3.abort_multipart_upload(**upload)
    parts = {"Parts": [{"PartNumber": 1, "ETag": '"x"'}]}
    assert (
        shared_site.code(s3.complete_multipart_upload, MultipartUpload=parts, **upload)[0] == "NoSuchUpload"
    )
    assert shared_site.code(s3.get_object, Bucket=bucket, Key="never")[0] == "NoSuchKey"


@pytest.mark.parametrize("identity", ["..", "0" * 32, "../../s3"])
def test_an_upload_that_does_not_exist(shared_site: Any, bucket: str, identity: str) -> None:
    request = {"Bucket": bucket, "Key": "never", "UploadId": identity, "PartNumber": 1, "Body": b"x"}
    assert shared_site.code(shared_site.s3.upload_part, **request)[0] == "NoSuchUpload"


def test_a_part_that_was_not_uploaded_is_missed(shared_site: Any, bucket: str) -> None:
    s3 = shared_site.s3
    upload = {"Bucket": bucket, "Key": "never"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    tag = s3.upload_part(PartNumber=1, Body=b"x", **upload)["ETag"]
    for parts in (
        [{"PartNumber": 2, "ETag": tag}],
        [{"PartNumber": 1, "ETag": '"0-0"'}],
    ):
        code, _ = shared_site.code(s3.complete_multipart_upload, MultipartUpload={"Parts": parts}, **upload)
        assert code == "InvalidPart"


def test_keys_are_listed_in_the_order_of_s3_and_folded_at_a_delimiter(shared_site: Any) -> None:
    s3 = shared_site.s3
    s3.create_bucket(Bucket="listed")
    for key in ("b/1", "a", "b/2", "b-1", "ä", "c/d/e", "B"):
        s3.put_object(Bucket="listed", Key=key, Body=b"x")
    assert keys(s3.list_objects_v2(Bucket="listed")) == ["B", "a", "b-1", "b/1", "b/2", "c/d/e", "ä"]
    folded = s3.list_objects_v2(Bucket="listed", Delimiter="/")
    assert keys(folded) == ["B", "a", "b-1", "ä"]
    assert [entry["Prefix"] for entry in folded["CommonPrefixes"]] == ["b/", "c/"]
    assert keys(s3.list_objects_v2(Bucket="listed", Prefix="b")) == ["b-1", "b/1", "b/2"]
    assert keys(s3.list_objects_v2(Bucket="listed", StartAfter="b/1")) == ["b/2", "c/d/e", "ä"]
    assert keys(s3.list_objects_v2(Bucket="listed", Prefix="a//b")) == []
    for delimiter in ("", "/"):
        options = {"Delimiter": delimiter} if delimiter else {}
        paginator = s3.get_paginator("list_objects_v2")
        pages = list(paginator.paginate(Bucket="listed", PaginationConfig={"PageSize": 2}, **options))
        assert all(page["KeyCount"] <= 2 for page in pages)
        whole = s3.list_objects_v2(Bucket="listed", **options)
        assert [key for page in pages for key in keys(page)] == keys(whole)
        found = [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", [])]
        assert found == [entry["Prefix"] for entry in whole.get("CommonPrefixes", [])]


def test_several_are_deleted_at_once(shared_site: Any) -> None:
    s3 = shared_site.s3
    s3.create_bucket(Bucket="emptied")
    for key in ("a", "b/c", "<&>"):
        s3.put_object(Bucket="emptied", Key=key, Body=b"x")
    assert shared_site.code(s3.delete_bucket, Bucket="emptied")[0] == "BucketNotEmpty"
    wanted = {"Objects": [{"Key": key} for key in ("a", "b/c", "<&>", "none", "../x")]}
    answer = s3.delete_objects(Bucket="emptied", Delete=wanted)
    assert [entry["Key"] for entry in answer["Deleted"]] == ["a", "b/c", "<&>", "none"]
    assert [entry["Key"] for entry in answer["Errors"]] == ["../x"]
    s3.delete_bucket(Bucket="emptied")
    assert shared_site.code(s3.head_bucket, Bucket="emptied")[0] == "404"


def test_objects_are_copied(shared_site: Any, bucket: str) -> None:
    s3 = shared_site.s3
    s3.put_object(Bucket=bucket, Key="from", Body=b"content")
    s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "from"})
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == b"content"


def test_buckets_are_found(shared_site: Any, bucket: str) -> None:
    s3 = shared_site.s3
    assert bucket in [entry["Name"] for entry in s3.list_buckets()["Buckets"]]
    assert s3.head_bucket(Bucket=bucket)["BucketRegion"] == "us-east-1"
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    for call, request in (
        (s3.put_object, {"Key": "a", "Body": b"x"}),
        (s3.get_object, {"Key": "a"}),
        (s3.list_objects_v2, {}),
        (s3.create_multipart_upload, {"Key": "a"}),
        (s3.delete_object, {"Key": "a"}),
    ):
        assert shared_site.code(call, Bucket="no-such-bucket", **request)[0] == "NoSuchBucket"


@pytest.mark.parametrize("key", ["../outside", "a/../b", "a//b", "folder/", ".", "x" * 300])
def test_keys_that_are_no_files_are_refused(shared_site: Any, bucket: str, key: str) -> None:
    code, _ = shared_site.code(shared_site.s3.put_object, Bucket=bucket, Key=key, Body=b"x")
    assert code == "InvalidArgument"


def test_a_key_cannot_lie_below_another(shared_site: Any, bucket: str) -> None:
    shared_site.s3.put_object(Bucket=bucket, Key="leaf", Body=b"x")
    code, message = shared_site.code(shared_site.s3.put_object, Bucket=bucket, Key="leaf/below", Body=b"x")
    assert (code, "is an object already" in message) == ("InvalidArgument", True)


def test_what_is_not_supported_says_so(shared_site: Any, bucket: str) -> None:
    for call, request in (
        (shared_site.s3.get_bucket_versioning, {}),
        (shared_site.s3.get_object_tagging, {"Key": "a"}),
        (shared_site.s3.put_bucket_policy, {"Policy": "{}"}),
        (shared_site.s3.list_objects, {}),
    ):
        assert shared_site.code(call, Bucket=bucket, **request)[0] == "NotImplemented"


def send(site: Any, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(site.url.removeprefix("http://"), timeout=30)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-amz-content-sha256": "0" * 64}, b"XAmzContentSHA256Mismatch"),
        ({"Content-MD5": "AAAA"}, b"BadDigest"),
        ({"x-amz-checksum-crc32": "AAAAAA=="}, b"BadDigest"),
        ({"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}, b"NotImplemented"),
    ],
)
def test_a_body_that_was_damaged_on_the_way_is_not_kept(
    shared_site: Any, bucket: str, headers: dict[str, str], code: bytes
) -> None:
    status, answer = send(shared_site, "PUT", "/data/damaged", b"content", headers)
    assert (status in (400, 501), code in answer) == (True, True)
    assert shared_site.code(shared_site.s3.get_object, Bucket=bucket, Key="damaged")[0] == "NoSuchKey"


@pytest.mark.parametrize(
    "body", [b"<Delete", b"", b'<!DOCTYPE a [<!ENTITY b "c">]><Delete>&b;</Delete>', b"\xff"]
)
def test_xml_that_is_none_or_more_than_that(shared_site: Any, bucket: str, body: bytes) -> None:
    status, answer = send(shared_site, "POST", "/data?delete", body, {})
    assert (status, b"MalformedXML" in answer) == (400, True)


@pytest.mark.parametrize("path", ["/UPPER/a", "/a", "/data/%ff", "/data/a%00b", "/..%2f..%2fetc/passwd"])
def test_paths_that_name_nothing(shared_site: Any, bucket: str, path: str) -> None:
    status, _ = send(shared_site, "GET", path, b"", {})
    assert 400 <= status < 500


METHODS = st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE"])
PARTS = st.sampled_from(["data", "a", "..", ".", "", "%00", "%ff", "%2f", "x" * 300, "UPPER", "é", "a b"])
QUERIES = st.lists(
    st.sampled_from(
        [
            "list-type=2",
            "prefix=a",
            "delimiter=/",
            "max-keys=-1",
            "max-keys=x",
            "continuation-token=!",
            "uploads",
            "uploadId=..",
            "partNumber=0",
            "delete",
            "location",
            "acl",
            "start-after=%ff",
        ]
    ),
    max_size=3,
)
OF_A_HOME = {"s3", "tmp", "logs", "jobs", "lock", "endpoints"}


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(method=METHODS, parts=st.lists(PARTS, max_size=4), query=QUERIES, body=st.binary(max_size=20))
def test_any_request_is_answered_or_refused_and_stays_within_the_store(
    shared_site: Any, bucket: str, method: str, parts: list[str], query: list[str], body: bytes
) -> None:
    path = "/".join(["", *(quote(part, safe="%") for part in parts)]) or "/"
    status, _ = send(shared_site, method, f"{path}?{'&'.join(query)}", body, {"x-amz-date": "any"})
    assert status < 500 or status == 501
    home = shared_site.service.state.home
    names = {entry.name for entry in home.iterdir() if not entry.name.startswith("records.sqlite")}
    assert names <= OF_A_HOME


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    key=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30),
    content=st.binary(max_size=30),
)
def test_any_key_that_is_taken_gives_back_what_it_was_given(
    shared_site: Any, key: str, content: bytes
) -> None:
    s3, bucket = shared_site.s3, "any-keys"
    s3.create_bucket(Bucket=bucket)
    try:
        s3.put_object(Bucket=bucket, Key=f"keys/{key}", Body=content)
    except ClientError as refused:
        status = refused.response["ResponseMetadata"]["HTTPStatusCode"]
    else:
        status = 200
        assert s3.get_object(Bucket=bucket, Key=f"keys/{key}")["Body"].read() == content
        assert keys(s3.list_objects_v2(Bucket=bucket, Prefix=f"keys/{key}"))[:1] == [f"keys/{key}"]
        s3.delete_object(Bucket=bucket, Key=f"keys/{key}")
    assert status in (200, 400)
