"""`trainyard up --aws URL`: objects in the S3 and events to the EventBridge of another service."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.errors import UsageError
from cli.up import add_arguments, execute
from local.api.start import LocalService
from local.aws import Aws
from local.errors import LocalError, NotFoundError
from local.objects import ObjectStore
from local.remote_objects import RemoteObjects


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    """Give an S3 that another process could run: the one of a second service."""
    with LocalService(tmp_path_factory.mktemp("elsewhere")) as local:
        yield local


@pytest.fixture
def objects(
    elsewhere: LocalService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RemoteObjects]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    store = RemoteObjects(tmp_path / "copies", tmp_path / "tmp", Aws(elsewhere.url))
    store.create_bucket("bucket")
    yield store
    for found in elsewhere.service.state.objects.find("s3://bucket/"):
        found.path.unlink()


def test_an_object_comes_back_as_it_was_written(objects: RemoteObjects) -> None:
    objects.put_bytes(b"rows", "s3://bucket/a/b.csv")
    assert objects.read("s3://bucket/a/b.csv") == b"rows"
    assert objects.path("s3://bucket/a/b.csv").read_bytes() == b"rows"
    assert [(found.key, found.size) for found in objects.find("s3://bucket/a")] == [("a/b.csv", 4)]


def test_a_prefix_is_text_and_its_objects_are_sorted(objects: RemoteObjects, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    for name in ("test/2", "test/1", "test_labels/1"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    objects.take_tree(folder, "s3://bucket/out")
    found = objects.find("s3://bucket/out/test")
    assert [item.path.read_text() for item in found] == ["test/1", "test/2", "test_labels/1"]


def test_a_changed_object_is_fetched_again(objects: RemoteObjects) -> None:
    for content in (b"first", b"second!"):
        objects.put_bytes(content, "s3://bucket/changing")
        assert objects.path("s3://bucket/changing").read_bytes() == content


def test_what_is_not_there_is_told_as_by_the_store_on_disk(
    objects: RemoteObjects, elsewhere: LocalService
) -> None:
    stores: list[ObjectStore] = [objects, elsewhere.service.state.objects]
    for store in stores:
        assert not store.exists("s3://bucket/missing")
        assert not store.path("s3://bucket/missing").is_file()
        with pytest.raises(NotFoundError, match="there is no object s3://bucket/missing"):
            store.read("s3://bucket/missing")
        with pytest.raises(NotFoundError, match="no S3 objects found under s3://bucket/missing"):
            store.find_some("s3://bucket/missing")


def test_what_s3_refuses_names_the_object(objects: RemoteObjects) -> None:
    with pytest.raises(LocalError, match=r"s3://no-such-bucket/a.*NoSuchBucket"):
        objects.put_bytes(b"", "s3://no-such-bucket/a")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--assume-roles"], "--assume-roles needs --aws URL"),
        (["--aws", "localhost:4566"], "is no address; give one such as http://127.0.0.1:4566"),
        (["--aws", "http://127.0.0.1:1", "--settings", "settings/dev.toml"], "give --settings or --aws"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(given: list[str], message: str) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with pytest.raises(UsageError, match=message):
        execute(parser.parse_args(given))
