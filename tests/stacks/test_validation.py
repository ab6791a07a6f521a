"""CloudFormation's own validation, which works in another process, still decides about a synthesis."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

WRONG = {"BucketNam": "no-such-property"}


def _with(properties: dict[str, Any], folder: Path) -> Any:
    """Return an application of one bucket, checked as the platform is."""
    from stacks import node

    node.provide()
    import aws_cdk as cdk

    from stacks.application import application
    from stacks.checks import check

    app = application(outdir=str(folder))
    stack = cdk.Stack(app, "Only", env=cdk.Environment(account="111122223333", region="us-east-1"))
    cdk.CfnResource(stack, "Group", type="AWS::Logs::LogGroup", properties=properties)
    check(app, production=False)
    return app


def _report(folder: Path) -> dict[str, Any]:
    plugins = json.loads((folder / "validation-report.json").read_text())["pluginReports"]
    return {plugin["pluginName"]: plugin for plugin in plugins}


def test_a_property_that_cloudformation_does_not_know_fails_the_synthesis(tmp_path: Path) -> None:
    app = _with(WRONG, tmp_path)
    with pytest.raises(RuntimeError, match="BucketNam"):
        app.synth()
    found = _report(tmp_path)["CloudFormation Validate"]
    assert found["conclusion"] == "failure"
    (construct,) = found["violations"][0]["violatingConstructs"]
    assert construct["constructPath"] == "Only/Group"
    assert construct["cloudFormationResource"]["logicalId"] == "Group"


def test_whoever_asks_for_no_validation_gets_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDK_VALIDATION", "false")
    _with(WRONG, tmp_path).synth()
    assert "CloudFormation Validate" not in _report(tmp_path)


def test_a_validator_that_died_fails_the_synthesis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stacks import validation
    from stacks.validator import Validator

    dead = Validator()
    dead._process.kill()
    monkeypatch.setattr(validation, "start", lambda: dead)
    app = _with({"LogGroupName": "a-group"}, tmp_path)
    with pytest.raises(RuntimeError, match="CDK_VALIDATION=false leaves it out"):
        app.synth()
    dead.stop()
