"""What holds for all templates together: checks, tags, stability, snapshots."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

SNAPSHOTS = Path(__file__).parent / "snapshots"


def test_every_check_passes_with_errors_as_errors(both: Any) -> None:
    for platform in both:
        reports = platform.report["pluginReports"]
        assert [plugin["violations"] for plugin in reports if plugin["violations"]] == []


def test_every_acknowledged_finding_says_why(both: Any) -> None:
    for platform in both:
        reasons = [
            reason
            for path in platform.folder.glob("*.metadata.json")
            for entries in json.loads(path.read_text()).values()
            for entry in entries
            if entry["type"] == "aws:cdk:acknowledged-rules"
            for reason in entry["data"].values()
        ]
        assert len(reasons) > 50  # the key is right: wildcards derived from definitions alone are more
        assert all(len(reason) > 15 for reason in reasons)


def test_a_broken_promise_fails_the_synthesis(tmp_path: Path) -> None:
    import aws_cdk as cdk
    from aws_cdk import aws_sagemaker as sagemaker

    from stacks.application import application
    from stacks.checks import check

    app = application(outdir=str(tmp_path))
    stack = cdk.Stack(app, "Broken")
    container = sagemaker.CfnModel.ContainerDefinitionProperty(image="image")
    role = "arn:aws:iam::111122223333:role/role"
    sagemaker.CfnModel(stack, "Model", execution_role_arn=role, primary_container=container)
    check(app, production=True)
    with pytest.raises(RuntimeError, match="A model has network isolation"):
        app.synth()
    report = json.loads((tmp_path / "validation-report.json").read_text())
    rules = {v["ruleName"] for plugin in report["pluginReports"] for v in plugin["violations"]}
    assert {"ModelInVpc", "ModelIsolated"} <= rules


def test_everything_that_can_be_is_tagged(dev: Any) -> None:
    wanted = {"project": "trainyard", "environment": "dev", "owner": "ml-platform", "cost-center": "research"}
    for stack, template in dev.templates.items():
        for resource in template["Resources"].values():
            tags = resource.get("Properties", {}).get("Tags")
            if isinstance(tags, list) and resource["Type"] != "AWS::Events::Rule":
                assert wanted.items() <= {tag["Key"]: tag["Value"] for tag in tags}.items(), stack


def test_a_second_synthesis_changes_nothing(dev: Any, tmp_path: Path) -> None:
    """Hence `cdk diff` after a deployment shows nothing."""
    import settings
    from stacks.application import application
    from stacks.platform import build

    app = application(outdir=str(tmp_path))
    build(app, settings.read("dev"))
    app.synth()
    for path in sorted(tmp_path.glob("*.template.json")):
        assert path.read_text() == (dev.folder / path.name).read_text()


@pytest.mark.parametrize("stack", ["network", "storage", "access", "studio", "pipelines", "serving"])
def test_the_stack_is_what_it_was(dev: Any, stack: str, essence: Callable[[Any], Any]) -> None:
    """Delete the snapshot to have it written anew, then look at its difference."""
    snapshot = SNAPSHOTS / f"{stack}.json"
    kept = essence(dev.templates[stack])
    if not snapshot.exists():
        snapshot.write_text(json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
        pytest.fail(f"wrote {snapshot.name} anew; look at it and commit it")
    assert kept == json.loads(snapshot.read_text())


def test_cfn_lint_finds_nothing(both: Any) -> None:
    """But for zones, which are fixed on purpose, and dependencies that CDK writes out although implied."""
    templates = [path for platform in both for path in sorted(platform.folder.glob("*.template.json"))]
    command = [Path(sys.executable).parent / "cfn-lint", "--non-zero-exit-code", "warning"]
    command += ["--ignore-checks", "W3010", "W3005", "--", *templates]
    linted = subprocess.run(command, capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_synthesis_needs_no_network_and_no_credentials(tmp_path: Path, repository: Path) -> None:
    """A proxy that nobody serves would turn any attempt into a failure."""
    nowhere = "http://127.0.0.1:9"
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(Path.home()),  # jsii keeps what it has unpacked there
        "HTTPS_PROXY": nowhere,
        "HTTP_PROXY": nowhere,
        "CDK_OUTDIR": str(tmp_path / "out"),
        "CDK_CONTEXT_JSON": json.dumps({"env": "prod"}),
        "CDK_VALIDATION": "false",
    }
    made = subprocess.run(
        [sys.executable, "app.py"],
        cwd=repository,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "out" / "trainyard-prod-network.template.json").exists()
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert "missing" not in manifest  # what the CDK CLI would have to ask AWS for


def test_a_wrong_environment_ends_with_one_line(tmp_path: Path, repository: Path) -> None:
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(Path.home()),  # jsii keeps what it has unpacked there
        "CDK_CONTEXT_JSON": json.dumps({"env": "deb"}),
    }
    made = subprocess.run(
        [sys.executable, "app.py"],
        cwd=repository,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 1
    assert "did you mean 'dev'" in made.stderr
    assert len(made.stderr.splitlines()) == 1
