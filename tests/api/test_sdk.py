"""The SageMaker SDK v3, where it is installed, driven as its documentation shows."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

SCRIPT = """
import json, sys
import boto3
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.workflow.parameters import ParameterString
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import ProcessingStep
from sagemaker.core.workflow.pipeline_definition_config import PipelineDefinitionConfig

session = PipelineSession(boto_session=boto3.Session(), default_bucket="sdk-bucket")
words = ParameterString(name="Words", default_value="hello")
processor = ScriptProcessor(
    image_uri="683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3",
    command=["python3"],
    role=ROLE,
    instance_count=1,
    instance_type="ml.m5.large",
    base_job_name="greet",
    env={"WORDS": words},
    sagemaker_session=session,
)
step = ProcessingStep(name="Greet", step_args=processor.run(code=sys.argv[1]))
pipeline = Pipeline(
    name="FromSdk", parameters=[words], steps=[step], sagemaker_session=session, pipeline_experiment_config=None
)
first = pipeline.upsert(role_arn=ROLE, tags=[{"Key": "a", "Value": "b"}])
second = pipeline.upsert(role_arn=ROLE, description="again", tags=[{"Key": "c", "Value": "d"}])
assert first["PipelineArn"] == second["PipelineArn"], (first, second)
execution = pipeline.start(parameters={"Words": "good morning"}, execution_display_name="mine")
execution.wait(delay=1, max_attempts=120)
listed = execution.list_steps()
print(json.dumps({
    "status": execution.describe()["PipelineExecutionStatus"],
    "steps": [(s["StepName"], s["StepStatus"]) for s in listed],
    "parameters": execution.list_parameters()["PipelineParameters"],
    "description": pipeline.describe()["PipelineDescription"],
    "tags": session.sagemaker_client.list_tags(ResourceArn=first["PipelineArn"])["Tags"],
}))
pipeline.delete()
"""


def test_a_pipeline_of_the_sdk_runs_here(site: Any, tmp_path: Path) -> None:
    if find_spec("sagemaker") is None:
        pytest.skip("the SageMaker SDK is not installed: pip install trainyard[author]")
    script, code = tmp_path / "pipeline.py", tmp_path / "greet.py"
    script.write_text(textwrap.dedent(SCRIPT).replace("ROLE", repr(site.role)))
    code.write_text("import os; print(os.environ['WORDS'])")
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "AWS_ENDPOINT_URL": site.url,
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "SAGEMAKER_VALIDATE_ROLE": "false",
        "HOME": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, str(script), str(code)], capture_output=True, text=True, env=variables, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    import json

    told = json.loads(done.stdout.splitlines()[-1])
    assert told == {
        "status": "Succeeded",
        "steps": [["Greet", "Succeeded"]],
        "parameters": [{"Name": "Words", "Value": "good morning"}],
        "description": "again",
        "tags": [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}],
    }
