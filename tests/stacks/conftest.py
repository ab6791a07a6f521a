"""Each environment is synthesised once a session, with every check on, and read by all tests."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

STACKS = ("network", "storage", "access", "studio", "pipelines", "serving")

Resources = list[dict[str, Any]]


@dataclass(frozen=True)
class Synthesised:
    """The templates of an environment by the short name of their stack, and the report of all checks."""

    environment: str
    templates: Mapping[str, dict[str, Any]]
    report: Mapping[str, Any]
    folder: Path

    def resources(self, stack: str, kind: str) -> dict[str, dict[str, Any]]:
        """Return the resources of a type in a stack: logical id → resource."""
        listed = self.templates[stack]["Resources"]
        return {key: resource for key, resource in listed.items() if resource["Type"] == kind}

    def properties(self, stack: str, kind: str) -> Resources:
        """Return the properties of all resources of a type in a stack."""
        return [resource["Properties"] for resource in self.resources(stack, kind).values()]

    def only(self, stack: str, kind: str, **wanted: Any) -> dict[str, Any]:
        """Return the properties of the one resource of a type with the wanted properties."""
        found = [
            properties
            for properties in self.properties(stack, kind)
            if all(properties.get(key) == value for key, value in wanted.items())
        ]
        assert len(found) == 1, f"{len(found)} of {kind} with {wanted} in {stack}"
        return found[0]

    def statements(self, role_name: str) -> Resources:
        """Return all statements of the policies on a role, wherever their stack."""
        found: Resources = []
        for template in self.templates.values():
            ids = {
                key
                for key, resource in template["Resources"].items()
                if resource["Type"] == "AWS::IAM::Role"
                and resource["Properties"].get("RoleName") == role_name
            }
            for resource in template["Resources"].values():
                if resource["Type"] == "AWS::IAM::Policy":
                    roles = {role.get("Ref") for role in resource["Properties"]["Roles"]}
                    if roles & ids:
                        found += resource["Properties"]["PolicyDocument"]["Statement"]
        return found


def _synthesise(environment: str, folder: Path) -> Synthesised:
    import settings
    from stacks import node

    node.provide()
    from stacks.application import application
    from stacks.platform import build

    app = application(outdir=str(folder))
    build(app, settings.read(environment))
    app.synth()
    return Synthesised(
        environment,
        {
            stack: json.loads((folder / f"trainyard-{environment}-{stack}.template.json").read_text())
            for stack in STACKS
        },
        json.loads((folder / "validation-report.json").read_text()),
        folder,
    )


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    """The environment `dev`: quick mode, emptied on destroy."""
    return _synthesise("dev", tmp_path_factory.mktemp("dev"))


@pytest.fixture(scope="session")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    """The environment `prod`: custom mode, data retained."""
    return _synthesise("prod", tmp_path_factory.mktemp("prod"))


@pytest.fixture(scope="session")
def both(dev: Synthesised, prod: Synthesised) -> tuple[Synthesised, Synthesised]:
    """Both environments, for promises that hold in each."""
    return dev, prod


@pytest.fixture(scope="session")
def essence() -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """What a snapshot keeps of a template: types, policies of deletion and plain properties, no hashes."""
    return _essence


def _essence(template: Mapping[str, Any]) -> Mapping[str, Any]:
    kept = [
        {
            "Type": resource["Type"],
            **{key: resource[key] for key in ("DeletionPolicy",) if key in resource},
            **dict(_plain(resource.get("Properties", {}))),
        }
        for resource in template["Resources"].values()
    ]
    return {
        "resources": sorted(kept, key=lambda resource: json.dumps(resource, sort_keys=True)),
        "outputs": sorted(key for key in template.get("Outputs", {}) if not key.startswith("ExportsOutput")),
    }


def _plain(properties: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in sorted(properties.items()):
        if isinstance(value, str):
            yield key, re.sub(r"\b[0-9a-f]{16}\b|[0-9a-f]{64}|[0-9A-F]{8}$", "<hash>", value)
        elif isinstance(value, int | float):
            yield key, value
