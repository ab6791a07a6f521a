"""The AWS command line, where it is installed: it is no requirement of this project."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

AWS = shutil.which("aws")


@pytest.fixture
def aws(site: Any, tmp_path: Path) -> Any:
    """Run a command of it; returns its answer, or its words where it failed."""
    if AWS is None or subprocess.run([AWS, "--version"], capture_output=True, check=False).returncode:
        pytest.skip("the AWS command line is not installed")
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "AWS_ENDPOINT_URL": site.url,
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }

    def run(*words: str) -> Any:
        done = subprocess.run(
            [AWS, *words, "--output", "json"], capture_output=True, text=True, env=variables, check=False
        )
        if done.returncode:
            return done.stderr.strip()
        return json.loads(done.stdout) if done.stdout.startswith(("{", "[")) else done.stdout

    return run


def test_a_pipeline_runs_from_upload_to_result(aws: Any, site: Any, tmp_path: Path) -> None:
    (tmp_path / "raw.csv").write_text("1,2\n")
    assert aws("s3", "mb", "s3://raw-data").strip() == "make_bucket: raw-data"
    assert "upload:" in aws("s3", "cp", str(tmp_path / "raw.csv"), "s3://raw-data/in/raw.csv")
    definition = site.definition(site.step("Only", "print('fine')"))
    created = aws(
        "sagemaker", "create-pipeline", "--pipeline-name", "Shell", "--role-arn", site.role,
        "--pipeline-definition", definition,
    )  # fmt: skip
    assert created["PipelineArn"].endswith(":pipeline/shell")
    started = aws("sagemaker", "start-pipeline-execution", "--pipeline-name", "Shell")
    execution = started["PipelineExecutionArn"]
    described = site.sagemaker.describe_pipeline_execution
    site.until(lambda: described(PipelineExecutionArn=execution)["PipelineExecutionStatus"] == "Succeeded")
    steps = aws("sagemaker", "list-pipeline-execution-steps", "--pipeline-execution-arn", execution)
    assert [step["StepStatus"] for step in steps["PipelineExecutionSteps"]] == ["Succeeded"]
    aws("s3", "sync", "s3://raw-data/in", str(tmp_path / "back"))
    assert (tmp_path / "back" / "raw.csv").read_text() == "1,2\n"
    assert "delete:" in aws("s3", "rm", "--recursive", "s3://raw-data/in")


def test_errors_are_told_as_those_of_aws(aws: Any) -> None:
    words = aws("sagemaker", "describe-pipeline", "--pipeline-name", "none")
    assert (
        "(ResourceNotFound) when calling the DescribePipeline operation: Pipeline 'none' does not exist."
        in words
    )
    assert aws("sagemaker", "list-models") == {"Models": []}


def test_schedules_are_made(aws: Any, site: Any) -> None:
    target = {"Arn": "arn:aws:sagemaker:us-east-1:000000000000:pipeline/x", "RoleArn": site.role}
    made = aws(
        "scheduler", "create-schedule", "--name", "weekly", "--schedule-expression", "cron(0 6 ? * MON *)",
        "--flexible-time-window", "Mode=OFF", "--target", json.dumps(target),
    )  # fmt: skip
    assert made["ScheduleArn"].endswith("/weekly")
    assert aws("scheduler", "get-schedule", "--name", "weekly")["State"] == "ENABLED"
