"""`s3://bucket/key` as files below one directory: `s3/BUCKET/KEY`.

An object appears by rename and is never changed afterwards, so a reader sees all of it or none of it,
whenever a writer is killed. Unlike in S3, an object and a prefix cannot share a name (`a` and `a/b`), and a
part of a key is at most 255 bytes long, because keys are paths.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.errors import LocalError, NotFoundError, disk_errors

_URI = re.compile(r"s3://([^/]+)(?:/(.*))?", re.DOTALL)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True)
class Object:
    """One object: its URI, its key, its size in bytes and the file that holds it."""

    uri: str
    key: str
    size: int
    path: Path


def split_uri(uri: str) -> tuple[str, str]:
    """Return (bucket, key) of an `s3://bucket/key`.

    Raises:
        LocalError: not such a URI, or a key that is no plain relative path.

    """
    match = _URI.fullmatch(uri)
    if match is None or not _BUCKET.fullmatch(match[1]):
        raise LocalError(f"{uri!r} is no S3 location; write s3://bucket/key")
    key = match[2] or ""
    parts = key.removesuffix("/").split("/") if key else []
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise LocalError(f"{uri!r}: the parts of a key must not be empty, '.' or '..'")
    return match[1], key


class ObjectStore:
    """Objects below `root`; `temporary` is a directory in the same file system, for what is being written."""

    def __init__(self, root: Path, temporary: Path):
        self.root = root
        self.temporary = temporary

    def path(self, uri: str) -> Path:
        """Return the file or directory that an object or prefix has or would have, always below the root."""
        bucket, key = split_uri(uri)
        path = self.root / bucket / key
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise LocalError(f"{uri!r} leads out of {self.root} through a symbolic link; remove that link")
        return path

    def acting_as(self, role: str | None) -> ObjectStore:  # noqa: ARG002
        """Return the objects as a role (its ARN) may see them; files on disk know no roles."""
        return self

    def create_bucket(self, bucket: str) -> None:
        """Make a bucket; one that is there already stays."""
        self.path(f"s3://{bucket}").mkdir(parents=True, exist_ok=True)

    def exists(self, uri: str) -> bool:
        """Return whether any object's key begins with the URI's."""
        return any(True for _ in self._matches(uri))

    def find(self, prefix: str) -> list[Object]:
        """Return the objects whose keys begin with the prefix's text, in the order of their keys (UTF-8).

        As in S3 the prefix is text and not a folder: `s3://b/test` also finds `test_labels/a`.
        """
        bucket, _ = split_uri(prefix)
        found = [
            Object(f"s3://{bucket}/{key}", key, entry.stat().st_size, Path(entry.path))
            for key, entry in self._matches(prefix)
        ]
        return sorted(found, key=lambda item: item.key.encode())

    def _matches(self, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
        bucket, key = split_uri(prefix)
        above, slash, _ = key.rpartition("/")
        return _walk(self.path(f"s3://{bucket}/{above}"), above + slash, key)

    def find_some(self, prefix: str) -> list[Object]:
        """Return what `find` does; no object at all is an error, as it is for a job's input.

        Raises:
            NotFoundError: nothing there.

        """
        found = self.find(prefix)
        if not found:
            raise NotFoundError(f"no S3 objects found under {prefix}")
        return found

    def read(self, uri: str) -> bytes:
        """Return an object's content.

        Raises:
            NotFoundError: there is none.

        """
        path = self.path(uri)
        if not path.is_file():
            raise NotFoundError(f"there is no object {uri}")
        return path.read_bytes()

    def read_json(self, uri: str) -> Any:
        """Return the document in a JSON object.

        Raises:
            LocalError: no such object, or it is not JSON.

        """
        import json

        try:
            return json.loads(self.read(uri))
        except ValueError as error:
            raise LocalError(f"{uri} is not JSON: {error}") from None

    def put_bytes(self, data: bytes, uri: str) -> None:
        """Write an object."""
        with self.staged() as staged, disk_errors(staged):
            staged.write_bytes(data)
            self.move(staged, uri)

    def put_file(self, path: Path, uri: str) -> None:
        """Copy a file into an object."""
        with self.staged() as staged:
            copy_file(path, staged)
            self.move(staged, uri)

    def put_tree(self, folder: Path, uri: str) -> None:
        """Copy all files below a folder to `uri`/relative path; empty folders leave no trace, as in S3.

        Raises:
            LocalError: something below is no regular file.

        """
        self._stage_tree(folder, uri, copy_file)

    def take_tree(self, folder: Path, uri: str) -> None:
        """Give all files below a folder to the store, without a copy; nobody may write to them any more."""
        self._stage_tree(folder, uri, lambda source, target: target.hardlink_to(source))

    def _stage_tree(self, folder: Path, uri: str, give: Callable[[Path, Path], None]) -> None:
        with self.staged() as staged, disk_errors(staged):
            for file in regular_files(folder):
                target = staged / file.relative_to(folder)
                target.parent.mkdir(parents=True, exist_ok=True)
                give(file, target)
            self.move_tree(staged, uri)

    @contextmanager
    def staged(self) -> Iterator[Path]:
        """Give a fresh path for a file or folder being written; what was not moved away is removed."""
        with disk_errors(self.temporary):
            self.temporary.mkdir(parents=True, exist_ok=True)
        path = self.temporary / os.urandom(12).hex()
        try:
            yield path
        finally:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def move(self, staged: Path, uri: str) -> None:
        """Make a staged file the object `uri`, in one step."""
        target = self.path(uri)
        if target.is_dir():
            raise LocalError(f"{uri} is a prefix of other objects here, so it cannot be an object itself")
        self._make_parent(target, uri)
        staged.replace(target)

    def move_tree(self, staged: Path, uri: str) -> None:
        """Make a staged folder the prefix `uri`: in one step where it is new, else object by object."""
        if not staged.is_dir():
            return
        target = self.path(uri)
        self._make_parent(target, uri)
        if not target.exists():
            staged.rename(target)
            return
        for file in regular_files(staged):
            self.move(file, f"{uri.rstrip('/')}/{file.relative_to(staged).as_posix()}")

    def _make_parent(self, target: Path, uri: str) -> None:
        try:
            with disk_errors(target):
                target.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise LocalError(
                f"{uri}: a part of its key is an object already, so nothing can be below it"
            ) from None


def regular_files(folder: Path) -> list[Path]:
    """Return the files below a folder, sorted.

    Raises:
        LocalError: a symbolic link, FIFO, socket or device is among them: only files can become objects.

    """
    found: list[Path] = []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda item: item.name):
            if entry.is_dir(follow_symlinks=False):
                found.extend(regular_files(Path(entry.path)))
            elif entry.is_file(follow_symlinks=False):
                found.append(Path(entry.path))
            else:
                raise LocalError(
                    f"{entry.path} is no regular file (a link, FIFO, socket or device); write a file there"
                )
    return found


def copy_file(source: Path, target: Path) -> None:
    """Copy a file's content within the kernel.

    Jobs get copies of their inputs rather than hard links: a job may write to its inputs, as it may on AWS,
    and through a link it would change the object itself. 157 MB take 0.04 s from the page cache, so nothing
    cleverer pays.
    """
    with disk_errors(target):
        shutil.copyfile(source, target)


def _walk(folder: Path, above: str, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield (key, entry) of the files in `folder`, whose keys begin with `above`, that match `prefix`."""
    try:
        entries = os.scandir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    with entries:
        for entry in entries:
            key = above + entry.name
            if entry.is_dir(follow_symlinks=False):
                below = key + "/"
                if below.startswith(prefix) or prefix.startswith(below):
                    yield from _walk(Path(entry.path), below, prefix)
            elif entry.is_file(follow_symlinks=False) and key.startswith(prefix):
                yield key, entry
