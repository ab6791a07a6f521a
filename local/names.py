"""The names that a definition's placeholders have on this machine.

What a job runs is part of its step's cache key, so code is named by its content: the image of an algorithm
carries the digest of the algorithms' sources, and the processing code lies at a prefix that holds its digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from local.arns import ACCOUNT, REGION
from local.containers import package_folder
from local.errors import NotFoundError, disk_errors
from local.objects import copy_file, regular_files
from local.state import State
from pipeline.definition import DefinitionError, images, placeholders

RAW_BUCKET = "trainyard-raw"
ARTIFACT_BUCKET = "trainyard-artifacts"

_FIXED = {
    "RawDataBucket": RAW_BUCKET,
    "ArtifactBucket": ARTIFACT_BUCKET,
    "DataKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/00000000-0000-0000-0000-000000000000",
    "SubnetIdA": "subnet-00000000000000000",
    "SubnetIdB": "subnet-00000000000000001",
    "SecurityGroupId": "sg-00000000000000000",
}
_CHUNK = 1 << 20


def local_names(state: State, definition: Mapping[str, Any], pipeline_name: str) -> dict[str, str]:
    """Return a name for every placeholder of a definition; the processing code is put where its name says.

    Args:
        state: opened with write=True.
        definition: a compiled definition, placeholders open.
        pipeline_name: also the model package group's name.

    Raises:
        DefinitionError: a placeholder that means nothing here.

    """
    wanted = placeholders(definition)
    known = {**_FIXED, "ModelPackageGroupName": pipeline_name}
    if "ProcessingCodeUri" in wanted:
        known["ProcessingCodeUri"] = _put_code(state, "processing")
    known.update(_roles(wanted))
    if any(name.endswith("Image") for name in wanted):
        known.update(_images())
    unknown = sorted(wanted - known.keys())
    if unknown:
        listed = ", ".join(f"${{{name}}}" for name in unknown)
        raise DefinitionError(f"the definition asks for names that this machine does not have: {listed}")
    return {name: known[name] for name in sorted(wanted)}


def _roles(wanted: frozenset[str]) -> dict[str, str]:
    """Return a role per placeholder such as ConvertRoleArn; nothing here checks permissions."""
    suffix = "RoleArn"
    names = [name for name in wanted if name.endswith(suffix)]
    return {name: f"arn:aws:iam::{ACCOUNT}:role/trainyard-{name.removesuffix(suffix)}" for name in names}


def _images() -> dict[str, str]:
    """Return the images as on AWS, the algorithms' with the digest of what stands in for them here."""
    digest = code_digest(package_folder("algorithms"), package_folder("processing") / "recordio")
    return {
        name: uri if name.startswith("ScikitLearn") else f"{uri}@sha256:{digest}"
        for name, uri in images(REGION).items()
    }


# --- code ---------------------------------------------------------------------------------------------------


def code_digest(*places: Path) -> str:
    """Return the SHA-256 of source files: a file's own, or all below a folder, with their names."""
    digest = hashlib.sha256()
    for place in places:
        for file, name in _sources(place):
            content = file.read_bytes()
            digest.update(f"{name}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()


def _sources(place: Path) -> Iterator[tuple[Path, str]]:
    if place.is_file():
        yield place, place.name
    else:
        for file in regular_files(place):
            if "__pycache__" not in file.parts:
                yield file, file.relative_to(place.parent).as_posix()


def _put_code(state: State, package: str) -> str:
    """Put a package's sources below a prefix named by their content, unless they are there; return it."""
    folder = package_folder(package)
    uri = f"s3://{ARTIFACT_BUCKET}/code/{code_digest(folder)}"
    if not state.objects.exists(uri + "/"):
        with state.objects.staged() as staged:
            for file, name in _sources(folder):
                target = staged / name
                target.parent.mkdir(parents=True, exist_ok=True)
                copy_file(file, target)
            state.objects.move_tree(staged, uri)
    return uri


# --- raw data -----------------------------------------------------------------------------------------------


def put_raw(state: State, path: Path) -> str:
    """Put raw data into the object store under a name made of its content; return its URI.

    A changed file gets another URI, which is what makes the step cache miss: the cache compares URIs.

    Args:
        state: opened with write=True.
        path: a file, or a folder of files.

    Returns:
        `s3://BUCKET/raw/SHA256/NAME` for a file, `s3://BUCKET/raw/SHA256/` for a folder.

    Raises:
        NotFoundError: there is no such file or folder, it cannot be read, or the folder is empty.

    """
    state.require_writer()
    try:
        files = [(path, path.name)] if path.is_file() else _folder_files(path)
        return _put_files(state, files, single=path.is_file())
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError(f"no data at {path}; give a file or a folder that exists") from None
    except (PermissionError, IsADirectoryError) as error:
        raise NotFoundError(f"cannot read {error.filename}: {error.strerror}") from None


def _folder_files(folder: Path) -> list[tuple[Path, str]]:
    """Return the visible files right in the folder, which are what a conversion reads; links are followed.

    Nothing deeper: `--data .` would take in the state directory, and grow with every run.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    if not files:
        raise NotFoundError(f"no data at {folder}: the folder itself holds no files")
    return [(file, file.name) for file in files]


def _put_files(state: State, files: list[tuple[Path, str]], *, single: bool) -> str:
    """Copy and hash in one reading: the name says what was copied, also when a file changes meanwhile."""
    digest = hashlib.sha256()
    with state.objects.staged() as staged:
        for file, name in files:
            digest.update(f"{name}\0{file.stat().st_size}\0".encode())
            _copy_hashing(file, staged / name, digest)
        uri = f"s3://{RAW_BUCKET}/raw/{digest.hexdigest()}"
        if not state.objects.exists(uri + "/"):
            state.objects.move_tree(staged, uri)
    return f"{uri}/{files[0][1]}" if single else f"{uri}/"


def _copy_hashing(source: Path, target: Path, digest: Any) -> None:
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as reader, target.open("wb") as writer:
            while data := reader.read(_CHUNK):
                digest.update(data)
                writer.write(data)
