"""Objects on disk behave as objects in S3, and nothing is half-written."""

from __future__ import annotations

import os
import subprocess

import pytest

from local.errors import DiskFullError, LocalError, NotFoundError
from local.names import put_raw
from local.objects import ObjectStore
from local.state import open_state


@pytest.fixture
def store(tmp_path):
    return ObjectStore(tmp_path / "s3", tmp_path / "tmp")


def keys(store, prefix):
    return [item.key for item in store.find(prefix)]


def test_a_prefix_is_text_as_in_s3(store):
    for key in ("test/a", "test_labels/b", "test/deep/c", "other"):
        store.put_bytes(b"x", f"s3://bucket/run/{key}")
    assert keys(store, "s3://bucket/run/test") == ["run/test/a", "run/test/deep/c", "run/test_labels/b"]
    assert keys(store, "s3://bucket/run/test/") == ["run/test/a", "run/test/deep/c"]
    assert keys(store, "s3://bucket/run/test/a") == ["run/test/a"]
    assert keys(store, "s3://bucket/run/nothing") == []
    assert len(keys(store, "s3://bucket")) == 4


def test_keys_come_in_the_order_of_their_bytes(store):
    for key in ("b", "a/b", "a-b", "ä", "B"):
        store.put_bytes(b"", f"s3://bucket/{key}")
    assert keys(store, "s3://bucket/") == ["B", "a-b", "a/b", "b", "ä"]


@pytest.mark.parametrize(
    "uri",
    [
        "s3://bucket/../x",
        "s3://bucket/a/../../x",
        "s3://bucket/a//b",
        "s3://bucket/./a",
        "s3://../x",
        "/etc/passwd",
        "s3://B/x",
    ],
)
def test_a_location_cannot_lead_out_of_the_store(store, uri):
    with pytest.raises(LocalError):
        store.read(uri)


def test_a_link_in_the_store_is_not_followed_out_of_it(store, tmp_path):
    store.put_bytes(b"x", "s3://bucket/a/x")
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "s3/bucket/link").symlink_to(tmp_path)
    with pytest.raises(LocalError, match="symbolic link"):
        store.read("s3://bucket/link/secret")
    assert keys(store, "s3://bucket/") == ["a/x"]


def test_a_prefix_appears_whole_and_later_objects_replace_those_of_their_name(store, tmp_path):
    folder = tmp_path / "out"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep/a").write_text("1")
    (folder / "empty").mkdir()
    store.put_tree(folder, "s3://bucket/p")
    store.put_bytes(b"kept", "s3://bucket/p/other")
    (folder / "deep/a").write_text("2")
    store.put_tree(folder, "s3://bucket/p")
    assert keys(store, "s3://bucket/p/") == ["p/deep/a", "p/other"]
    assert store.read("s3://bucket/p/deep/a") == b"2"
    assert list((tmp_path / "tmp").iterdir()) == []


def test_an_object_and_a_prefix_cannot_share_a_name_here(store):
    store.put_bytes(b"x", "s3://bucket/a")
    with pytest.raises(LocalError, match="is an object already"):
        store.put_bytes(b"x", "s3://bucket/a/b")
    store.put_bytes(b"x", "s3://bucket/c/d")
    with pytest.raises(LocalError, match="prefix of other objects"):
        store.put_bytes(b"x", "s3://bucket/c")


@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_only_files_can_become_objects(store, tmp_path, kind):
    folder = tmp_path / "out"
    folder.mkdir()
    if kind == "link":
        (folder / "x").symlink_to("/etc/passwd")
    else:
        os.mkfifo(folder / "x")
    with pytest.raises(LocalError, match="no regular file"):
        store.put_tree(folder, "s3://bucket/p")
    assert not store.exists("s3://bucket/p")


def test_raw_data_is_named_by_its_content(yard, tmp_path):
    (tmp_path / "iris.csv").write_text("1")
    with yard.open() as state:
        first = put_raw(state, tmp_path / "iris.csv")
        assert put_raw(state, tmp_path / "iris.csv") == first
        assert first.endswith("/iris.csv")
        assert state.objects.read(first) == b"1"
        (tmp_path / "iris.csv").write_text("2")
        assert put_raw(state, tmp_path / "iris.csv") != first
        folder = put_raw(state, tmp_path)
        assert folder.endswith("/")
        assert state.objects.exists(folder + "iris.csv")


def test_raw_data_that_is_not_there_is_named(yard, tmp_path):
    (tmp_path / "empty").mkdir()
    with yard.open() as state:
        with pytest.raises(NotFoundError, match=r"no data at .*none\.csv"):
            put_raw(state, tmp_path / "none.csv")
        with pytest.raises(NotFoundError, match="holds no files"):
            put_raw(state, tmp_path / "empty")


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of two megabytes; only root can make one."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("no small file system can be mounted here: that takes root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_named_and_leaves_no_half_object(tiny_disk, tmp_path):
    (tmp_path / "big").write_bytes(bytes(4 << 20))
    with open_state(tiny_disk / "home", write=True) as state:
        with pytest.raises(DiskFullError, match="no space left on the disk"):
            put_raw(state, tmp_path / "big")
        with pytest.raises(DiskFullError):
            state.objects.put_bytes(bytes(4 << 20), "s3://bucket/x")
        assert not state.objects.exists("s3://bucket")
        assert not state.objects.exists("s3://trainyard-raw")
        state.objects.put_bytes(b"small", "s3://bucket/x")


def test_an_execution_on_a_full_disk_fails_and_goes_on_when_there_is_room(tiny_disk, yard, build):
    yard.home = tiny_disk / "home"
    (tiny_disk / "ballast").write_bytes(bytes(1 << 20))
    write = "(ml / 'processing/output/o/x').write_bytes(bytes(1200000))"
    copied = build.processing("Copy", "pass", inputs={"in": build.output("Make", "o")})
    described = yard.run(
        build.definition(build.processing("Make", write, outputs={"o": build.below("Make")}), copied)
    )
    assert described["status"] == "Failed"
    assert "no space left on the disk of" in described["failure_reason"]
    (tiny_disk / "ballast").unlink()
    write_again = yard.resume(described["execution"])
    assert write_again["status"] == "Failed"  # the copy of 1.2 MB does not fit beside the original
    assert "no space left on the disk" in write_again["failure_reason"]
    assert [step["status"] for step in write_again["steps"]] == ["Succeeded", "Failed"]
