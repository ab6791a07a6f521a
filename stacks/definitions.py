"""The compiled definitions, and what their `${Name}` placeholders stand for in an environment."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline import definition as definitions
from stacks.functions import REPOSITORY
from stacks.names import Names, role_kind, role_placeholders

CODE_FOLDER = "processing"
_HASH_DIGITS = 16


@dataclass(frozen=True)
class Infrastructure:
    """What only CloudFormation knows: values are tokens."""

    data_key_arn: str
    subnet_ids: tuple[str, str]
    security_group_id: str


@cache
def code_hash(folder: Path = REPOSITORY / CODE_FOLDER) -> str:
    """Return a digest of the processing code: of names and contents, not of times or modes."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or "__pycache__" in path.parts:
            continue
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:_HASH_DIGITS]


def code_prefix() -> str:
    """Return the prefix below which the folder `processing/` is shipped."""
    return f"code/{code_hash()}"


def text(task: str) -> str:
    """Return the compiled definition of a task as it was committed, byte for byte."""
    return (definitions.DEFINITIONS / f"{task}.json").read_text(encoding="utf-8")


def fillings(task: str, names: Names, infrastructure: Infrastructure) -> dict[str, str]:
    """Return a value for every placeholder of a task's definition.

    Raises:
        DefinitionError: the definition has a placeholder that nothing is known for.

    """
    wanted = definitions.placeholders(definitions.load(task))
    known: Mapping[str, str] = {
        "RawDataBucket": names.bucket("raw"),
        "ArtifactBucket": names.bucket("artifacts"),
        "ProcessingCodeUri": f"s3://{names.bucket('artifacts')}/{code_prefix()}",
        "ModelPackageGroupName": names.of(task),
        "DataKeyArn": infrastructure.data_key_arn,
        "SubnetIdA": infrastructure.subnet_ids[0],
        "SubnetIdB": infrastructure.subnet_ids[1],
        "SecurityGroupId": infrastructure.security_group_id,
        **{name: names.role_arn(task, role_kind(name)) for name in role_placeholders(wanted)},
        **definitions.images(names.region),
    }
    missing = sorted(wanted - known.keys())
    if missing:
        raise definitions.DefinitionError(
            f"the definition of {task} has placeholders that no stack fills: {', '.join(missing)}"
        )
    return {name: known[name] for name in sorted(wanted)}
